"""A batch of scenes as columns: what geometry and matching work on, and the match rectangles that come of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from evalstream.ontology import Ontology

Int = NDArray[np.int64]
Code = NDArray[np.int32]
Float = NDArray[np.float64]
Flag = NDArray[np.bool_]


class Scenes(NamedTuple):
    """A batch of scenes: what one run says of one data row, beside the row's annotations.

    All objects of the batch lie in flat columns, the predictions of one scene after those of the one before. Scene
    ``s`` has the annotations ``annotation_start[s] : annotation_end[s]`` and the predictions
    ``prediction_start[s] : prediction_end[s]``; scenes of several runs over one data row share the same annotations.
    The order of objects within a scene is part of the input: ties are broken by it.

    ``feature`` and ``type`` are codes with one meaning across both sides; the type of what is nested in another object
    is ``NESTED``. ``crowd`` marks annotations that are regions of many objects and themselves none, ``difficult`` those
    that need not be found; an annotation marked as both is an unlabelled skeleton, ignored and matched once only.
    ``box`` is ``(n, 4)`` with boxes as x, y, width, height, unused for other types.
    """

    annotation_start: Int
    annotation_end: Int
    prediction_start: Int
    prediction_end: Int
    annotation_type: Code
    annotation_feature: Code
    annotation_area: Float
    annotation_crowd: Flag
    annotation_difficult: Flag
    annotation_box: Float
    prediction_type: Code
    prediction_feature: Code
    prediction_confidence: Float
    prediction_area: Float
    prediction_box: Float


class Pairs(NamedTuple):
    """Predictions and annotations of one scene that overlap, ordered by scene, prediction and annotation.

    ``start`` has one entry more than there are predictions of the batch: the pairs of prediction ``p`` are
    ``start[p] : start[p + 1]``. Where the type has no notion of overlap, ``iou`` is above 1 and so above every
    threshold: infinite for a classification, and for points from 1 to 2, the nearer the more.
    """

    start: Int
    annotation: Code
    iou: Float


class Shapes(NamedTuple):
    """The shapes of one side of a batch, in the order of the scenes' flat columns."""

    id: pa.Array  # strings, to name an object in an error
    start: Int  # the numbers of object i are value[start[i] : start[i + 1]]; what they mean depends on its type
    value: Float
    detail: pa.Array  # strings: what numbers alone cannot say


class Batch(NamedTuple):
    """All that geometry may look at: the scenes, the shapes of both sides, and how they are to be read."""

    scenes: Scenes
    annotations: Shapes
    predictions: Shapes
    features: list[str]  # by code
    lonlat: Flag  # of each scene: whether coordinates are longitudes and latitudes in degrees
    ontology: Ontology


class Found(NamedTuple):
    """Pairs that overlap, of one annotation type, in any order: positions in the flat columns, and how much."""

    prediction: Code
    annotation: Code
    iou: Float


class Measure(NamedTuple):
    """One thing measured in a batch beside overlap: parallel columns, one entry a measurement.

    ``annotation`` and ``prediction`` are positions in the scenes' flat columns, −1 where there is none. ``actual`` and
    ``predicted`` are labels, for what is measured of labels and not of objects. A measurement holds at confidence
    thresholds up to ``confidence``. ``value`` may have several columns, whose meaning depends on the name.
    """

    name: str
    scene: Int
    annotation: Code
    prediction: Code
    value: Float  # (entries, k)
    confidence: Float | None = None  # None: at all thresholds
    actual: Sequence[str] | None = None
    predicted: Sequence[str] | None = None


#: One match rectangle: the thresholds at which one prediction is matched to one annotation.
#:
#: Matched at (confidence c, IoU t) exactly where ``confidence_low < c <= confidence_high`` and
#: ``iou_low < t <= iou_high``. ``prediction`` and ``annotation`` index the flat columns of the scenes. ``area_range``
#: indexes :data:`evalstream.matching.AREA_RANGES`; ``ignored`` marks a match to an annotation that does not count, so
#: that the prediction does not count either.
RECTANGLE = np.dtype(
    [
        ("prediction", np.int32),
        ("annotation", np.int32),
        ("iou", np.float64),
        ("confidence_low", np.float64),
        ("confidence_high", np.float64),
        ("iou_low", np.float64),
        ("iou_high", np.float64),
        ("area_range", np.uint8),
        ("ignored", np.bool_),
    ],
    align=True,
)

#: A structured array of dtype ``RECTANGLE``.
Rectangles = NDArray[np.void]

_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,18}")


def row_order(data_row: str) -> tuple[bool, int, int, str]:
    """Sort data rows as average precision takes them: integers by value, then the others by length and name.

    pycocotools goes by image id, and of equally confident detections the one that comes first counts first.
    """
    is_integer = _INTEGER.fullmatch(data_row) is not None
    return not is_integer, int(data_row) if is_integer else 0, len(data_row.encode()), data_row
