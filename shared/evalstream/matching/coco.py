"""Policy ``coco``: the matching of pycocotools, ``COCOeval.evaluateImg``.

Within a scene and class, and for one area range: predictions go by decreasing confidence (ties by position), at most
100 of them. At IoU t each takes, of the annotations still free with IoU at least t, a regular one before an ignored one
(a crowd region, or one outside the area range), then the one of highest IoU, then the last. A crowd region may be taken
any number of times. A prediction that took an ignored annotation is ignored, as is an unmatched one outside the range.

The regular part needs one number an annotation. Suppose that each regular annotation g is taken exactly at the
thresholds t <= T(g). The next prediction tries its annotations by decreasing IoU; what it has not been given when it
comes to g lies below some R (above R lie thresholds that it either has, or can get nowhere, since all later IoUs are
smaller). It gets g at T(g) < t <= min(R, IoU): one interval, which lies just above what was taken of g, so T(g) moves
up to it, and what is left to the prediction lies below the old T(g). Hence every pair has at most one rectangle, and
the whole threshold axis costs what one matching costs. Ignored annotations see what regular ones left over, which has
gaps, so for them intervals are kept as lists; there are few.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from evalstream.matching.area import AREA_HIGH, AREA_LOW
from evalstream.matching.emit import emit
from evalstream.matching.order import by_feature_and_confidence, most_annotations, preference
from evalstream.scenes import RECTANGLE, Code, Float, Int, Pairs, Rectangles, Scenes

#: COCO counts this many predictions of one class in one image, the most confident ones.
MAX_DETECTIONS = 100
#: pycocotools' guard for t = 1: a threshold is never above this.
MAX_IOU_THRESHOLD = 1 - 1e-10


def match_coco(scenes: Scenes, pairs: Pairs) -> Rectangles:
    """Match a batch of scenes at every threshold, for each area range, at once."""
    order, rank = by_feature_and_confidence(scenes)
    return _match_batch(scenes, pairs, order, rank)


@njit(cache=True, nogil=True)
def _match_batch(scenes: Scenes, pairs: Pairs, order: Int, rank: Int) -> Rectangles:
    out = np.empty(2 * len(pairs.iou), RECTANGLE)
    count = 0
    widest = most_annotations(scenes)
    taken = np.empty(widest, np.float64)
    latest = np.empty(widest, np.int64)
    feature = scenes.prediction_feature
    for scene in range(len(scenes.prediction_start)):
        start, end = scenes.prediction_start[scene], scenes.prediction_end[scene]
        while start < end:  # the predictions of one class lie together in `order`
            stop = start + 1
            while stop < end and feature[order[stop]] == feature[order[start]]:
                stop += 1
            members = order[start:stop]
            for r in range(len(AREA_LOW)):
                if _concerns(scenes, scene, members, r):
                    out, count = _match_class(scenes, pairs, scene, members, rank, r, taken, latest, out, count)
            start = stop
    return out[:count]


@njit(cache=True, nogil=True)
def _match_class(
    scenes: Scenes,
    pairs: Pairs,
    scene: int,
    members: Int,
    rank: Int,
    r: int,
    taken: Float,
    latest: Int,
    out: Rectangles,
    count: int,
) -> tuple[Rectangles, int]:
    """Match one class of one scene for area range ``r``.

    ``taken`` and ``latest`` are scratch space with an entry for each annotation of the scene: T(g) of a regular one,
    and the last rectangle written over an ignored one.
    """
    first = scenes.annotation_start[scene]
    size = scenes.annotation_end[scene] - first
    taken[:size] = -np.inf
    latest[:size] = -1
    earlier = np.empty(0, np.int64)  # for each rectangle from `origin` on, the one before it over the same annotation
    origin = count
    for p in members:
        confidence = scenes.prediction_confidence[p]
        if rank[p] >= MAX_DETECTIONS or confidence < 0:
            break
        annotation, iou = _candidates(scenes, pairs, p)
        begun = count
        left = np.inf
        some_ignored = False
        for k in range(len(annotation)):
            a = annotation[k]
            if _is_ignored(scenes, a, r):
                some_ignored = True
                continue
            high = min(left, iou[k])
            low = taken[a - first]
            if high > low:
                out = emit(out, count, p, a, iou[k], -np.inf, confidence, low, high, r, False)
                count += 1
                taken[a - first] = high
            left = min(low, high)
        if not some_ignored:
            continue
        open_low, open_high = _gaps(out["iou_low"][begun:count], out["iou_high"][begun:count])
        for k in range(len(annotation)):
            a = annotation[k]
            if not _is_ignored(scenes, a, r):
                continue
            got_low, got_high = _clipped(open_low, open_high, iou[k])
            if not scenes.annotation_crowd[a]:
                j = latest[a - first]
                while j >= 0:
                    got_low, got_high = _without(got_low, got_high, out[j].iou_low, out[j].iou_high)
                    j = earlier[j - origin]
            for j in range(len(got_low)):
                out = emit(out, count, p, a, iou[k], -np.inf, confidence, got_low[j], got_high[j], r, True)
                if count - origin >= len(earlier):
                    longer = np.empty(2 * (count - origin) + 16, np.int64)
                    longer[: len(earlier)] = earlier
                    earlier = longer
                earlier[count - origin] = latest[a - first]
                latest[a - first] = count
                count += 1
                open_low, open_high = _without(open_low, open_high, got_low[j], got_high[j])
    return out, count


@njit(cache=True, nogil=True, inline="always")
def _is_ignored(scenes: Scenes, a: int, r: int) -> bool:
    area = scenes.annotation_area[a]
    return bool(scenes.annotation_crowd[a] or area < AREA_LOW[r] or area > AREA_HIGH[r])


@njit(cache=True, nogil=True)
def _concerns(scenes: Scenes, scene: int, members: Int, r: int) -> bool:
    """Whether anything of this class counts in the area range: if not, every prediction is ignored there anyway."""
    if r == 0:
        return True
    for p in members:
        if AREA_LOW[r] <= scenes.prediction_area[p] <= AREA_HIGH[r]:
            return True
    for a in range(scenes.annotation_start[scene], scenes.annotation_end[scene]):
        if scenes.annotation_feature[a] == scenes.prediction_feature[members[0]] and not _is_ignored(scenes, a, r):
            return True
    return False


@njit(cache=True, nogil=True)
def _candidates(scenes: Scenes, pairs: Pairs, p: int) -> tuple[Code, Float]:
    """The annotations of p's class that it overlaps, by decreasing IoU, of equal ones the last first."""
    begin, end = pairs.start[p], pairs.start[p + 1]
    annotation = np.empty(end - begin, np.int32)
    iou = np.empty(end - begin, np.float64)
    count = 0
    for k in range(end - 1, begin - 1, -1):  # backwards: the stable sort then leaves the last first
        if scenes.annotation_feature[pairs.annotation[k]] == scenes.prediction_feature[p]:
            annotation[count] = pairs.annotation[k]
            iou[count] = pairs.iou[k]
            count += 1
    annotation, iou = annotation[:count], iou[:count]
    if count > 1:
        order = preference(iou)
        return annotation[order], iou[order]
    return annotation, iou


@njit(cache=True, nogil=True)
def _gaps(low: Float, high: Float) -> tuple[Float, Float]:
    """What intervals (low, high], given from the top down, leave of the threshold axis."""
    gap_low = np.append(high, -np.inf)
    gap_high = np.append(np.array([np.inf]), low)
    some = gap_low < gap_high
    return gap_low[some], gap_high[some]


@njit(cache=True, nogil=True)
def _clipped(low: Float, high: Float, top: float) -> tuple[Float, Float]:
    """The part at or below ``top`` of intervals (low, high]."""
    some = low < top
    return low[some], np.minimum(high[some], top)


@njit(cache=True, nogil=True)
def _without(low: Float, high: Float, cut_low: float, cut_high: float) -> tuple[Float, Float]:
    """What intervals (low, high] keep when (cut_low, cut_high] is taken out."""
    kept_low = np.concatenate((low, np.maximum(low, cut_high)))
    kept_high = np.concatenate((np.minimum(high, cut_low), high))
    some = kept_low < kept_high
    return kept_low[some], kept_high[some]
