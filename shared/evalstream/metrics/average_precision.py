"""Average precision, COCO's way: the mean of the interpolated precision at 101 recalls.

Reference: pycocotools, ``COCOeval.accumulate``; Lin et al., Microsoft COCO (2014).
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numba import njit

from evalstream.scenes import Float, Int

#: COCO's ten IoU thresholds and 101 recalls. Of linspace, not i/100: some differ in the last bit, and a recall can
#: hit one of them.
IOU_THRESHOLDS: Final = np.linspace(0.5, 0.95, 10)
RECALLS: Final = np.linspace(0.0, 1.0, 101)


class Averages(NamedTuple):
    """What the curves come to; NaN for a class without annotations, which has neither."""

    precision: Float  # (101, classes): interpolated at each recall; its mean is the average precision
    recall: Float  # (classes,): the final one


def average_precision(
    start: Int, delta_tp: Int, counted: Int, is_point: np.ndarray[tuple[int], np.dtype[np.bool_]], annotations: Int
) -> Averages:
    """Interpolate each class's precision at 101 recalls, and take its final recall.

    Parameters
    ----------
    start : (classes + 1,) int64
        The detections of class k are ``start[k] : start[k + 1]``, in decreasing order of confidence.
    delta_tp : (detections,) int64
        How many true positives there are more once this detection is in: for most policies 1 or 0; under
        ``iou-greedy`` a detection may push another one from its place, so that it can be negative.
    counted : (detections,) int64
        1 if the detection counts as one, 0 if it is ignored.
    is_point : (detections,) bool
        Whether the curve has a point after this detection.
    annotations : (classes,) int64
        How many annotations of the class count.

    Returns
    -------
    Averages
        ``precision`` of shape (101, classes), ``recall`` of shape (classes,).
    """
    precision, recall = _averages(start, delta_tp, counted, is_point, annotations, RECALLS)
    return Averages(precision, recall)


@njit(cache=True, nogil=True)
def _averages(start, delta_tp, counted, is_point, annotations, recalls):  # type: ignore[no-untyped-def]
    classes = len(annotations)
    precision = np.full((len(recalls), classes), np.nan)
    final = np.full(classes, np.nan)
    for k in range(classes):
        if annotations[k] == 0:
            continue
        begin, end = start[k], start[k + 1]
        recall_at = np.empty(end - begin, np.float64)
        precision_at = np.empty(end - begin, np.float64)
        points = tp = seen = 0
        monotone = True
        for i in range(begin, end):
            tp += delta_tp[i]
            seen += counted[i]
            if not is_point[i] or seen == 0:
                continue
            recall_at[points] = tp / annotations[k]
            # pycocotools adds the spacing of 1, so that 0 / 0 is 0; it makes a perfect start one bit less than 1.
            precision_at[points] = tp / (seen + 2.220446049250313e-16)
            monotone &= points == 0 or recall_at[points] >= recall_at[points - 1]
            points += 1
        if points == 0:
            precision[:, k] = 0.0
            final[k] = 0.0
            continue
        final[k] = recall_at[points - 1]
        recall_at, precision_at = recall_at[:points], precision_at[:points]
        if not monotone:
            order = np.argsort(recall_at, kind="mergesort")
            recall_at, precision_at = recall_at[order], precision_at[order]
        for i in range(points - 2, -1, -1):
            precision_at[i] = max(precision_at[i], precision_at[i + 1])
        at = np.searchsorted(recall_at, recalls)
        for i in range(len(recalls)):
            precision[i, k] = precision_at[at[i]] if at[i] < points else 0.0
    return precision, final
