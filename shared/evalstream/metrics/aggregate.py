"""Aggregate several values of a metric into one: the means, the sum, and the confusion matrix, all of additive parts.

References: ``numpy.mean``, ``scipy.stats.gmean``, ``scipy.stats.hmean``, ``numpy.sum``.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from evalstream.metrics.scores import ratio
from evalstream.scenes import Float
from evalstream.types import Aggregation

#: Figures of a confusion matrix [tp, fp, tn, fn], as numerator and denominator: weights of the four counts.
CONFUSION_FIGURES: Final[dict[str, tuple[tuple[int, int, int, int], tuple[int, int, int, int]]]] = {
    "precision": ((1, 0, 0, 0), (1, 1, 0, 0)),
    "recall": ((1, 0, 0, 0), (1, 0, 0, 1)),
    "f1": ((2, 0, 0, 0), (2, 1, 0, 1)),
    "accuracy": ((1, 0, 1, 0), (1, 1, 1, 1)),
}


class ConfusionScores(NamedTuple):
    """Scores of a confusion matrix; None where a denominator is 0."""

    precision: float | None
    recall: float | None
    f1: float | None
    accuracy: float | None


def confusion_scores(counts: Float) -> ConfusionScores:
    """Score [tp, fp, tn, fn]: precision, recall, F1, and accuracy (tp + tn) / all.

    >>> confusion_scores(np.array([3.0, 1.0, 0.0, 0.0]))
    ConfusionScores(precision=0.75, recall=1.0, f1=0.8571428571428571, accuracy=0.75)
    """
    return ConfusionScores(
        *(ratio(float(counts @ part), float(counts @ whole)) for part, whole in CONFUSION_FIGURES.values())
    )


def additive(aggregation: Aggregation, values: Float) -> Float:
    """Turn values into what can be summed, with any weights, before :func:`aggregated` makes one value of it.

    Parameters
    ----------
    aggregation : Aggregation
        Not ``confusion_matrix``, whose counts are additive as they are.
    values : (n,) float64
        None below 0 for the geometric and the harmonic mean.

    Returns
    -------
    (n, 3) float64
        How many, how many of them are 0, and what is summed.
    """
    zero = values == 0
    match aggregation:
        case "geometric_mean":
            summed = np.log(np.where(zero, 1.0, values))
        case "harmonic_mean":
            zero = values < np.finfo(np.float64).smallest_normal  # of less, the reciprocal overflows
            summed = 1 / np.where(zero, 1.0, values)
        case _:
            summed = values
    return np.stack((np.ones(len(values)), zero, summed), axis=1)


def aggregated(aggregation: Aggregation, sums: Float) -> Float:
    """Make values of sums, ``(…, 3)`` as :func:`additive` gives them; NaN where there was nothing to sum.

    With a 0 among them the geometric and the harmonic mean are 0, their limit, as in SciPy.
    """
    count, zeros, summed = np.moveaxis(sums, -1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        match aggregation:
            case "arithmetic_mean":
                values = summed / count
            case "geometric_mean":
                values = np.where(zeros > 0, 0.0, np.exp(summed / count))
            case "harmonic_mean":
                values = np.where(zeros > 0, 0.0, count / summed)
            case _:
                values = summed
    return np.where(count > 0, values, np.nan)
