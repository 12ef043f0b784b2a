"""Batches of shapes by hand: for tests of geometry alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from evalstream.ontology import NOTHING_DECLARED, Ontology
from evalstream.scenes import Batch, Scenes, Shapes
from evalstream.types import CODES


class Shape(NamedTuple):
    """One shape of one side."""

    numbers: Sequence[float]
    feature: str = "thing"
    area: float = 0.0


Side = Sequence[Shape]


def batch_of(kind: str, scenes: Sequence[tuple[Side, Side]], ontology: Ontology = NOTHING_DECLARED) -> Batch:
    """Make a batch of scenes, each the shapes of its annotations and of its predictions, all of one type."""
    true = [shape for annotations, _ in scenes for shape in annotations]
    found = [shape for _, predictions in scenes for shape in predictions]
    names = sorted({shape.feature for shape in true + found})
    annotation_offset = np.cumsum([0, *(len(annotations) for annotations, _ in scenes)])
    prediction_offset = np.cumsum([0, *(len(predictions) for _, predictions in scenes)])
    columns = Scenes(
        annotation_start=annotation_offset[:-1],
        annotation_end=annotation_offset[1:],
        prediction_start=prediction_offset[:-1],
        prediction_end=prediction_offset[1:],
        annotation_type=np.full(len(true), CODES[kind], np.int32),
        annotation_feature=np.array([names.index(shape.feature) for shape in true], np.int32),
        annotation_area=np.array([shape.area for shape in true], np.float64),
        annotation_crowd=np.zeros(len(true), np.bool_),
        annotation_difficult=np.zeros(len(true), np.bool_),
        annotation_box=np.zeros((len(true), 4)),
        prediction_type=np.full(len(found), CODES[kind], np.int32),
        prediction_feature=np.array([names.index(shape.feature) for shape in found], np.int32),
        prediction_confidence=np.ones(len(found)),
        prediction_area=np.array([shape.area for shape in found], np.float64),
        prediction_box=np.zeros((len(found), 4)),
    )
    lonlat = np.zeros(len(scenes), np.bool_)
    return Batch(columns, _side("a", true), _side("p", found), names, lonlat, ontology)


def _side(letter: str, shapes: Side) -> Shapes:
    start = np.cumsum([0, *(len(shape.numbers) for shape in shapes)])
    value = np.array([number for shape in shapes for number in shape.numbers], np.float64)
    ids = pa.array([f"{letter}{i}" for i in range(len(shapes))], pa.string())
    return Shapes(ids, start, value, pa.array([""] * len(shapes), pa.string()))
