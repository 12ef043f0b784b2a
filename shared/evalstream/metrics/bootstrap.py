"""Confidence intervals by the Poisson bootstrap over data rows.

In each replicate every data row counts as often as a Poisson variable of mean 1 says, each row on its own. For many
rows this is the ordinary bootstrap, in which the counts are multinomial, without the need to draw rows: the weight of
a row is a hash of (seed, data row, replicate), so it is the same in every run, subset and process, and two runs are
compared on the same resampled rows.

References: Efron & Tibshirani, An Introduction to the Bootstrap (1993), percentile intervals; Chamandy et al.,
Estimating uncertainty for massive data streams (2012), the Poisson bootstrap; Steele et al., Fast splittable
pseudorandom number generators (2014), the mixing function.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from evalstream.metrics.average_precision import Bits, Rule
from evalstream.scenes import Flag, Float, Int

Key = NDArray[np.uint64]


def _poisson_bounds() -> Key:
    """Where the distribution function of a Poisson variable of mean 1 steps, as 64-bit fractions."""
    step = below = float(np.exp(-1.0))
    bounds: list[int] = []
    while below < 1.0 and step > 2.0**-60:
        bounds.append(int(below * 2.0**64))
        step /= len(bounds)
        below += step
    return np.array(bounds, np.uint64)


_BOUNDS: Final = _poisson_bounds()
#: The weight of all 64-bit fractions that share their first bits; where a step is among them, it has to be looked for.
_BITS: Final = 12
_LOOK: Final = 255
_FIRST: Final = np.arange(2**_BITS, dtype=np.uint64) << np.uint64(64 - _BITS)
_LEAST: Final = np.searchsorted(_BOUNDS, _FIRST, side="right")
_MOST: Final = np.searchsorted(_BOUNDS, _FIRST | np.uint64(2 ** (64 - _BITS) - 1), side="right")
_WEIGHT: Final = np.where(_LEAST == _MOST, _LEAST, _LOOK).astype(np.uint8)

_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)


@njit(cache=True, nogil=True, inline="always")
def _mixed(z: np.uint64) -> np.uint64:
    """Splitmix64's mixing function."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@njit(cache=True, nogil=True, inline="always")
def _stream(seed: int, replicate: int) -> np.uint64:
    return _mixed(_mixed(np.uint64(seed) + _GOLDEN) + np.uint64(replicate) * _GOLDEN)


@njit(cache=True, nogil=True, inline="always")
def _weight(key: np.uint64, stream: np.uint64) -> int:
    fraction = _mixed(key + stream)
    weight = int(_WEIGHT[fraction >> np.uint64(64 - _BITS)])
    if weight == _LOOK:
        weight = 0
        while weight < len(_BOUNDS) and fraction >= _BOUNDS[weight]:
            weight += 1
    return weight


@njit(cache=True, nogil=True)
def row_weights(key: Key, included: Flag, seed: int, replicate: int) -> Int:
    """Return how often each row counts in a replicate, ``(rows,)``; in replicate 0, once.

    Parameters
    ----------
    key : (rows,) uint64
        A hash of each data row's key.
    included : (rows,) bool
        Rows that are not have weight 0.
    """
    weight = included.astype(np.int64)
    if replicate > 0:
        stream = _stream(seed, replicate)
        for r in range(len(key)):
            if weight[r] > 0:
                weight[r] = _weight(key[r], stream)
    return weight


@njit(cache=True, nogil=True, fastmath={"contract"})
def resampled_sums(key: Key, values: Float, seed: int, replicates: int) -> Float:
    """Sum what is additive over rows in each replicate.

    Parameters
    ----------
    key : (rows,) uint64
        A hash of each data row's key.
    values : (rows, k) float64
        Finite.

    Returns
    -------
    (replicates + 1, k) float64
        Entry 0 is the plain sum.
    """
    sums = np.zeros((values.shape[1], replicates + 1))
    weight = np.ones(replicates + 1)
    stream = np.empty(replicates + 1, np.uint64)
    for b in range(1, replicates + 1):
        stream[b] = _stream(seed, b)
    for r in range(len(key)):
        for b in range(1, replicates + 1):
            weight[b] = _weight(key[r], stream[b])
        for j in range(values.shape[1]):
            value = values[r, j]
            if value != 0.0:
                for b in range(replicates + 1):
                    sums[j, b] += weight[b] * value
    return np.ascontiguousarray(sums.T)


class Sample(NamedTuple):
    """The data rows that are resampled, and the annotations on them."""

    key: Key  # (rows,): a hash of each data row's key
    included: Flag  # (rows,): rows that are not have weight 0
    annotation_label: Int  # of each annotation that counts, a class
    annotation_row: Int  # a position among the rows


