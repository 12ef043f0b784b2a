"""Measures of objects and pairs beside their overlap."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from evalstream.geometry.keypoints import keypoint_measures
from evalstream.geometry.number import number_measures
from evalstream.geometry.point import point_measures
from evalstream.geometry.polygon import polygon_measures
from evalstream.geometry.polyline import polyline_measures
from evalstream.geometry.semantic import semantic_measures
from evalstream.geometry.text import text_measures
from evalstream.scenes import Batch, Code, Measure, Rectangles
from evalstream.types import CODES

#: What is measured of pairs that some policy matches at some threshold, by annotation type: called with the positions
#: of all such predictions and annotations of the type, nested ones too.
OF_PAIRS: Final[dict[str, Callable[[Batch, Code, Code], list[Measure]]]] = {
    "number": number_measures,
    "text": text_measures,
    "polyline": polyline_measures,
    "point": point_measures,
    "keypoints": keypoint_measures,
}

#: What is measured of whole scenes, by the annotation type that has to be there.
OF_SCENES: Final[dict[str, Callable[[Batch], list[Measure]]]] = {
    "polygon": polygon_measures,
    "mask": semantic_measures,
}


def measured(batch: Batch, rectangles: Sequence[Rectangles], types: Code) -> list[Measure]:
    """Measure the pairs that some policy matches, and the scenes.

    Parameters
    ----------
    rectangles : sequence of rectangles
        Those of each policy.
    types : (predictions,) int32
        The type of each prediction of the batch, of nested ones too.
    """
    measures: list[Measure] = []
    for name, of_pairs in OF_PAIRS.items():
        if not np.any(types == CODES[name]):
            continue
        chosen = np.concatenate([r[types[r["prediction"]] == CODES[name]] for r in rectangles])
        pairs = np.unique(np.stack((chosen["prediction"], chosen["annotation"]), axis=1), axis=0)
        if len(pairs):
            measures += of_pairs(batch, *np.ascontiguousarray(pairs.T))
    for name, of_scenes in OF_SCENES.items():
        if np.any(batch.scenes.prediction_type == CODES[name]) or np.any(batch.scenes.annotation_type == CODES[name]):
            measures += of_scenes(batch)
    return measures
