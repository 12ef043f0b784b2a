"""From detections and match rectangles to average precision and recall, at many IoU thresholds at once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple

import numpy as np

from evalstream.matching import AREA_RANGES, MAX_DETECTIONS
from evalstream.metrics.average_precision import Averages, Bits, Rule, average_changes, average_detections
from evalstream.native import compiled
from evalstream.scenes import Flag, Float, Int, Rectangles

#: Classes whose curves are in memory at one time. Of more, only the mean of each curve is kept.
_SLICE: Final = 1_000
_NO_LIMIT: Final = -1
#: By area range and the most detections that count of one row and class.
Limited = dict[tuple[str, int], Averages]


class Detections(NamedTuple):
    """A selection flattened: every prediction in COCO's order of images, every annotation, every rectangle."""

    labels: list[str]
    label: Int  # of each prediction, a position in labels
    confidence: Float
    rank: Int
    most: Int  # how many of its type, class and row count to policy `coco`
    area: Float
    chosen: Flag  # by the filters
    annotation_label: Int  # of each annotation that is no crowd and passes the filters
    annotation_area: Float
    rectangle: Rectangles  # prediction is a position among all predictions
    correct: Flag  # of each rectangle: both sides have one label
    group: Int  # of each rectangle with a group of objects that is to count the group's number, otherwise −1
    row: Int  # of each prediction, the position of its data row in that order
    annotation_row: Int


def averages_by_detection(
    detections: Detections, thresholds: Float, rule: Rule, *, coco: bool
) -> tuple[Limited, Float]:
    """For policies where the confidence is a pure filter: every detection is a point of the curve.

    For ``coco`` gives the averages of every area range at 100 detections, and of ``all`` at 1 and 10. Other policies
    know no such bounds: everything counts.

    Parameters
    ----------
    thresholds : (11 + n,) float64
        IoU thresholds: those to average precision and recall at, and n more where only recall is wanted.

    Returns
    -------
    averages, recall
        The averages at the first 11 thresholds; the final recalls at the others, ``(n, classes)``.
    """
    order = in_order(detections)
    ordered = _Ordered(
        order,
        detections.label[order],
        detections.confidence[order],
        detections.rank[order],
        detections.most[order],
        detections.area[order],
    )
    averages: Limited = {}
    recall = np.empty((0, len(detections.labels)))
    for number, (name, (low, high)) in enumerate((AREA_RANGES if coco else {"all": (-np.inf, np.inf)}).items()):
        counts = (detections.annotation_area >= low) & (detections.annotation_area <= high)
        annotations = np.bincount(detections.annotation_label[counts], minlength=len(detections.labels))
        used = thresholds if name == "all" else thresholds[:11]
        matched, correct, ignored = outcomes(detections, number, used)
        if np.any(detections.group >= 0):
            _count_groups(detections, order, used, correct, ignored)
        for most in (MAX_DETECTIONS, *((1, 10) if coco and name == "all" else ())):
            limit = most if coco else _NO_LIMIT
            kept = _kept(ordered, matched, correct, ignored, low, high, limit, len(detections.labels))
            own = kept.correct, kept.ignored, kept.confidence
            averages[name, most] = _in_slices(kept.start, annotations, partial(_of_detections, own, rule))
            if name == "all" and most == MAX_DETECTIONS:
                label = np.repeat(np.arange(len(annotations)), np.diff(kept.start))
                recall = np.stack(
                    [
                        _recall(label[kept.correct >> np.uint32(bit) & 1 > 0], annotations)
                        for bit in range(11, len(thresholds))
                    ]
                )
    return averages, recall


def _in_slices(start: Int, annotations: Int, average: Callable[[Int, Int], Averages]) -> Averages:
    """Average so many classes at a time.

    Curves are kept whole as far as they may be: their mean depends, in its last bit, on the order of summation, and
    pycocotools' is over thresholds, recalls and classes at once.
    """
    if len(annotations) <= _SLICE:
        return average(start, annotations)
    parts = []
    for first in range(0, max(len(annotations), 1), _SLICE):
        own = average(start[first : first + _SLICE + 1], annotations[first : first + _SLICE])
        parts.append((own.precision.mean(axis=1, keepdims=True), own.recall))
    return Averages(*(np.concatenate(columns, axis=-1) for columns in zip(*parts, strict=True)))


def _of_detections(own: tuple[Bits, Bits, Float], rule: Rule, start: Int, annotations: Int) -> Averages:
    correct, ignored, confidence = own
    return average_detections(start, correct, ignored, confidence, annotations, 11, rule)


def _of_changes(own: tuple[Int, Int, Flag], rule: Rule, start: Int, annotations: Int) -> Averages:
    delta_tp, counted, is_point = own
    return average_changes(start, delta_tp, counted, is_point, annotations, rule)


class _Ordered(NamedTuple):
    """The chosen predictions in the order of :func:`in_order`: their positions among all, and columns."""

    position: Int
    label: Int
    confidence: Float
    rank: Int
    most: Int
    area: Float


class _Kept(NamedTuple):
    """Those that are within limits, in that order: where each class begins, outcomes, and confidences."""

    start: Int
    correct: Bits
    ignored: Bits
    confidence: Float