class Resampled(NamedTuple):
    """Means over classes with annotations, a row a replicate; NaN in a replicate without annotations."""

    precision: Float  # (replicates + 1, thresholds): average precision
    recall: Float  # (replicates + 1, thresholds): final recall


@njit(cache=True, nogil=True)
def _annotations(sample: Sample, weight: Int, classes: int) -> Int:
    """How many annotations each class has, copies included."""
    found = np.zeros(classes, np.int64)
    for j in range(len(sample.annotation_label)):
        found[sample.annotation_label[j]] += weight[sample.annotation_row[j]]
    return found


@njit(cache=True, nogil=True)
def _bin(recall: float, recalls: Float) -> int:
    """Find the last of the recalls that is not above a given one; the first one is 0."""
    found = min(int(recall * (len(recalls) - 1)), len(recalls) - 1)
    while found + 1 < len(recalls) and recalls[found + 1] <= recall:
        found += 1
    while found > 0 and recalls[found] > recall:
        found -= 1
    return found


@njit(cache=True, nogil=True)
def _first_beyond(recall: float, annotations: int) -> int:
    """Find the fewest true positives whose recall reaches a given one."""
    found = int(recall * annotations)
    while found / annotations < recall:
        found += 1
    while found > 0 and (found - 1) / annotations >= recall:
        found -= 1
    return found


#: Of the weights of data rows and the annotations of each class: sums over classes with annotations, of average
#: precision and of final recall, ``(thresholds,)`` each.
_Summed = Callable[[Int, Int], tuple[Float, Float]]


def _resampled(summed: _Summed, sample: Sample, classes: int, thresholds: int, seed: int, replicates: int) -> Resampled:
    precision = np.full((replicates + 1, thresholds), np.nan)
    final = np.full((replicates + 1, thresholds), np.nan)
    for replicate in range(replicates + 1):
        weight = row_weights(sample.key, sample.included, seed, replicate)
        annotations = _annotations(sample, weight, classes)
        defined = np.count_nonzero(annotations)
        if defined > 0:
            total, found = summed(weight, annotations)
            precision[replicate], final[replicate] = total / defined, found / defined
    return Resampled(precision, final)


def resampled_detections(
    start: Int,
    row: Int,
    confidence: Float,
    correct: Bits,
    ignored: Bits,
    sample: Sample,
    thresholds: int,
    rule: Rule,
    seed: int,
    replicates: int,
) -> Resampled:
    """Average precision in each replicate, where every detection is a point of its class's curve.

    What :func:`evalstream.metrics.average_precision.average_detections` gives for data in which each row stands as
    often as its weight says, its copies side by side.

    Parameters
    ----------
    start : (classes + 1,) int64
        The detections of class k are ``start[k] : start[k + 1]``, in decreasing order of confidence.
    row, confidence, correct, ignored : (detections,)
        The data row and confidence of each; bit t is set where it is a true positive, or does not count, at
        threshold t.
    sample : Sample
        What is resampled.
    rule : Rule
        How the curve comes to a number: one that reads precision at recalls, from 0 on.
    """
    first, size = _tied(start, row, confidence)
    event_start, event = _events(start, correct, ignored, size[first] > 1, thresholds)
    small = row.astype(np.int32)

    def summed(weight: Int, annotations: Int) -> tuple[Float, Float]:
        return _sum_detections(
            start, small, correct, ignored, first, size, event_start, event, weight, annotations, thresholds, rule
        )

    return _resampled(summed, sample, len(start) - 1, thresholds, seed, replicates)


