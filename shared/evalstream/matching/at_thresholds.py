"""COCO's matching at thresholds, area ranges and numbers of detections that somebody names.

The match rectangles of :mod:`evalstream.matching.coco` hold at every threshold, for COCO's own area ranges and number
of detections. pycocotools lets people choose those too. This is its ``COCOeval.evaluateImg``, step by step, with all
that depends on the value of an id there.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from evalstream.geometry.dense import Extents
from evalstream.matching.coco import MAX_IOU_THRESHOLD
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


@njit(cache=True, nogil=True)
def outside(area: Float, low: float, high: float) -> Flag:
    """Whether areas are not within a range, both ends of which belong to it."""
    return (area < low) | (area > high)


@njit(cache=True, nogil=True)
def match_group(of: Groups, g: int, low: float, high: float, thresholds: Float) -> Int:
    """Match one group; give the position within it of each prediction's annotation, −1: none, (thresholds, n)."""
    first, last = of.extents.annotation[g], of.extents.annotation[g + 1]
    begin, end = of.extents.prediction[g], of.extents.prediction[g + 1]
    size = last - first
    iou = of.iou[of.extents.iou[g] : of.extents.iou[g + 1]]
    crowd = of.crowd[first:last]
    ignored = of.ignored[first:last] | outside(of.annotation_area[first:last], low, high)
    order = np.argsort(ignored, kind="mergesort")
    match = np.full((len(thresholds), end - begin), -1, np.int64)
    taken = np.empty(size, np.bool_)
    for t in range(len(thresholds)):
        taken[:] = False
        for p in range(end - begin):
            best = min(thresholds[t], MAX_IOU_THRESHOLD)
            found = -1
            for a in order:
                if taken[a] and not crowd[a]:
                    continue
                if found > -1 and not ignored[found] and ignored[a]:
                    break
                if iou[p * size + a] < best:
                    continue
                best = iou[p * size + a]
                found = a
            if found >= 0:
                match[t, p] = found
                taken[found] = of.takes[begin + p]
    return match


@njit(cache=True, nogil=True)
def match_at(of: Groups, low: float, high: float, thresholds: Float) -> tuple[Outcomes, Int]:
    """Match all groups in one area range.

    Returns
    -------
    outcomes : (thresholds, predictions) uint8
        What each prediction is: ``FALSE_POSITIVE``, ``TRUE_POSITIVE`` or ``IGNORED``.
    annotations : (groups,) int64
        How many annotations of each group count.
    """
    groups = len(of.extents.iou) - 1
    outcomes = np.empty((len(thresholds), of.extents.prediction[-1]), np.uint8)
    annotations = np.empty(groups, np.int64)
    for g in range(groups):
        first, begin = of.extents.annotation[g], of.extents.prediction[g]
        last, end = of.extents.annotation[g + 1], of.extents.prediction[g + 1]
        ignored = of.ignored[first:last] | outside(of.annotation_area[first:last], low, high)
        annotations[g] = np.count_nonzero(~ignored)
        if begin == end:
            continue
        beyond = outside(of.prediction_area[begin:end], low, high)
        match = match_group(of, g, low, high, thresholds)
        for t in range(len(thresholds)):
            for p in range(end - begin):
                a = match[t, p]
                told = a >= 0 and of.told[first + a]
                if (a >= 0 and ignored[a]) or (not told and beyond[p]):
                    outcomes[t, begin + p] = IGNORED
                else:
                    outcomes[t, begin + p] = TRUE_POSITIVE if told else FALSE_POSITIVE
    return outcomes, annotations
