"""Average precision in its several definitions: how a curve of precision over recall comes to one number.

References: pycocotools, ``COCOeval.accumulate``, and Lin et al., Microsoft COCO (2014); Everingham et al., The Pascal
Visual Object Classes Challenge (2010), and ``VOCap.m`` of its devkit; scikit-learn, ``average_precision_score``;
Encord Active, ``project2_prediction.py``.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from evalstream.scenes import Flag, Float, Int

Bits = NDArray[np.uint32]

#: COCO's ten IoU thresholds and 101 recalls. Of linspace, not i/100: some differ in the last bit, and a recall can
#: hit one of them.
IOU_THRESHOLDS: Final = np.linspace(0.5, 0.95, 10)
RECALLS: Final = np.linspace(0.0, 1.0, 101)

Interpolation = Literal["101-point", "11-point", "all-point", "none", "encord"]


class Rule(NamedTuple):
    """How a curve comes to one number. Precision is interpolated: at each recall the best at that recall or beyond."""

    recalls: Float  # where precision is read off the curve, to be averaged; none: the area under it
    spacing: float  # added to the number of detections before precision is divided by it
    stepwise: bool  # the area under the curve as it is, of points by distinct confidence; nothing is interpolated
    rounded: bool  # recall is rounded to hundredths, and precision taken before the next true positive, not after each


RULES: Final[dict[Interpolation, Rule]] = {
    # pycocotools adds the spacing of 1 to the denominator, which makes a perfect start one bit less than 1.
    "101-point": Rule(RECALLS, float(np.spacing(1)), False, False),
    "11-point": Rule(np.linspace(0.0, 1.0, 11), 0.0, False, False),
    "all-point": Rule(np.empty(0), 0.0, False, False),
    "none": Rule(np.empty(0), 0.0, True, False),
    "encord": Rule(np.arange(11) / 10, 0.0, False, True),
}


def float32_linspace(low: float, high: float, count: int) -> Float:
    """Return ``torch.linspace(low, high, count)`` as float64: each number is rounded to float32 on the way.

    PyTorch counts up from the lower end in the first half, and down from the upper one in the second, in steps of
    float32; it multiplies and adds in one operation, which rounds once.
    """
    step = float((np.float32(high) - np.float32(low)) / np.float32(count - 1))
    up = np.arange(count)
    found = np.where(up < count // 2, np.float32(low) + step * up, np.float32(high) - step * up[::-1])
    return found.astype(np.float32).astype(np.float64)


class Averages(NamedTuple):
    """What the curves come to; NaN for a class without annotations, which has none."""

    precision: Float  # (thresholds, recalls or 1, classes): its mean is the average precision
    recall: Float  # (thresholds, classes): the final one


@njit(cache=True, nogil=True)
def average_detections(
    start: Int, correct: Bits, ignored: Bits, confidence: Float, annotations: Int, thresholds: int, rule: Rule
) -> Averages:
    """Average where every detection is a point of its class's curve.

    Parameters
    ----------
    start : (classes + 1,) int64
        The detections of class k are ``start[k] : start[k + 1]``, in decreasing order of confidence.
    correct, ignored : (detections,) uint32
        Bit t is set where the detection is a true positive, or does not count, at threshold t.
    confidence : (detections,) float64
        Theirs.
    annotations : (classes,) int64
        How many annotations of the class count.
    thresholds : int
        How many bits are in use.
    rule : Rule
        How the curve comes to a number.
    """
    classes = len(annotations)
    precision = np.full((thresholds, max(1, len(rule.recalls)), classes), np.nan)
    final = np.full((thresholds, classes), np.nan)
    seen_at = np.empty(len(correct) + 2, np.int64)  # detections counted when the n-th true positive came
    for k in range(classes):
        if annotations[k] == 0:
            continue
        for t in range(thresholds):
            bit = np.uint32(1 << t)
            tp = seen = 0
            if rule.stepwise:
                area = recall = 0.0
                for i in range(start[k], start[k + 1]):
                    if not ignored[i] & bit:
                        seen += 1
                        tp += 1 if correct[i] & bit else 0
                    last = i + 1 == start[k + 1] or confidence[i + 1] != confidence[i]
                    if last and seen > 0:
                        area += (tp / annotations[k] - recall) * (tp / seen)
                        recall = tp / annotations[k]
                precision[t, 0, k] = area
                final[t, k] = recall
                continue
            for i in range(start[k], start[k + 1]):
                if ignored[i] & bit:
                    continue
                seen += 1
                if correct[i] & bit:
                    seen_at[tp] = seen
                    tp += 1
            # Of points with one recall the first, a true positive, has the best precision: the others change nothing.
            recall_at = np.arange(1, tp + 1) / annotations[k]
            if rule.rounded:
                seen_at[tp] = seen + 1
                precision_at = np.arange(1, tp + 1) / (seen_at[1 : tp + 1] - 1)
            else:
                precision_at = np.arange(1, tp + 1) / (seen_at[:tp] + rule.spacing)
            _interpolate(recall_at, precision_at, rule, precision[t, :, k])
            final[t, k] = tp / annotations[k]
    return Averages(precision, final)


@njit(cache=True, nogil=True)
def average_changes(start: Int, delta_tp: Int, counted: Int, is_point: Flag, annotations: Int, rule: Rule) -> Averages:
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
    rule : Rule
        How the curve comes to a number. Where nothing is interpolated, a true positive that is lost takes from the area
        what its recall brought.
    """
    classes = len(annotations)
    precision = np.full((1, max(1, len(rule.recalls)), classes), np.nan)
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
                precision_at[points] = tp / (seen + rule.spacing)
                points += 1
        if rule.stepwise:
            area = recall = 0.0
            for i in range(points):
                area += (recall_at[i] - recall) * precision_at[i]
                recall = recall_at[i]
            precision[0, 0, k] = area
        else:
            order = np.argsort(recall_at[:points], kind="mergesort")
            _interpolate(recall_at[order], precision_at[order], rule, precision[0, :, k])
        final[0, k] = tp / annotations[k]
    return Averages(precision, final)


@njit(cache=True, nogil=True)
def _interpolate(recall_at: Float, precision_at: Float, rule: Rule, out: Float) -> None:
    """Write the interpolated precision at each recall of the rule, 0 beyond the last; or the area under it all."""
    for i in range(len(precision_at) - 2, -1, -1):
        precision_at[i] = max(precision_at[i], precision_at[i + 1])
    if len(rule.recalls) == 0:
        area = before = 0.0
        for i in range(len(recall_at)):
            area += (recall_at[i] - before) * precision_at[i]
            before = recall_at[i]
        out[0] = area
        return
    if rule.rounded:
        for i in range(len(recall_at)):
            recall_at[i] = np.rint(recall_at[i] * 100) / 100
    i = 0
    for j in range(len(rule.recalls)):
        while i < len(recall_at) and recall_at[i] < rule.recalls[j]:
            i += 1
        out[j] = precision_at[i] if i < len(recall_at) else 0.0