@njit(cache=True, nogil=True)
def _sum_detections(
    start: Int,
    row: NDArray[np.int32],
    correct: Bits,
    ignored: Bits,
    first: Int,
    size: Int,
    event_start: Int,
    event: NDArray[np.int32],
    weight: Int,
    annotations: Int,
    thresholds: int,
    rule: Rule,
) -> tuple[Float, Float]:
    recalls = rule.recalls
    longest = max(1, np.max(np.diff(start)))
    copies = np.empty(longest, np.int32)  # of each detection of the class at hand, the weight of its row
    seen_at = np.empty(longest, np.int32)  # and their sum up to it
    points = np.empty((3, len(recalls)), np.int64)
    total, found = np.zeros(thresholds), np.zeros(thresholds)
    for k in range(len(annotations)):
        n = annotations[k]
        if n == 0:
            continue
        begin = start[k]
        seen = np.int32(0)
        for i in range(begin, start[k + 1]):
            copies[i - begin] = weight[row[i]]
            seen += copies[i - begin]
            seen_at[i - begin] = seen
        for t in range(thresholds):
            bit = np.uint32(1 << t)
            tp, beyond, listed = 0, 1, -1
            out = 0  # detections that did not count
            done = 0
            for e in range(event_start[k * thresholds + t], event_start[k * thresholds + t + 1]):
                d = event[e]
                if d >= 0:
                    # Of copies of one detection the last has the best precision, and so is the only one to matter;
                    # without copies it is no better than the point before it.
                    tp += copies[d]
                    counted = seen_at[d] - out
                    # What a function with these arrays would cost here is several times what the rest does.
                    if tp >= beyond:
                        listed += 1
                        beyond = _reach(tp, counted, listed, n, recalls, points)
                    elif tp * points[2, listed] >= points[1, listed] * counted:
                        points[1, listed] = tp
                        points[2, listed] = counted
                elif ~d >= done:
                    d = ~d
                    head = first[begin + d]
                    # Tied ones of one row are copied as a sequence; otherwise this one is a sequence by itself.
                    times, last = copies[d], begin + d
                    if times > 1:
                        last = head + size[head] - 1
                        counted = seen_at[head - begin] - times - out
                    else:
                        head, counted = begin + d, seen_at[d] - times - out
                    done = last + 1 - begin
                    for _ in range(times):
                        for c in range(head, last + 1):
                            if ignored[c] & bit:
                                out += 1
                                continue
                            counted += 1
                            if correct[c] & bit > 0:
                                tp += 1
                                if tp >= beyond:
                                    listed += 1
                                    beyond = _reach(tp, counted, listed, n, recalls, points)
                                elif tp * points[2, listed] >= points[1, listed] * counted:
                                    points[1, listed] = tp
                                    points[2, listed] = counted
            found[t] += tp / n
            total[t] += _area(points, listed, rule.spacing) / len(recalls)
    return total, found


@njit(cache=True, nogil=True)
def _reach(tp: int, seen: int, listed: int, annotations: int, recalls: Float, points: Int) -> int:
    """List a point that reaches the next recall; return how many true positives reach the one after.

    Of points whose recall lies between the same two of the recalls, only the best precision matters. Column ``listed``
    of ``points`` is that point: which recall it reaches, its true positives, and the detections up to it.
    """
    reached = _bin(tp / annotations, recalls)
    points[0, listed] = reached
    points[1, listed] = tp
    points[2, listed] = seen
    return _first_beyond(recalls[reached + 1], annotations) if reached + 1 < len(recalls) else annotations + 1


@njit(cache=True, nogil=True)
def _tied(start: Int, row: Int, confidence: Float) -> tuple[Int, Int]:
    """For each detection the first one of its class, row and confidence; for each of those how many there are."""
    first = np.empty(len(row), np.int64)
    size = np.zeros(len(row), np.int64)
    for k in range(len(start) - 1):
        for i in range(start[k], start[k + 1]):
            same = i > start[k] and row[i] == row[i - 1] and confidence[i] == confidence[i - 1]
            first[i] = first[i - 1] if same else i
            size[first[i]] += 1
    return first, size


@njit(cache=True, nogil=True)
def _events(start: Int, correct: Bits, ignored: Bits, tied: Flag, thresholds: int) -> tuple[Int, NDArray[np.int32]]:
    """For each class and threshold, which detections are right, or do not count: the others are only seen.

    Positions are within the class, from 0; of one that does not count, or is tied, the bitwise complement.
    """
    classes = len(start) - 1
    event_start = np.zeros(classes * thresholds + 1, np.int64)
    event = np.empty(0, np.int32)
    for filling in (False, True):
        if filling:
            event = np.empty(event_start[-1], np.int32)
        count = 0
        for k in range(classes):
            for t in range(thresholds):
                bit = np.uint32(1 << t)
                for i in range(start[k], start[k + 1]):
                    if (correct[i] | ignored[i]) & bit:
                        if filling:
                            d = i - start[k]
                            event[count] = ~d if ignored[i] & bit or tied[i] else d
                        count += 1
                event_start[k * thresholds + t + 1] = count
    return event_start, event


class Curves(NamedTuple):
    """How the curves at one IoU threshold come about, as ``average_changes`` takes it, with the row of each change."""

    start: Int
    row: Int
    delta_tp: Int
    counted: Int
    is_point: Flag


