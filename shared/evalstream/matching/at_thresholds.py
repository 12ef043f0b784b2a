"""COCO's matching at thresholds, area ranges and numbers of detections that somebody names.

The match rectangles of :mod:`evalstream.matching.coco` hold at every threshold, for COCO's own area ranges and number
of detections. pycocotools lets people choose those too. This is its ``COCOeval.evaluateImg``, step by step, with all
that depends on the value of an id there.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalstream.geometry.dense import Extents
from evalstream.matching.coco import MAX_IOU_THRESHOLD
from evalstream.native import compiled
from evalstream.scenes import Flag, Float, Int

#: What a prediction is at a threshold.
FALSE_POSITIVE: Final = 0
TRUE_POSITIVE: Final = 1
IGNORED: Final = 2

Outcomes = NDArray[np.uint8]


class Groups(NamedTuple):
    """Objects that may match among themselves, group after group, predictions by decreasing confidence."""

    extents: Extents
    iou: Float
    ignored: Flag  # of each annotation, whatever its area
    crowd: Flag
    annotation_area: Float
    told: Flag  # whether its match can be told from none: its id is not 0
    prediction_area: Float
    takes: Flag  # whether an annotation that it takes is taken: its id is above 0


def outside(area: Float, low: float, high: float) -> Flag:
    """Whether areas are not within a range, both ends of which belong to it."""
    return (area < low) | (area > high)


def match_group(of: Groups, g: int, low: float, high: float, thresholds: Float) -> Int:
    """Match one group; give the position within it of each prediction's annotation, −1: none, (thresholds, n)."""
    return _match_group(of, g, low, high, thresholds, MAX_IOU_THRESHOLD).reshape(len(thresholds), -1)


@compiled
def _match_group(of: Groups, g: int, low: float, high: float, thresholds: Float, most_iou: float) -> Int: ...


def match_at(of: Groups, low: float, high: float, thresholds: Float) -> tuple[Outcomes, Int]:
    """Match all groups in one area range.

    Returns
    -------
    outcomes : (thresholds, predictions) uint8
        What each prediction is: ``FALSE_POSITIVE``, ``TRUE_POSITIVE`` or ``IGNORED``.
    annotations : (groups,) int64
        How many annotations of each group count.
    """
    outcomes, annotations = _match_at(of, low, high, thresholds, MAX_IOU_THRESHOLD)
    return outcomes.reshape(len(thresholds), of.extents.prediction[-1]), annotations


@compiled
def _match_at(of: Groups, low: float, high: float, thresholds: Float, most_iou: float) -> tuple[Outcomes, Int]: ...
