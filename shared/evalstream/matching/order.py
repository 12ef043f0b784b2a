"""Orders that more than one policy works through."""

from __future__ import annotations

import numpy as np
from numba import njit

from evalstream.scenes import Code, Float, Int, Scenes


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
def _ranks(scene: Int, feature: Code, order: Int) -> Int:
    rank = np.empty(len(order), np.int64)
    for i in range(len(order)):
        here = order[i]
        same = i > 0 and scene[order[i - 1]] == scene[here] and feature[order[i - 1]] == feature[here]
        rank[here] = rank[order[i - 1]] + 1 if same else 0
    return rank


def scene_of(scenes: Scenes) -> Int:
    """Return the scene of each prediction."""
    return np.repeat(np.arange(len(scenes.prediction_start)), scenes.prediction_end - scenes.prediction_start)


def by_feature_and_confidence(scenes: Scenes) -> tuple[Int, Int]:
    """Order predictions by scene, feature and decreasing confidence, ties by position; and rank them within a feature.

    This is COCO's order. The rank is 0 for the most confident prediction of its scene and feature: "at most 100
    detections" keeps ranks below 100.

    Returns
    -------
    order, rank : int64 arrays, one entry a prediction
    """
    scene = scene_of(scenes)
    order = np.lexsort((-scenes.prediction_confidence, scenes.prediction_feature, scene))
    return order, _ranks(scene, scenes.prediction_feature, order)


@njit(cache=True, nogil=True)
def most_annotations(scenes: Scenes) -> int:
    """Return the number of annotations of the largest scene: how much scratch space a sweep needs."""
    most = 0
    for scene in range(len(scenes.annotation_start)):
        most = max(most, scenes.annotation_end[scene] - scenes.annotation_start[scene])
    return most
