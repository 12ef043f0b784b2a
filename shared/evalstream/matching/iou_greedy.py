"""Policy ``iou-greedy``: pairs of any class, the best overlap first (Labelbox's rule).

At confidence c and IoU t: drop predictions below c; go through the pairs by decreasing IoU; match a pair if its IoU is
above t (strictly) and neither side is matched yet. Pairs of equal IoU go by decreasing confidence, then by the
prediction's and the annotation's position. Crowd regions are no objects here.

Greedy by one common ranking of the pairs is the unique stable matching of predictions and annotations that both
prefer pairs higher in that ranking. So all thresholds come out of one sweep: predictions enter by decreasing
confidence; each proposes to its annotations in order of preference; an annotation leaves its partner for a better one,
and the partner proposes onward. Annotations only ever improve, so every pair is proposed at most once. A pair lives
from the entry that made it to the entry that broke it: an interval of c. The IoU threshold only cuts the list of pairs
short, so t is a pure filter.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from evalstream.matching.emit import emit
from evalstream.matching.order import most_annotations, preference
from evalstream.scenes import RECTANGLE, Pairs, Rectangles, Scenes


@njit(cache=True, nogil=True)
def match_iou_greedy(scenes: Scenes, pairs: Pairs) -> Rectangles:
    """Match a batch of scenes at every threshold at once."""
    out = np.empty(len(pairs.iou), RECTANGLE)
    count = 0
    widest = most_annotations(scenes)
    partner = np.empty(widest, np.int64)  # of each annotation of the scene, -1: free
    partner_iou = np.empty(widest, np.float64)
    since = np.empty(widest, np.float64)  # the confidence at which the partnership began

    ranked_annotation = np.empty(len(pairs.iou), np.int32)
    ranked_iou = np.empty(len(pairs.iou), np.float64)
    following = pairs.start.copy()  # the next candidate that a prediction proposes to

    for scene in range(len(scenes.annotation_start)):
        first = scenes.annotation_start[scene]
        size = scenes.annotation_end[scene] - first
        partner[:size] = -1
        begin, end = scenes.prediction_start[scene], scenes.prediction_end[scene]
        for p in range(begin, end):
            lo, hi = pairs.start[p], pairs.start[p + 1]
            order = preference(pairs.iou[lo:hi])
            for k in range(hi - lo):
                ranked_annotation[lo + k] = pairs.annotation[lo + order[k]]
                ranked_iou[lo + k] = pairs.iou[lo + order[k]]
        confidence = scenes.prediction_confidence
        entry = np.argsort(-confidence[begin:end], kind="mergesort")
        for position in entry:
            entering = begin + position
            now = confidence[entering]
            if now < 0:
                break
            proposer = entering
            while proposer >= 0:
                k = following[proposer]
                if k == pairs.start[proposer + 1]:
                    break
                following[proposer] += 1
                a = ranked_annotation[k]
                if scenes.annotation_crowd[a]:
                    continue
                seat = a - first
                rival = partner[seat]
                if rival >= 0:
                    if not _precedes(
                        ranked_iou[k],
                        confidence[proposer],
                        proposer,
                        partner_iou[seat],
                        confidence[rival],
                        rival,
                    ):
                        continue
                    # Within one confidence the partnership never showed at any threshold.
                    if now < since[seat]:
                        out = _emit(out, count, rival, a, partner_iou[seat], now, since[seat])
                        count += 1
                partner[seat] = proposer
                partner_iou[seat] = ranked_iou[k]
                since[seat] = now
                proposer = rival
        for seat in range(size):
            if partner[seat] >= 0:
                out = _emit(out, count, partner[seat], first + seat, partner_iou[seat], -np.inf, since[seat])
                count += 1
    return out[:count]


@njit(cache=True, nogil=True)
def _emit(
    out: Rectangles, count: int, prediction: int, annotation: int, iou: float, low: float, high: float
) -> Rectangles:
    # "IoU above t" is stored as "t at most the next smaller number": one predicate then serves every policy.
    return emit(out, count, prediction, annotation, iou, low, high, -np.inf, np.nextafter(iou, 0.0), 0, False)


@njit(cache=True, nogil=True, inline="always")
def _precedes(iou: float, confidence: float, position: int, iou2: float, confidence2: float, position2: int) -> bool:
    """Whether the first pair goes before the second in the common ranking."""
    if iou != iou2:
        return iou > iou2
    if confidence != confidence2:
        return confidence > confidence2
    return position < position2
