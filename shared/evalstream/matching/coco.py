"""Policy ``coco``: the matching of pycocotools, ``COCOeval.evaluateImg``.

Within a scene and class, and for one area range: predictions go by decreasing confidence (ties by position), at most
100 of them, or 20 skeletons. At IoU t each takes, of the annotations still free with IoU at least t, a regular one
before an ignored one (a crowd region, a skeleton without labelled keypoints, or one outside the area range), then the
one of highest IoU, then the last. A crowd region may be taken any number of times. A prediction that took an ignored
annotation is ignored, as is an unmatched one outside the range.

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
from evalstream.scenes import RECTANGLE, Code, Flag, Float, Int, Pairs, Rectangles, Scenes
from evalstream.types import CODES

#: COCO counts this many predictions of one class in one image, the most confident ones.
MAX_DETECTIONS = 100
#: And this many skeletons (pycocotools, ``Params.setKpParams``).
MAX_SKELETONS = 20
#: pycocotools' guard for t = 1: a threshold is never above this.
MAX_IOU_THRESHOLD = 1 - 1e-10
_KEYPOINTS = CODES["keypoints"]


@njit(cache=True, nogil=True)
def match_coco(scenes: Scenes, pairs: Pairs) -> Rectangles:
    """Match a batch of scenes at every threshold, for each area range, at once."""
    order, rank = by_feature_and_confidence(scenes)
    concerned = _concerned(scenes, order)
    start, annotation, iou = _candidates(scenes, pairs)
    confidence = scenes.prediction_confidence
    area, crowd = scenes.annotation_area, scenes.annotation_crowd
    kind, single = scenes.prediction_type, scenes.annotation_difficult
    widest = most_annotations(scenes)
    taken = np.empty(widest, np.float64)  # T(g) of each regular annotation of the scene
    ignored = np.empty(widest, np.bool_)  # whether it is ignored in this area range
    latest = np.empty(widest, np.int64)  # the last rectangle over an ignored one, -1: none
    earlier = np.empty(0, np.int64)  # of a rectangle over an ignored one: the one before it over the same
    left_over = np.empty((8, 2), np.float64)
    got = np.empty((8, 2), np.float64)
    out = np.empty(2 * len(iou), RECTANGLE)
    count = 0
    for scene in range(len(scenes.prediction_start)):
        first = scenes.annotation_start[scene]
        size = scenes.annotation_end[scene] - first
        for r in range(len(AREA_LOW)):
            for seat in range(size):
                a = first + seat
                ignored[seat] = crowd[a] or area[a] < AREA_LOW[r] or area[a] > AREA_HIGH[r]
                taken[seat] = -np.inf
                latest[seat] = -1
            # Classes follow one another in `order`, and share no pairs: they cannot get into each other's way.
            for i in range(scenes.prediction_start[scene], scenes.prediction_end[scene]):
                p = order[i]
                most = MAX_SKELETONS if kind[p] == _KEYPOINTS else MAX_DETECTIONS
                if not concerned[i, r] or rank[p] >= most or confidence[p] < 0:
                    continue
                begun = count
                left = np.inf
                some_ignored = False
                for k in range(start[p], start[p + 1]):
                    seat = annotation[k] - first
                    if ignored[seat]:
                        some_ignored = True
                        continue
                    low = taken[seat]
                    high = min(left, iou[k])
                    if high > low:
                        out = emit(out, count, p, annotation[k], iou[k], -np.inf, confidence[p], low, high, r, False)
                        count += 1
                        taken[seat] = high
                    left = min(low, high)
                if not some_ignored:
                    continue
                # What the regular ones left of the threshold axis, in pieces (low, high].
                left_over[0] = -np.inf, np.inf
                pieces = 1
                for j in range(begun, count):
                    left_over, pieces = _cut(left_over, pieces, out[j].iou_low, out[j].iou_high)
                for k in range(start[p], start[p + 1]):
                    a = annotation[k]
                    if not ignored[a - first]:
                        continue
                    if len(got) < len(left_over):
                        got = np.empty_like(left_over)
                    parts = 0
                    for j in range(pieces):
                        if left_over[j, 0] < iou[k]:
                            got[parts] = left_over[j, 0], min(left_over[j, 1], iou[k])
                            parts += 1
                    if not crowd[a] or single[a]:
                        j = latest[a - first]
                        while j >= 0:
                            got, parts = _cut(got, parts, out[j].iou_low, out[j].iou_high)
                            j = earlier[j]
                    for part in range(parts):
                        low, high = got[part]
                        out = emit(out, count, p, a, iou[k], -np.inf, confidence[p], low, high, r, True)
                        if count >= len(earlier):
                            longer = np.empty(len(out), np.int64)
                            longer[: len(earlier)] = earlier
                            earlier = longer
                        earlier[count] = latest[a - first]
                        latest[a - first] = count
                        count += 1
                        left_over, pieces = _cut(left_over, pieces, low, high)
    return out[:count]


@njit(cache=True, nogil=True)
def _concerned(scenes: Scenes, order: Int) -> Flag:
    """Whether anything of a prediction's class counts in each area range: if not, it is ignored there anyway.

    Of shape (predictions, area ranges), in the order of ``order``.
    """
    feature = scenes.prediction_feature
    concerned = np.zeros((len(order), len(AREA_LOW)), np.bool_)
    concerned[:, 0] = True
    for scene in range(len(scenes.prediction_start)):
        begin, end = scenes.prediction_start[scene], scenes.prediction_end[scene]
        while begin < end:
            own = feature[order[begin]]
            stop = begin
            while stop < end and feature[order[stop]] == own:
                stop += 1
            for r in range(1, len(AREA_LOW)):
                some = False
                for p in order[begin:stop]:
                    some |= AREA_LOW[r] <= scenes.prediction_area[p] <= AREA_HIGH[r]
                for a in range(scenes.annotation_start[scene], scenes.annotation_end[scene]):
                    inside = AREA_LOW[r] <= scenes.annotation_area[a] <= AREA_HIGH[r]
                    some |= inside and scenes.annotation_feature[a] == own and not scenes.annotation_crowd[a]
                concerned[begin:stop, r] = some
            begin = stop
    return concerned


@njit(cache=True, nogil=True)
def _candidates(scenes: Scenes, pairs: Pairs) -> tuple[Int, Code, Float]:
    """The pairs of equal class; of each prediction by decreasing IoU, of equal ones the last annotation first."""
    start = np.empty_like(pairs.start)
    annotation = np.empty_like(pairs.annotation)
    iou = np.empty_like(pairs.iou)
    count = 0
    for p in range(len(start) - 1):
        start[p] = count
        for k in range(pairs.start[p + 1] - 1, pairs.start[p] - 1, -1):  # backwards: a stable sort keeps the last first
            if scenes.annotation_feature[pairs.annotation[k]] == scenes.prediction_feature[p]:
                annotation[count] = pairs.annotation[k]
                iou[count] = pairs.iou[k]
                count += 1
        if count - start[p] > 1:
            order = preference(iou[start[p] : count])
            annotation[start[p] : count] = annotation[start[p] : count][order]
            iou[start[p] : count] = iou[start[p] : count][order]
    start[-1] = count
    return start, annotation[:count], iou[:count]


@njit(cache=True, nogil=True)
def _cut(intervals: Float, count: int, low: float, high: float) -> tuple[Float, int]:
    """Take (low, high] out of the first ``count`` intervals (low, high], in place where there is room."""
    kept = 0
    split = False
    split_end = high
    if count + 1 > len(intervals):
        longer = np.empty((2 * len(intervals), 2), np.float64)
        longer[:count] = intervals[:count]
        intervals = longer
    for i in range(count):
        begin, end = intervals[i]
        if end <= low or begin >= high:
            intervals[kept] = begin, end
            kept += 1
            continue
        if begin < low:
            intervals[kept] = begin, low
            kept += 1
        if high < end:
            if begin < low:  # only one interval can have both ends left, for they do not overlap
                split = True
                split_end = end
            else:
                intervals[kept] = high, end
                kept += 1
    if split:
        intervals[kept] = high, split_end
        kept += 1
    return intervals, kept
