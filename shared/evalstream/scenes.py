"""A batch of scenes as columns: what geometry and matching work on, and the match rectangles that come of it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

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

    ``feature`` and ``type`` are codes with one meaning across both sides; ``box`` is ``(n, 4)`` with boxes as
    x, y, width, height, unused for other types.
    """

    annotation_start: Int
    annotation_end: Int
    prediction_start: Int
    prediction_end: Int
    annotation_type: Code
    annotation_feature: Code
    annotation_area: Float
    annotation_crowd: Flag
    annotation_box: Float
    prediction_type: Code
    prediction_feature: Code
    prediction_confidence: Float
    prediction_area: Float
    prediction_box: Float


class Pairs(NamedTuple):
    """Predictions and annotations of one scene that overlap, ordered by scene, prediction and annotation.

    ``start`` has one entry more than there are predictions of the batch: the pairs of prediction ``p`` are
    ``start[p] : start[p + 1]``. ``iou`` is infinite where the type has no notion of overlap (a classification).
    """

    start: Int
    annotation: Code
    iou: Float


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
