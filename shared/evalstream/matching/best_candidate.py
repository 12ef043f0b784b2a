"""Policy ``best-candidate``: a prediction stands for its best annotation or for none (Encord's rule).

Each prediction points to the annotation of its own class that it overlaps most (of equal ones the first), whatever the
thresholds. At IoU t, of those that point to one annotation with IoU at least t, the most confident is the match (of
equal ones the first). The others do not move on to their second choice. Crowd regions are no objects here.

So a prediction is the match exactly where t is above the best IoU of its more confident rivals and at most its own,
and the confidence threshold is a pure filter.
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
            best = _best(scenes, pairs, p)
            if best < 0 or confidence < 0:
                continue
            a = pairs.annotation[best]
            iou = pairs.iou[best]
            low = taken[a - first]
            if iou > low:
                out = emit(out, count, p, a, iou, -np.inf, confidence, low, iou, 0, False)
                count += 1
                taken[a - first] = iou
    return out[:count]


@njit(cache=True, nogil=True)
def _best(scenes: Scenes, pairs: Pairs, p: int) -> int:
    """The pair of prediction p of highest IoU within its class, of equal ones the first; -1 if there is none."""
    best = -1
    for k in range(pairs.start[p], pairs.start[p + 1]):
        a = pairs.annotation[k]
        if scenes.annotation_feature[a] != scenes.prediction_feature[p] or scenes.annotation_crowd[a]:
            continue
        if best < 0 or pairs.iou[k] > pairs.iou[best]:
            best = k
    return best
