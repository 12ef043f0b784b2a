"""Average precision in its several definitions: how a curve of precision over recall comes to one number.

References: pycocotools, ``COCOeval.accumulate``, and Lin et al., Microsoft COCO (2014); Everingham et al., The Pascal
Visual Object Classes Challenge (2010), and ``VOCap.m`` of its devkit; scikit-learn, ``average_precision_score``;
Encord Active, ``project2_prediction.py``.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalstream.native import compiled
from evalstream.scenes import Flag, Float, Int

Bits = NDArray[np.uint32]

#: COCO's ten IoU thresholds and 101 recalls. Of linspace, not i/100: some differ in the last bit, and a recall can
#: hit one of them.
IOU_THRESHOLDS: Final = np.linspace(0.5, 0.95, 10)
RECALLS: Final = np.linspace(0.0, 1.0, 101)

Interpolation = Literal["101-point", "11-point", "all-point", "none", "encord"]


class Rule(NamedTuple):
    """Rule by which a curve becomes one number. Precision is interpolated: the best at a recall or beyond."""

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
    points = np.where(up < count // 2, np.float32(low) + step * up, np.float32(high) - step * up[::-1])
    return points.astype(np.float32).astype(np.float64)


class Averages(NamedTuple):
    """Averages of the curves; NaN for a class without annotations, which has none."""

    precision: Float  # (thresholds, recalls or 1, classes): its mean is the average precision
    recall: Float  # (thresholds, classes): the final one


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
        Theirs; only a stepwise rule looks at them.
    annotations : (classes,) int64
        How many annotations of the class count.
    thresholds : int
        How many bits are in use.
    rule : Rule
        How the curve comes to a number.
    """
    averages = _average_detections(start, correct, ignored, confidence, annotations, thresholds, rule)
    return _shaped(averages, thresholds, rule, len(annotations))


@compiled
def _average_detections(
    start: Int, correct: Bits, ignored: Bits, confidence: Float, annotations: Int, thresholds: int, rule: Rule
) -> Averages: ...


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
    averages = _average_changes(start, delta_tp, counted, is_point, annotations, rule)
    return _shaped(averages, 1, rule, len(annotations))


@compiled
def _average_changes(
    start: Int, delta_tp: Int, counted: Int, is_point: Flag, annotations: Int, rule: Rule
) -> Averages: ...


def _shaped(averages: Averages, thresholds: int, rule: Rule, classes: int) -> Averages:
    shape = thresholds, max(1, len(rule.recalls)), classes
    return Averages(averages.precision.reshape(shape), averages.recall.reshape(thresholds, classes))