def resampled_changes(
    curves: Sequence[Curves],
    sample: Sample,
    rule: Rule,
    seed: int,
    replicates: int,
) -> Resampled:
    """Average precision in each replicate, where true positives may be lost again.

    What :func:`evalstream.metrics.average_precision.average_changes` gives for data in which each row stands as often
    as its weight says. Other parameters are those of :func:`resampled_detections`.

    Parameters
    ----------
    curves : sequence of Curves
        One a threshold; at all of them the same detections count.
    """
    first = curves[0]
    counts = first.counted > 0
    start = np.append(0, np.cumsum(counts))[first.start]
    parts = [_steps(own) for own in curves]
    before = np.cumsum([0, *(len(own.row) for own in parts)])
    steps = _Steps(
        np.concatenate([own.start[:-1] + at for own, at in zip(parts, before, strict=False)] + [before[-1:]]),
        *(np.concatenate(columns) for columns in list(zip(*parts, strict=True))[1:]),
    )
    row = first.row[counts]

    def summed(weight: Int, annotations: Int) -> tuple[Float, Float]:
        return _sum_steps(start, row, steps, weight, annotations, len(curves), rule)

    return _resampled(summed, sample, len(start) - 1, len(curves), seed, replicates)


class _Steps(NamedTuple):
    """Where true positives come and go, threshold by threshold and class by class, in the order of the curves."""

    start: Int  # (thresholds · classes + 1,)
    row: Int
    delta_tp: Int  # how many more there are
    seen: Int  # how many detections of the class count at the next point
    last: Flag  # whether that point comes before the next step


def _steps(curves: Curves) -> _Steps:
    """Find the steps at one threshold."""
    point = np.flatnonzero(curves.is_point)
    step = np.flatnonzero(curves.delta_tp)
    at = point[np.searchsorted(point, step)]
    seen = np.append(0, np.cumsum(curves.counted))
    label = np.searchsorted(curves.start, step, side="right") - 1
    start = np.searchsorted(step, curves.start)
    last = np.append(np.diff(at) != 0, np.bool_(True))[: len(at)]
    return _Steps(start, curves.row[step], curves.delta_tp[step], seen[at + 1] - seen[curves.start[label]], last)


@njit(cache=True, nogil=True)
def _sum_steps(
    start: Int, row: Int, steps: _Steps, weight: Int, annotations: Int, thresholds: int, rule: Rule
) -> tuple[Float, Float]:
    classes = len(start) - 1
    recalls = rule.recalls
    step_row, step_tp, step_seen, step_last = steps.row, steps.delta_tp, steps.seen, steps.last
    seen_at = np.zeros(np.max(np.diff(start)) + 1, np.int64)  # the weights of the first so many of the class at hand
    points = np.empty((3, len(recalls)), np.int64)
    total, found = np.zeros(thresholds), np.zeros(thresholds)
    for k in range(len(annotations)):
        n = annotations[k]
        if n == 0:
            continue
        for i in range(start[k], start[k + 1]):
            seen_at[i - start[k] + 1] = seen_at[i - start[k]] + weight[row[i]]
        for t in range(thresholds):
            tp, most, beyond, listed = 0, 0, 1, -1
            for e in range(steps.start[t * classes + k], steps.start[t * classes + k + 1]):
                tp += step_tp[e] * weight[step_row[e]]
                # With no more true positives than there have been before, recall and precision are no better.
                if not step_last[e] or tp <= most:
                    continue
                most = tp
                counted = seen_at[step_seen[e]]
                if tp >= beyond:
                    listed += 1
                    beyond = _reach(tp, counted, listed, n, recalls, points)
                elif tp * points[2, listed] >= points[1, listed] * counted:
                    points[1, listed] = tp
                    points[2, listed] = counted
            found[t] += tp / n
            total[t] += _area(points, listed, rule.spacing) / len(recalls)
    return total, found


@njit(cache=True, nogil=True)
def _area(points: Int, listed: int, spacing: float) -> float:
    """Sum the interpolated precision over the recalls, from the points listed."""
    highest = area = 0.0
    for j in range(listed, -1, -1):
        highest = max(highest, points[1, j] / (points[2, j] + spacing))
        area += highest * (points[0, j] - (points[0, j - 1] if j > 0 else -1))
    return area


class Bounds(NamedTuple):
    """The middle part of the replicates."""

    low: float
    high: float
    replicates: int  # in how many the figure is defined


def percentile_bounds(replicates: Float, level: float) -> Bounds | None:
    """Return the percentile interval of the replicates in which the figure is defined; None if there are none.

    Parameters
    ----------
    replicates : (n,) float64
        The figure in each; NaN where it is not defined.
    level : float
        The share of them that lies between the bounds, such as 0.95.
    """
    defined = replicates[~np.isnan(replicates)]
    if not defined.size:
        return None
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return Bounds(float(low), float(high), len(defined))
