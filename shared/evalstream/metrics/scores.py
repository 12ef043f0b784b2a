"""Scores of counts. A score that is not defined is None (NaN within arrays), never 0 and never −1.

Definitions and averages are scikit-learn's: ``precision_recall_fscore_support``, ``jaccard_score``.
"""

from __future__ import annotations

import math
from typing import Any, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalstream.scenes import Flag, Float, Int

#: What a class whose score is not defined counts as in a mean: nothing at all (it is left out), 0 or 1. These are
#: scikit-learn's ``zero_division`` of NaN, 0 and 1.
ZeroDivision = Literal["exclude", "zero", "one"]
_STANDS_IN: Final[dict[ZeroDivision, float]] = {"exclude": math.nan, "zero": 0.0, "one": 1.0}


_Numbers = NDArray[np.floating[Any] | np.int64]


class Counts(NamedTuple):
    """Right, wrong and missing, an entry a class."""

    tp: Int
    fp: Int
    fn: Int
    cases: Float  # in how many cases the class could have been said; NaN where there is no such number

    def take(self, chosen: Int | Flag) -> Counts:
        """Those of some classes."""
        return Counts(self.tp[chosen], self.fp[chosen], self.fn[chosen], self.cases[chosen])

    def total(self) -> Counts:
        """Those of all classes together, as of one."""
        tp, fp, fn = (np.array([int(column.sum())], np.int64) for column in (self.tp, self.fp, self.fn))
        return Counts(tp, fp, fn, self.cases.sum(keepdims=True))

    def tn(self) -> Float:
        """Cases in which the class was neither there nor said; NaN where cases cannot be counted."""
        return self.cases - self.tp - self.fp - self.fn


class Scores(NamedTuple):
    """Scores from counts: of one class against all others, or averaged over classes."""

    precision: float | None
    recall: float | None
    f1: float | None
    f_beta: float | None
    jaccard: float | None
    specificity: float | None
    accuracy_one_vs_rest: float | None


class Averages(NamedTuple):
    """The same over several classes."""

    micro: Scores  # of the summed counts
    macro: Scores  # the mean over classes
    weighted: Scores  # the mean over classes, weighted by their annotations


def scores(tp: int, fp: int, fn: int, cases: int | None = None, beta: float = 1.0) -> Scores:
    """Score counts of right, wrong and missing.

    Precision ``tp / (tp + fp)``, recall ``tp / (tp + fn)``, F-beta ``(1 + b²) tp / ((1 + b²) tp + fp + b² fn)``,
    Jaccard ``tp / (tp + fp + fn)``; and where the cases are known, so that ``tn = cases − tp − fp − fn``, specificity
    ``tn / (tn + fp)`` and accuracy ``(tp + tn) / cases``.

    >>> scores(3, 1, 0)[:3]
    (0.75, 1.0, 0.8571428571428571)
    >>> scores(0, 0, 2)[:3]
    (None, 0.0, 0.0)
    """
    right, wrong, missing = (np.array([number], np.int64) for number in (tp, fp, fn))
    counts = Counts(right, wrong, missing, np.array([math.nan if cases is None else float(cases)]))
    return Scores(*(defined(column[0]) for column in by_class(counts, beta)))


def by_class(counts: Counts, beta: float = 1.0) -> list[Float]:
    """Score every class: a column for each field of ``Scores``, NaN where it is not defined."""
    tp, fp, fn, cases = counts
    tn, b2 = counts.tn(), beta * beta
    return [
        ratios(tp, tp + fp),
        ratios(tp, tp + fn),
        ratios(2 * tp, 2 * tp + fp + fn),
        ratios((1 + b2) * tp, b2 * (tp + fn) + (tp + fp)),
        ratios(tp, tp + fp + fn),
        ratios(tn, tn + fp),
        ratios(tp + tn, cases),
    ]


def averages(counts: Counts, beta: float = 1.0, zero_division: ZeroDivision = "exclude") -> Averages:
    """Average over classes.

    ``zero_division`` says what an undefined score counts as; with ``exclude`` it is left out of the means, its weight
    too. Where all weights are 0 the weighted mean is the plain one, as in scikit-learn.
    """
    known = ~np.isnan(counts.cases)
    # Of the classes that have true negatives alone: the sums of others would not fit them.
    whole = counts.total()
    part = counts.take(known).total() if np.any(known) else whole
    micro = [*by_class(whole, beta)[:5], *by_class(part, beta)[5:]]
    support = counts.tp + counts.fn
    columns = by_class(counts, beta)
    # No cases are no failed division: scikit-learn has no such thing, and nothing may stand in.
    applies = [np.ones(len(support), np.bool_)] * 5 + [known] * 2

    def mean(column: Float, weight: Int | None) -> float | None:
        return average(column, weight, zero_division)

    return Averages(
        Scores(*(mean(column, None) if np.any(has) else None for column, has in zip(micro, applies, strict=True))),
        Scores(*(mean(column[has], None) for column, has in zip(columns, applies, strict=True))),
        Scores(*(mean(column[has], support[has]) for column, has in zip(columns, applies, strict=True))),
    )


def average(column: Float, weight: Int | None = None, zero_division: ZeroDivision = "exclude") -> float | None:
    """Average the scores of classes, NaN where undefined; None if there is nothing to average."""
    column = np.where(np.isnan(column), _STANDS_IN[zero_division], column)
    has = ~np.isnan(column)
    if not np.any(has):
        return None
    if weight is None or not np.any(weight[has]):
        return float(np.mean(column[has]))
    return float(np.average(column[has], weights=weight[has]))


def ratios(part: _Numbers, whole: _Numbers) -> Float:
    """Divide column by column; NaN where it cannot be done."""
    out = np.full(len(part), np.nan)
    np.divide(part, whole, out=out, where=(whole != 0) & ~np.isnan(whole))
    return out


def ratio(part: float, whole: float) -> float | None:
    """Divide, or say that it cannot be done."""
    return part / whole if whole else None


def defined(value: float) -> float | None:
    """NaN as None."""
    return None if math.isnan(value) else float(value)
