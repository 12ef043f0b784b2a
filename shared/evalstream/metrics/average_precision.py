"""Average precision, COCO's way: the mean of the interpolated precision at 101 recalls.

Reference: pycocotools, ``COCOeval.accumulate``; Lin et al., Microsoft COCO (2014).
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from evalstream.scenes import Flag, Float, Int

Bits = NDArray[np.uint16]

#: COCO's ten IoU thresholds and 101 recalls. Of linspace, not i/100: some differ in the last bit, and a recall can
#: hit one of them.
IOU_THRESHOLDS: Final = np.linspace(0.5, 0.95, 10)
RECALLS: Final = np.linspace(0.0, 1.0, 101)
# pycocotools adds the spacing of 1 to the denominator, which makes a perfect start one bit less than 1.
_SPACING: Final = float(np.spacing(1))


class Averages(NamedTuple):
    """What the curves come to; NaN for a class without annotations, which has none."""

    precision: Float  # (thresholds, 101, classes): interpolated at each recall; its mean is the average precision
    recall: Float  # (thresholds, classes): the final one


@njit(cache=True, nogil=True)
def average_detections(start: Int, correct: Bits, ignored: Bits, annotations: Int, thresholds: int) -> Averages:
    """Average where every detection is a point of its class's curve.

    Parameters
    ----------
    start : (classes + 1,) int64
        The detections of class k are ``start[k] : start[k + 1]``, in decreasing order of confidence.
    correct, ignored : (detections,) uint16
        Bit t is set where the detection is a true positive, or does not count, at threshold t.
    annotations : (classes,) int64
        How many annotations of the class count.
    thresholds : int
        How many bits are in use.
    """
    classes = len(annotations)
    precision = np.full((thresholds, len(RECALLS), classes), np.nan)
    final = np.full((thresholds, classes), np.nan)
    seen_at = np.empty(len(correct) + 1, np.int64)  # detections counted when the n-th true positive came
    for k in range(classes):
        if annotations[k] == 0:
            continue
        for t in range(thresholds):
            bit = np.uint16(1 << t)
            tp = seen = 0
            for i in range(start[k], start[k + 1]):
                if ignored[i] & bit:
                    continue
                seen += 1
                if correct[i] & bit:
                    seen_at[tp] = seen
                    tp += 1
            # Of points with one recall the first, a true positive, has the best precision: the others change nothing.
            recall_at = np.arange(1, tp + 1) / annotations[k]
            precision_at = np.arange(1, tp + 1) / (seen_at[:tp] + _SPACING)
            _interpolate(recall_at, precision_at, precision[t, :, k])
            final[t, k] = tp / annotations[k]
    return Averages(precision, final)


@njit(cache=True, nogil=True)
def average_changes(start: Int, delta_tp: Int, counted: Int, is_point: Flag, annotations: Int) -> Averages:
    """Average where true positives may be lost again as the confidence threshold sinks; one threshold of IoU.

    Parameters
    ----------
    start : (classes + 1,) int64
        The changes of class k are ``start[k] : start[k + 1]``, in decreasing order of confidence.
    delta_tp, counted : (changes,) int64
        How many true positives, and detections, there are more after the change.
    is_point : (changes,) bool
        Whether the curve has a point after it: after the last change at one confidence.
    annotations : (classes,) int64
        How many annotations of the class count.
    """
    classes = len(annotations)
    precision = np.full((1, len(RECALLS), classes), np.nan)
    final = np.full((1, classes), np.nan)
    for k in range(classes):
        if annotations[k] == 0:
            continue
        recall_at = np.empty(start[k + 1] - start[k], np.float64)
        precision_at = np.empty(start[k + 1] - start[k], np.float64)
        points = tp = seen = 0
        for i in range(start[k], start[k + 1]):
            tp += delta_tp[i]
            seen += counted[i]
            if is_point[i] and seen > 0:
                recall_at[points] = tp / annotations[k]
                precision_at[points] = tp / (seen + _SPACING)
                points += 1
        order = np.argsort(recall_at[:points], kind="mergesort")
        _interpolate(recall_at[order], precision_at[order], precision[0, :, k])
        final[0, k] = tp / annotations[k]
    return Averages(precision, final)


@njit(cache=True, nogil=True)
def _interpolate(recall_at: Float, precision_at: Float, out: Float) -> None:
    """Write, for each of the 101 recalls, the best precision at that recall or a higher one; 0 beyond the last."""
    for i in range(len(precision_at) - 2, -1, -1):
        precision_at[i] = max(precision_at[i], precision_at[i + 1])
    i = 0
    for j in range(len(RECALLS)):
        while i < len(recall_at) and recall_at[i] < RECALLS[j]:
            i += 1
        out[j] = precision_at[i] if i < len(recall_at) else 0.0
