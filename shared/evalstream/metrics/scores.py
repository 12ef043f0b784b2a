"""Scores of counts. A score that is not defined is None, never 0 and never −1."""

from __future__ import annotations

from typing import NamedTuple


class Scores(NamedTuple):
    """Precision, recall and their harmonic mean."""

    precision: float | None
    recall: float | None
    f1: float | None


def scores(tp: int, fp: int, fn: int) -> Scores:
    """Score counts of right, wrong and missing.

    Precision ``tp / (tp + fp)``, recall ``tp / (tp + fn)``, F1 ``2 tp / (2 tp + fp + fn)``, as in scikit-learn with
    undefined ones left undefined.

    >>> scores(3, 1, 0)
    Scores(precision=0.75, recall=1.0, f1=0.8571428571428571)
    >>> scores(0, 0, 2)
    Scores(precision=None, recall=0.0, f1=0.0)
    """
    return Scores(ratio(tp, tp + fp), ratio(tp, tp + fn), ratio(2 * tp, 2 * tp + fp + fn))


def ratio(part: float, whole: float) -> float | None:
    """Divide, or say that it cannot be done."""
    return part / whole if whole else None
