"""From detections and match rectangles to average precision and recall, at many IoU thresholds at once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalstream.matching import AREA_RANGES, MAX_DETECTIONS
from evalstream.metrics.average_precision import Averages, Bits, Rule, average_changes, average_detections
from evalstream.native import compiled
from evalstream.scenes import Code, Flag, Float, Int, Rectangles
from evalstream.threads import at_once, on_threads

#: Classes whose curves are in memory at one time. Of more, only the mean of each curve is kept.
_SLICE: Final = 1_000
#: How many detections of a row and class count besides, of the area range `all`.
_FEWER: Final = (1, 10)
_NO_LIMITS: Final = np.empty(0, np.uint8)
NO_FLAGS: Final = np.empty(0, np.bool_)
#: Detections that are worth threads of their own.
MANY: Final = 50_000
#: By area range and the most detections that count of one row and class.
Limited = dict[tuple[str, int], Averages]


class Detections(NamedTuple):
    """A selection flattened: every prediction in COCO's order of images, every annotation, every rectangle."""

    labels: list[str]
    label: Code  # of each prediction, a position in labels
    confidence: Float
    rank: Int
    area: Float
    chosen: Flag  # by the filters, and by how many of a class and row count to the policy
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
    ranges = AREA_RANGES if coco else {"all": (-np.inf, np.inf)}
    lows, highs = np.array(list(ranges.values())).T
    (order, start), limits = at_once(
        lambda: in_order(detections),
        lambda: _limits(detections.area, detections.rank, lows, highs, np.array(_FEWER)) if coco else _NO_LIMITS,
        worth_it=len(detections.label) > MANY,
    )
    limits = limits[order] if coco else limits
    # A stepwise curve alone looks at it.
    confidence = detections.confidence[order] if rule.stepwise else np.empty(0)
    place = places(order, len(detections.label))
    has_groups = bool(np.any(detections.group >= 0))

    def of_range(name: str) -> tuple[Limited, Float | None]:
        low, high = ranges[name]
        counts = (detections.annotation_area >= low) & (detections.annotation_area <= high)
        annotations = np.bincount(detections.annotation_label[counts], minlength=len(detections.labels))
        used = thresholds if name == "all" else thresholds[:11]
        found = outcomes(detections, place, len(order), list(ranges).index(name), used)
        if has_groups:
            _count_groups(detections, place, used, found)
        averages: Limited = {}
        recall = None
        inside = 1 << list(ranges).index(name) if coco else 0
        for number, most in ((None, MAX_DETECTIONS), *(enumerate(_FEWER) if coco and name == "all" else ())):
            few = 0 if number is None else 1 << len(ranges) + number
            kept = _kept(start, limits, found, confidence, inside, few, len(used))
            own = kept.correct, kept.ignored, kept.confidence
            averages[name, most] = _in_slices(kept.start, annotations, partial(_of_detections, own, rule))
            if name == "all" and most == MAX_DETECTIONS:
                some = np.flatnonzero(kept.correct >> np.uint32(11))
                label = np.searchsorted(kept.start, some, side="right") - 1
                bits = kept.correct[some]
                recall = np.stack(
                    [_recall(label[bits >> np.uint32(bit) & 1 > 0], annotations) for bit in range(11, len(thresholds))]
                )
        return averages, recall

    parts = on_threads(of_range, ranges, worth_it=len(order) > MANY)
    averages = {key: own for part, _ in parts for key, own in part.items()}
    return averages, next(recall for _, recall in parts if recall is not None)


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


class Ranked(NamedTuple):
    """Some of the predictions by label, and within a label by decreasing confidence."""

    order: Int  # positions
    start: Int  # (labels + 1,): those of label k are order[start[k] : start[k + 1]]


class Outcomes(NamedTuple):
    """For each prediction in an order, a bit a threshold."""

    matched: Bits  # to an annotation that counts
    correct: Bits  # and that has its own label
    ignored: Bits


class _Kept(NamedTuple):
    """Those that are within limits, in that order: where each class begins, outcomes, and confidences."""

    start: Int
    correct: Bits
    ignored: Bits
    confidence: Float  # where they were given


@compiled
def _limits(area: Float, rank: Int, lows: Float, highs: Float, most: Int) -> NDArray[np.uint8]:
    """Say of each prediction which area ranges it is in, a bit each, and then whether its rank is below each number."""


@compiled
def _kept(
    start: Int,
    limits: NDArray[np.uint8],
    outcomes: Outcomes,
    confidence: Float,
    inside: int,
    few: int,
    thresholds: int,
) -> _Kept:
    """Take the predictions that have the bit ``few`` among their limits.

    Matched to an annotation that counts, a prediction counts, whatever its own area; any other without the bit
    ``inside`` is ignored. Those that are ignored at all of so many thresholds are left out: no curve looks at them.
    A bit of 0 is no limit.
    """


def in_order(detections: Detections) -> Ranked:
    """Sort the chosen predictions by class, and within a class by decreasing confidence."""
    return ranked(detections.label, detections.confidence, detections.chosen, NO_FLAGS, len(detections.labels))


@compiled
def by_confidence(confidence: Float, chosen: Flag) -> Int:
    """Give the positions of what is chosen by decreasing confidence; of equal ones the first comes first."""


@compiled
def ranked(label: Code, confidence: Float, chosen: Flag, last: Flag, classes: int) -> Ranked:
    """Sort what is chosen by label, and within a label by decreasing confidence.

    Of equal ones those that are ``last`` come last, none where that is empty; otherwise the first comes first.
    """


@compiled
def by_class(order: Int, label: Code, classes: int) -> Int:
    """Part positions by their labels, from 0 up, each class in the order that is given."""


