"""Confidence intervals by the Poisson bootstrap over data rows.

In each replicate every data row counts as often as a Poisson variable of mean 1 says, each row on its own. For many
rows this is the ordinary bootstrap, in which the counts are multinomial, without the need to draw rows: the weight of
a row is a hash of (seed, data row, replicate), so it is the same in every run, subset and process, and two runs are
compared on the same resampled rows.

References: Efron & Tibshirani, An Introduction to the Bootstrap (1993), percentile intervals; Chamandy et al.,
Estimating uncertainty for massive data streams (2012), the Poisson bootstrap; Steele et al., Fast splittable
pseudorandom number generators (2014), the mixing function.

Where resampling can tell nothing, because what was never seen is in no replicate: Wilson, Probable inference (1927);
Franco et al., Comparative study of confidence intervals for proportions in complex sample surveys (2019), the same
with the effective number of trials.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import NormalDist
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalstream.metrics.average_precision import Bits, Rule
from evalstream.metrics.detections import AllChanges, Steps, steps
from evalstream.native import compiled
from evalstream.scenes import Code, Flag, Float, Int
from evalstream.threads import on_threads

Key = NDArray[np.uint64]
Weights = NDArray[np.uint8]

#: Replicates that are made together: what is looked up for one detection is then looked up once for all of them.
_TOGETHER: Final = 8
#: Replicates of sums that are made together: their sums stay in the cache of the processor.
_SUMMED: Final = 256
#: Rows that are not worth threads.
_FEW_ROWS: Final = 1_000


def _poisson_bounds() -> Key:
    """Return where the distribution function of a Poisson variable of mean 1 steps, as 64-bit fractions."""
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


class _Poisson(NamedTuple):
    """Tables that turn 64 random bits into a weight: by their first few, and within a step by a search."""

    bounds: Key
    weight: NDArray[np.uint8]
    bits: int
    look: int


_POISSON: Final = _Poisson(_BOUNDS, np.where(_LEAST == _MOST, _LEAST, _LOOK).astype(np.uint8), _BITS, _LOOK)


def row_weights(key: Key, included: Flag, seed: int, replicate: int) -> Int:
    """Return how often each row counts in a replicate, ``(rows,)``; in replicate 0, once.

    Parameters
    ----------
    key : (rows,) uint64
        A hash of each data row's key.
    included : (rows,) bool
        Rows that are not have weight 0.
    """
    return _row_weights(key, included, seed, replicate, 1, _POISSON).astype(np.int64)


@compiled
def _row_weights(key: Key, included: Flag, seed: int, first: int, count: int, poisson: _Poisson) -> Weights:
    """Weights in so many replicates from the first on, ``(rows · count,)``: those of one row side by side."""


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
    columns = values.shape[1]

    def some_from(first: int) -> Float:
        count = min(_SUMMED, replicates + 1 - first)
        return _resampled_sums(key, values, columns, seed, first, count, _POISSON).reshape(columns, count).T

    return np.concatenate(on_threads(some_from, range(0, replicates + 1, _SUMMED), worth_it=len(key) > _FEW_ROWS))


@compiled
def _resampled_sums(
    key: Key, values: Float, columns: int, seed: int, first: int, count: int, poisson: _Poisson
) -> Float:
    """Sum in so many replicates from the first on, ``(columns · count,)``."""


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


@compiled
def _annotations(label: Int, row: Int, weight: Weights, classes: int) -> Int:
    """Count the annotations of each class, copies included, ``(classes · _TOGETHER,)``."""


#: Of the weights of data rows and the annotations of each class: sums over classes with annotations, of average
#: precision and of final recall, ``(thresholds · _TOGETHER,)`` each.
_Summed = Callable[[Weights, Int], tuple[Float, Float]]


def _resampled(summed: _Summed, sample: Sample, classes: int, thresholds: int, seed: int, replicates: int) -> Resampled:
    def some_from(first: int) -> tuple[Float, Float]:
        weight = _row_weights(sample.key, sample.included, seed, first, _TOGETHER, _POISSON)
        annotations = _annotations(sample.annotation_label, sample.annotation_row, weight, classes)
        defined = np.count_nonzero(annotations.reshape(classes, _TOGETHER), axis=0)
        precision, final = (sums.reshape(thresholds, _TOGETHER) for sums in summed(weight, annotations))
        with np.errstate(invalid="ignore"):
            return (precision / defined).T, (final / defined).T

    precision, final = zip(*on_threads(some_from, range(0, replicates + 1, _TOGETHER)), strict=True)
    return Resampled(*(np.concatenate(parts)[: replicates + 1] for parts in (precision, final)))


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

    def summed(weight: Weights, annotations: Int) -> tuple[Float, Float]:
        return _sum_detections(
            start, small, correct, ignored, first, size, event_start, event, weight, annotations, thresholds, rule
        )

    return _resampled(summed, sample, len(start) - 1, thresholds, seed, replicates)


@compiled
def _sum_detections(
    start: Int,
    row: NDArray[np.int32],
    correct: Bits,
    ignored: Bits,
    first: Int,
    size: Int,
    event_start: Int,
    event: NDArray[np.int32],
    weight: Weights,
    annotations: Int,
    thresholds: int,
    rule: Rule,
) -> tuple[Float, Float]: ...


@compiled
def _tied(start: Int, row: Int, confidence: Float) -> tuple[Int, Int]:
    """For each detection the first one of its class, row and confidence; for each of those how many there are."""


@compiled
def _events(start: Int, correct: Bits, ignored: Bits, tied: Flag, thresholds: int) -> tuple[Int, NDArray[np.int32]]:
    """For each class and threshold, which detections are right, or do not count: the others are only seen.

    Positions are within the class, from 0; of one that does not count, or is tied, the bitwise complement.
    """


def resampled_changes(
    changes: AllChanges,
    row: Int,
    sample: Sample,
    classes: int,
    thresholds: Float,
    rule: Rule,
    seed: int,
    replicates: int,
) -> Resampled:
    """Average precision in each replicate, where true positives may be lost again.

    What :func:`evalstream.metrics.average_precision.average_changes` gives for data in which each row stands as often
    as its weight says. Other parameters are those of :func:`resampled_detections`.

    Parameters
    ----------
    changes : AllChanges
        At any threshold.
    row : (predictions,) int64
        The data row of each.
    thresholds : (n,) float64
        Of IoU.
    """
    counts = changes.delta_tp == 0
    start = np.searchsorted(changes.label[counts], np.arange(classes + 1))
    small = row.astype(np.int32)
    counted = small[changes.prediction[counts]]
    own = steps(changes, thresholds, classes)
    own = own._replace(prediction=small[own.prediction])

    def summed(weight: Weights, annotations: Int) -> tuple[Float, Float]:
        return _sum_steps(start, counted, own, weight, annotations, len(thresholds), rule)

    return _resampled(summed, sample, classes, len(thresholds), seed, replicates)


@compiled
def _sum_steps(
    start: Int, row: Code, steps: Steps, weight: Weights, annotations: Int, thresholds: int, rule: Rule
) -> tuple[Float, Float]:
    """The prediction of a step is its data row here."""


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


def wilson_bounds(share: float, trials: float, level: float) -> tuple[float, float]:
    """Return Wilson's score interval of a proportion.

    Parameters
    ----------
    share : float
        The proportion seen, from 0 to 1.
    trials : float
        How many independent trials it is of, above 0; where trials are alike, the effective number of them.
    level : float
        The confidence, such as 0.95.
    """
    z2 = NormalDist().inv_cdf((1 + level) / 2) ** 2
    middle = share + z2 / (2 * trials)
    half = (z2 * (share * (1 - share) / trials + z2 / (4 * trials * trials))) ** 0.5
    below = 1 + z2 / trials
    # At the edges the two terms are equal, but for rounding.
    low = 0.0 if share <= 0 else (middle - half) / below
    return low, 1.0 if share >= 1 else (middle + half) / below


def bounds_of_equal(value: float, rows: int, level: float, lowest: float, highest: float) -> tuple[float, float]:
    """Bound the mean of what is the same on every row that was seen.

    By Wilson's interval, at most a share q of all rows is unlike those seen; and what these are is anything from
    ``lowest`` to ``highest``. For a proportion of 0 or 1 this is Wilson's interval itself.
    """
    _, unlike = wilson_bounds(0.0, rows, level)
    return value - unlike * (value - lowest), value + unlike * (highest - value)
