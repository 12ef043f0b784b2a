"""Policy ``best-candidate``: a prediction stands for its best annotation or for none (Pascal VOC, Open Images, Encord).

Each prediction points to the annotation of its own class that it overlaps most (of equal ones the first), whatever the
thresholds. At IoU t, of those that point to one annotation with IoU at least t, the most confident is the match (of
equal ones the first). The others do not move on to their second choice. So a prediction is the match exactly where t is
above the best IoU of its more confident rivals and at most its own, and the confidence threshold is a pure filter.

A difficult annotation (Pascal VOC) is pointed to like any other, and what points to it with IoU at least t is ignored,
however many they are. A region (COCO's crowd, Open Images' group) is pointed to only by what is left: a prediction that
is neither a match nor ignored at t is ignored if at least the share t of its own area lies within the region of its
class in which it lies most. Over a region the overlap of a pair is that share.

Reference: Pascal VOC devkit, ``VOCevaldet.m``; Open Images, ``per_image_evaluation.py`` of the TensorFlow models.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from evalstream.matching.emit import emit
from evalstream.matching.order import by_feature_and_confidence, most_annotations
from evalstream.scenes import RECTANGLE, Int, Pairs, Rectangles, Scenes


def match_best_candidate(scenes: Scenes, pairs: Pairs) -> Rectangles:
    """Match a batch of scenes at every threshold at once."""
    order, _ = by_feature_and_confidence(scenes)
    return _point(scenes, pairs, order)


@njit(cache=True, nogil=True)
def _point(scenes: Scenes, pairs: Pairs, order: Int) -> Rectangles:
    out = np.empty(len(order), RECTANGLE)
    count = 0
    taken = np.empty(most_annotations(scenes), np.float64)  # the best IoU that has pointed to each annotation so far
    for scene in range(len(scenes.prediction_start)):
        first = scenes.annotation_start[scene]
        taken[: scenes.annotation_end[scene] - first] = -np.inf
        for i in range(scenes.prediction_start[scene], scenes.prediction_end[scene]):
            p = order[i]
            confidence = scenes.prediction_confidence[p]
            if confidence < 0:
                continue
            best = _best(scenes, pairs, p, False)
            # Matched, or ignored, at low < t <= high: nowhere as yet.
            low, high = -np.inf, -np.inf
            if best >= 0:
                a = pairs.annotation[best]
                iou = pairs.iou[best]
                difficult = scenes.annotation_difficult[a]
                if difficult or iou > taken[a - first]:
                    low, high = taken[a - first], iou
                    out = emit(out, count, p, a, iou, -np.inf, confidence, low, high, 0, difficult)
                    count += 1
                if not difficult:
                    taken[a - first] = max(taken[a - first], iou)
            region = _best(scenes, pairs, p, True)
            if region < 0:
                continue
            a = pairs.annotation[region]
            share = pairs.iou[region]
            if min(low, share) > -np.inf:
                out = emit(out, count, p, a, share, -np.inf, confidence, -np.inf, min(low, share), 0, True)
                count += 1
            if share > high:
                out = emit(out, count, p, a, share, -np.inf, confidence, high, share, 0, True)
                count += 1
    return out[:count]


@njit(cache=True, nogil=True)
def _best(scenes: Scenes, pairs: Pairs, p: int, region: bool) -> int:
    """The pair of prediction p of highest overlap with a region, or anything but, of its class; the first; or −1."""
    best = -1
    for k in range(pairs.start[p], pairs.start[p + 1]):
        a = pairs.annotation[k]
        if scenes.annotation_feature[a] != scenes.prediction_feature[p] or scenes.annotation_crowd[a] != region:
            continue
        if best < 0 or pairs.iou[k] > pairs.iou[best]:
            best = k
    return best