@compiled
def _kept(
    ordered: _Ordered,
    matched: Bits,
    correct: Bits,
    ignored: Bits,
    low: float,
    high: float,
    limit: int,
    classes: int,
) -> _Kept:
    """Take the predictions whose rank is below ``limit``, where that is not below 0, and ``most``.

    Outcomes are given of all predictions. Matched to an annotation that counts, a prediction counts, whatever its own
    area; any other outside the range from ``low`` to ``high`` is ignored.
    """


def in_order(detections: Detections) -> Int:
    """Sort the chosen predictions by class, and within a class by decreasing confidence."""
    return _in_order(detections.label, detections.confidence, detections.chosen, len(detections.labels))


@compiled
def _in_order(label: Int, confidence: Float, chosen: Flag, classes: int) -> Int: ...


def _recall(labels: Int, annotations: Int) -> Float:
    """Final recall of each class, from the labels of all true positives; NaN for a class without annotations."""
    tp = np.bincount(labels, minlength=len(annotations))
    recall: Float = np.divide(tp, annotations, out=np.full(len(tp), np.nan), where=annotations > 0)
    return recall


def outcomes(detections: Detections, area: int, thresholds: Float) -> tuple[Bits, Bits, Bits]:
    """For each prediction, a bit a threshold: matched to an annotation that counts, of its own label, or ignored."""
    return _outcomes(detections.rectangle, detections.correct, area, thresholds, len(detections.label))


@compiled
def _outcomes(
    rectangles: Rectangles, same: Flag, area: int, thresholds: Float, count: int
) -> tuple[Bits, Bits, Bits]: ...


@compiled
def _bits(low: float, high: float, thresholds: Float) -> int: ...


def _count_groups(detections: Detections, order: Int, thresholds: Float, correct: Bits, ignored: Bits) -> None:
    """Make the most confident of the predictions that a group takes out of the count a true positive, in place."""
    position = np.full(len(detections.label), len(order))
    position[order] = np.arange(len(order))
    inside = np.flatnonzero((detections.group >= 0) & (position[detections.rectangle["prediction"]] < len(order)))
    of_group: dict[int, int] = {}  # at which thresholds each group has been found so far
    for i in inside[np.argsort(position[detections.rectangle["prediction"][inside]], kind="stable")]:
        r = detections.rectangle[i]
        group = int(detections.group[i])
        bits = _bits(r["iou_low"], r["iou_high"], thresholds) & ~of_group.get(group, 0)
        of_group[group] = of_group.get(group, 0) | bits
        correct[r["prediction"]] |= np.uint32(bits)
        ignored[r["prediction"]] &= ~np.uint32(bits)


def averages_by_confidence(
    detections: Detections, thresholds: Float, rule: Rule, least: float
) -> tuple[Averages, Float]:
    """For policies where a lower confidence may unmake a match: the curve has a point a change.

    Takes and gives what :func:`averages_by_detection` does.
    """
    annotations = np.bincount(detections.annotation_label, minlength=len(detections.labels))
    # What can count at some threshold: not to be looked for anew at each.
    ever = detections.correct & detections.chosen[detections.rectangle["prediction"]]
    detections = detections._replace(
        rectangle=detections.rectangle[ever], correct=detections.correct[ever], group=detections.group[ever]
    )
    averages = []
    recall = []
    for number, t in enumerate(thresholds):
        if number >= 11:
            r = _correct_at(detections, t)
            live = r[(r["confidence_low"] < least) & (least <= r["confidence_high"])]
            recall.append(_recall(detections.label[live["prediction"]], annotations))
            continue
        own = changes_at(detections, t, least)
        changes = own.delta_tp, own.counted, own.is_point
        averages.append(_in_slices(own.start, annotations, partial(_of_changes, changes, rule)))
    return Averages(*(np.concatenate(parts) for parts in zip(*averages, strict=True))), np.stack(recall)


def _correct_at(detections: Detections, threshold: float) -> Rectangles:
    r = detections.rectangle[detections.correct]
    r = r[(r["iou_low"] < threshold) & (threshold <= r["iou_high"])]
    chosen: Rectangles = r[detections.chosen[r["prediction"]]]
    return chosen


class Changes(NamedTuple):
    """Changes as the confidence threshold sinks, class by class: as ``average_changes`` takes it."""

    start: Int
    prediction: Int  # of each change, a position among all predictions
    delta_tp: Int
    counted: Int
    is_point: Flag


def changes_at(detections: Detections, threshold: float, least: float) -> Changes:
    """List the changes at one IoU threshold, down to a confidence."""
    r = _correct_at(detections, threshold)
    unmade = r[r["confidence_low"] >= least]
    own = np.flatnonzero(detections.chosen)
    prediction = np.concatenate((own, r["prediction"], unmade["prediction"]))
    label = detections.label[prediction]
    confidence = np.concatenate((detections.confidence[own], r["confidence_high"], unmade["confidence_low"]))
    delta_tp = np.repeat([0, 1, -1], (len(own), len(r), len(unmade)))
    counted = np.repeat([1, 0, 0], (len(own), len(r), len(unmade)))
    order = np.lexsort((-confidence, label))
    order = order[confidence[order] >= least]
    label, confidence = label[order], confidence[order]
    start = np.searchsorted(label, np.arange(len(detections.labels) + 1))
    is_point = np.append((np.diff(label) != 0) | (np.diff(confidence) != 0), np.bool_(True))[: len(order)]
    return Changes(start, prediction[order], delta_tp[order], counted[order], is_point)
