"""Batches of objects as events write them, for tests of geometry alone; and shapes to make them of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from evalstream.events.base import Crowd, Part
from evalstream.events.models import Annotation, Prediction
from evalstream.geometry.pairs import overlapping_pairs
from evalstream.ontology import NOTHING_DECLARED, Ontology
from evalstream.scenes import Batch, Scenes, Shapes
from evalstream.types import CODES
from hypothesis import strategies as st
from pydantic import TypeAdapter
from pydantic_core import to_json

from tests.oracles.shapes import runs

Objects = Sequence[Mapping[str, Any]]
_ANNOTATION: TypeAdapter[Any] = TypeAdapter(Annotation)
_PREDICTION: TypeAdapter[Any] = TypeAdapter(Prediction)


def batch_of(scenes: Sequence[tuple[Objects, Objects]], ontology: Ontology = NOTHING_DECLARED) -> Batch:
    """Make a batch of scenes, each with its annotations and predictions; all objects are of one feature."""
    true, found = ([item for scene in scenes for item in scene[side]] for side in (0, 1))
    annotations = [_ANNOTATION.validate_json(to_json({"feature": "f"} | dict(item))).parts()[0] for item in true]
    predictions = [_PREDICTION.validate_json(to_json({"feature": "f"} | dict(item))).parts()[0] for item in found]
    annotation_offset, prediction_offset = (np.cumsum([0, *(len(scene[side]) for scene in scenes)]) for side in (0, 1))
    crowd = np.array([part.crowd for part in annotations], np.int64)
    columns = Scenes(
        annotation_start=annotation_offset[:-1],
        annotation_end=annotation_offset[1:],
        prediction_start=prediction_offset[:-1],
        prediction_end=prediction_offset[1:],
        annotation_type=np.array([CODES[part.type] for part in annotations], np.int32),
        annotation_feature=np.zeros(len(annotations), np.int32),
        annotation_area=np.array([part.area for part in annotations], np.float64),
        annotation_crowd=np.isin(crowd, (Crowd.CROWD, Crowd.GROUP_OF)),
        annotation_difficult=crowd == Crowd.DIFFICULT,
        annotation_box=_boxes(annotations),
        prediction_type=np.array([CODES[part.type] for part in predictions], np.int32),
        prediction_feature=np.zeros(len(predictions), np.int32),
        prediction_confidence=np.array([part.confidence for part in predictions], np.float64),
        prediction_area=np.array([part.area for part in predictions], np.float64),
        prediction_box=_boxes(predictions),
    )
    lonlat = np.zeros(len(scenes), np.bool_)
    return Batch(columns, _shapes("a", annotations), _shapes("p", predictions), ["f"], lonlat, ontology)


def _boxes(parts: Sequence[Part]) -> np.ndarray[Any, Any]:
    return np.array([part.geometry if part.type == "bbox" else (0, 0, 0, 0) for part in parts], float).reshape(-1, 4)


def _shapes(letter: str, parts: Sequence[Part]) -> Shapes:
    start = np.cumsum([0, *(len(part.geometry) for part in parts)])
    value = np.array([number for part in parts for number in part.geometry], np.float64)
    ids = pa.array([f"{letter}{i}" for i in range(len(parts))], pa.string())
    return Shapes(ids, start, value, pa.array([part.detail for part in parts], pa.string()))


def ious(batch: Batch) -> dict[tuple[int, int], float]:
    """The IoU of all pairs that overlap, by positions of the prediction and the annotation; checks their order."""
    pairs = overlapping_pairs(batch)
    prediction = np.repeat(np.arange(len(pairs.start) - 1), np.diff(pairs.start))
    found = list(zip(prediction.tolist(), pairs.annotation.tolist(), strict=True))
    assert found == sorted(set(found))
    return dict(zip(found, pairs.iou.tolist(), strict=True))


def only(batch: Batch) -> float:
    """The IoU of a batch's only pair; 0 if they do not overlap."""
    return ious(batch).get((0, 0), 0.0)


# Few distinct places, so that shapes touch, coincide and degenerate, and half of them between; all exact when moved.
# One choice each, for there are dozens of them in an example, and what they take is hypothesis' own time.
PLACES = st.sampled_from([float(n) for n in range(13)] * 59 + [n / 64 for n in range(12 * 64 + 1)])
SIDES = st.sampled_from([0.0, 1.0, 4.0, 7.5] * 144 + [n / 64 for n in range(1, 9 * 64 + 1)])
CROWDS = st.sampled_from([{}, {}, {"crowd": True}, {"group_of": True}])
POINTS = st.tuples(PLACES, PLACES).map(list)
RINGS = st.lists(POINTS, min_size=3, max_size=7)

BBOXES = st.tuples(PLACES, PLACES, SIDES, SIDES).map(lambda box: {"type": "bbox", "bbox": list(box)})
ROTATED_BOXES = st.tuples(
    PLACES, PLACES, SIDES, SIDES, st.one_of(st.sampled_from([0, 30, 45, 90, 180, -90, 360]), st.floats(-360, 360))
).map(lambda box: {"type": "rotated_box", "rotated_box": list(box)})
POLYGONS = st.one_of(
    RINGS.map(lambda ring: {"type": "polygon", "polygon": [ring]}),
    st.lists(RINGS, min_size=2, max_size=3).map(lambda rings: {"type": "polygon", "polygon": rings}),
    st.lists(st.lists(RINGS, min_size=1, max_size=2), min_size=1, max_size=3).map(
        lambda pieces: {"type": "polygon", "multipolygon": pieces}
    ),
)
SIZE = (12, 11)


def mask(pixels: Any) -> dict[str, Any]:
    """A mask as plain run lengths."""
    return {"type": "mask", "mask": {"size": list(np.shape(pixels)), "counts": runs(np.asarray(pixels))}}


@st.composite
def masks(draw: st.DrawFn) -> dict[str, Any]:
    """A mask of rectangles, some filled and some cut out; it may be empty."""
    pixels = np.zeros(SIZE, bool)
    for _ in range(draw(st.integers(0, 3))):
        top, left = draw(st.integers(0, SIZE[0])), draw(st.integers(0, SIZE[1]))
        pixels[top : top + draw(st.integers(0, 9)), left : left + draw(st.integers(0, 9))] = draw(st.booleans())
    return mask(pixels)


MASKS = masks()
OF_TYPE = {"bbox": BBOXES, "rotated_box": ROTATED_BOXES, "polygon": POLYGONS, "mask": MASKS}


def scenes_of(shapes: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[list[tuple[Objects, Objects]]]:
    """Some scenes, each with some annotations, crowds among them, and some predictions."""
    annotations = st.builds(lambda shape, crowd: shape | crowd, shapes, CROWDS)
    return st.lists(st.tuples(st.lists(annotations, max_size=3), st.lists(shapes, max_size=3)), min_size=1, max_size=2)