def _recall(labels: Int, annotations: Int) -> Float:
    """Final recall of each class, from the labels of all true positives; NaN for a class without annotations."""
    tp = np.bincount(labels, minlength=len(annotations))
    recall: Float = np.divide(tp, annotations, out=np.full(len(tp), np.nan), where=annotations > 0)
    return recall


@compiled
def places(order: Int, count: int) -> Code:
    """Say where each of so many predictions stands in an order of some of them; −1 for the others."""


def outcomes(detections: Detections, place: Code, count: int, area: int, thresholds: Float) -> Outcomes:
    """Say what becomes of each prediction at each threshold, in the order, of so many, that their places give."""
    return Outcomes(*_outcomes_at(detections.rectangle, detections.correct, place, area, thresholds, count))


@compiled
def _outcomes_at(
    rectangles: Rectangles, same: Flag, place: Code, area: int, thresholds: Float, count: int
) -> tuple[Bits, Bits, Bits]: ...


@compiled
def _bits(low: float, high: float, thresholds: Float) -> int: ...


def _count_groups(detections: Detections, place: Code, thresholds: Float, found: Outcomes) -> None:
    """Make the most confident of the predictions that a group takes out of the count a true positive, in place."""
    at = place[detections.rectangle["prediction"]]
    inside = np.flatnonzero((detections.group >= 0) & (at >= 0))
    of_group: dict[int, int] = {}  # at which thresholds each group has been found so far
    for i in inside[np.argsort(at[inside], kind="stable")]:
        r = detections.rectangle[i]
        group = int(detections.group[i])
        bits = _bits(r["iou_low"], r["iou_high"], thresholds) & ~of_group.get(group, 0)
        of_group[group] = of_group.get(group, 0) | bits
        found.correct[at[i]] |= np.uint32(bits)
        found.ignored[at[i]] &= ~np.uint32(bits)


def averages_by_confidence(
    detections: Detections, thresholds: Float, rule: Rule, least: float
) -> tuple[Averages, Float]:
    """For policies where a lower confidence may unmake a match: the curve has a point a change.

    Takes and gives what :func:`averages_by_detection` does.
    """
    annotations = np.bincount(detections.annotation_label, minlength=len(detections.labels))
    changes = all_changes(detections, least)

    def average_at(threshold: float) -> Averages:
        own = changes_at(changes, threshold, len(detections.labels))
        curve = own.delta_tp, own.counted, own.is_point
        return _in_slices(own.start, annotations, partial(_of_changes, curve, rule))

    averages = on_threads(average_at, thresholds[:11].tolist(), worth_it=len(changes.label) > MANY)
    r = detections.rectangle[_can_count(detections)]
    r = r[(r["confidence_low"] < least) & (least <= r["confidence_high"])]
    label = detections.label[r["prediction"]]
    recall = [_recall(label[(r["iou_low"] < t) & (t <= r["iou_high"])], annotations) for t in thresholds[11:]]
    return Averages(*(np.concatenate(parts) for parts in zip(*averages, strict=True))), np.stack(recall)


def _can_count(detections: Detections) -> Flag:
    """Whether each rectangle counts at some threshold."""
    return np.asarray(detections.correct & detections.chosen[detections.rectangle["prediction"]])


class AllChanges(NamedTuple):
    """Changes as the confidence threshold sinks, class by class, each with the IoU thresholds at which there is one."""

    prediction: Code  # a position among all predictions
    label: Code
    confidence: Float
    iou_low: Float
    iou_high: Float
    delta_tp: Code  # 0: the prediction itself comes in


class Changes(NamedTuple):
    """Those at one IoU threshold, as ``average_changes`` takes them."""

    start: Int
    prediction: Int
    delta_tp: Int
    counted: Int
    is_point: Flag


def all_changes(detections: Detections, least: float) -> AllChanges:
    """List the changes at any IoU threshold, down to a confidence."""
    made = detections.rectangle[_can_count(detections)]
    unmade = np.flatnonzero(made["confidence_low"] >= least)
    own = np.flatnonzero(detections.chosen)
    confidence = np.concatenate(
        (detections.confidence[own], made["confidence_high"], made["confidence_low"][unmade]), dtype=np.float64
    )
    theirs = detections.label[made["prediction"]]
    label = np.concatenate((detections.label[own], theirs, theirs[unmade]))
    order, _ = ranked(label, confidence, confidence >= least, NO_FLAGS, len(detections.labels))
    return _changes_in(order, own, made, unmade, detections.label, detections.confidence)


@compiled
def _changes_in(order: Int, own: Int, made: Rectangles, unmade: Int, label: Code, confidence: Float) -> AllChanges:
    """Lay out what an order is of: predictions that come in, matches that are made, and those of them unmade again."""


def changes_at(changes: AllChanges, threshold: float, classes: int) -> Changes:
    """Take the changes at one IoU threshold."""
    return Changes(*_changes_within(changes, threshold, classes))


@compiled
def _changes_within(changes: AllChanges, threshold: float, classes: int) -> tuple[Int, Int, Int, Int, Flag]: ...


class Steps(NamedTuple):
    """Changes of true positives at many IoU thresholds: class by class, within it threshold by threshold."""

    start: Int  # (classes · thresholds + 1,)
    prediction: Code  # a position among all predictions
    delta_tp: Code  # how many more there are
    seen: Code  # how many detections of the class come in up to this confidence
    last: Flag  # whether it is the last step at this confidence


def steps(changes: AllChanges, thresholds: Float, classes: int) -> Steps:
    """Take the changes of true positives at each IoU threshold."""
    return _steps_of(changes, np.searchsorted(changes.label, np.arange(classes + 1)), thresholds)


@compiled
def _steps_of(changes: AllChanges, start: Int, thresholds: Float) -> Steps: ...
