"""Orders that more than one policy works through."""

from __future__ import annotations

import numpy as np
from numba import njit

from evalstream.scenes import Code, Float, Int, Scenes
from evalstream.types import CODES

_TYPES = len(CODES)


@njit(cache=True, nogil=True)
def preference(iou: Float) -> Int:
    """Order candidates by decreasing IoU; of equal ones the earlier first (a stable sort)."""
    order = np.arange(len(iou))
    if len(iou) > 64:
        return np.argsort(-iou, kind="mergesort")
    for i in range(1, len(iou)):
        j = i
        while j > 0 and iou[order[j - 1]] < iou[order[j]]:
            order[j - 1], order[j] = order[j], order[j - 1]
            j -= 1
    return order


@njit(cache=True, nogil=True)
def by_feature_and_confidence(scenes: Scenes) -> tuple[Int, Int]:
    """Order predictions by scene, feature and decreasing confidence, ties by position; and rank them.

    This is COCO's order. The rank is 0 for the most confident prediction of its scene, feature and type: "at most 100
    detections" keeps ranks below 100.

    Returns
    -------
    order, rank : int64 arrays, one entry a prediction
    """
    feature, confidence = scenes.prediction_feature, scenes.prediction_confidence
    order = np.arange(len(feature))
    rank = np.empty(len(feature), np.int64)
    kind = scenes.prediction_type
    seen = np.zeros(_TYPES + 1, np.int64)  # of each type, among predictions of one feature; the last: nested ones
    for scene in range(len(scenes.prediction_start)):
        begin, end = scenes.prediction_start[scene], scenes.prediction_end[scene]
        if end - begin > 64:
            members = np.argsort(-confidence[begin:end], kind="mergesort") + begin
            order[begin:end] = members[np.argsort(feature[members], kind="mergesort")]
        else:  # an insertion sort beats anything else on a few dozen
            for i in range(begin + 1, end):
                j = i
                while j > begin and _after(order[j - 1], order[j], feature, confidence):
                    order[j - 1], order[j] = order[j], order[j - 1]
                    j -= 1
        for i in range(begin, end):
            p = order[i]
            if i == begin or feature[p] != feature[order[i - 1]]:
                seen[:] = 0
            rank[p] = seen[kind[p]]
            seen[kind[p]] += 1
    return order, rank


@njit(cache=True, nogil=True, inline="always")
def _after(p: int, q: int, feature: Code, confidence: Float) -> bool:
    if feature[p] != feature[q]:
        return bool(feature[p] > feature[q])
    return bool(confidence[p] < confidence[q])


@njit(cache=True, nogil=True)
def most_annotations(scenes: Scenes) -> int:
    """Return the number of annotations of the largest scene: how much scratch space a sweep needs."""
    most = 0
    for scene in range(len(scenes.annotation_start)):
        most = max(most, scenes.annotation_end[scene] - scenes.annotation_start[scene])
    return most
