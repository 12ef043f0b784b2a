"""Regression figures of predicted numbers."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from evalstream.scenes import Float

_NO_PAIRS = "no prediction goes together with an annotation"
_ONE_PAIR = "it takes two pairs or more"


class RegressionScores(NamedTuple):
    """Scores of one question; None where one is not defined, which :func:`why_undefined` explains."""

    mae: float | None
    mse: float | None
    rmse: float | None
    median_absolute_error: float | None
    max_error: float | None
    bias: float | None
    r2: float | None
    pearson_r: float | None


def regression_scores(actual: Float, predicted: Float) -> RegressionScores:
    """Score predicted numbers.

    With error e = predicted − actual: ``mae`` mean |e|, ``mse`` mean e², ``rmse`` its root, ``bias`` mean e; ``r2`` is
    the coefficient of determination 1 − Σe² / Σ(actual − mean)², which is no square and may be below 0;
    ``pearson_r`` is Pearson's correlation, something else.

    Sums go over sorted values, and squares over what is left after the mean is taken off: the figures do not depend
    on the order of the pairs, nor suffer from numbers that are large beside their spread.
    """
    count = len(actual)
    if not count:
        return RegressionScores(*[None] * 8)
    error = predicted - actual
    absolute = np.abs(error)
    squares = _total(error * error)
    from_mean, predicted_from_mean = _centred(actual), _centred(predicted)
    spread, predicted_spread = _total(from_mean * from_mean), _total(predicted_from_mean * predicted_from_mean)
    shared = _total(from_mean * predicted_from_mean)
    return RegressionScores(
        mae=_total(absolute) / count,
        mse=squares / count,
        rmse=math.sqrt(squares / count),
        median_absolute_error=float(np.median(absolute)),
        max_error=float(np.max(absolute)),
        bias=_total(error) / count,
        r2=1 - squares / spread if spread else None,
        pearson_r=_clipped(shared / math.sqrt(spread) / math.sqrt(predicted_spread))
        if spread and predicted_spread
        else None,
    )


def why_undefined(scores: RegressionScores, count: int) -> dict[str, str]:
    """Say why scores of ``count`` pairs are None."""
    constant = {
        "r2": "all true numbers are the same (scikit-learn says 1 if every prediction is exact, or else 0)",
        "pearson_r": "all true or all predicted numbers are the same",
    }
    return {
        name: _NO_PAIRS if count == 0 else _ONE_PAIR if count == 1 else constant[name]
        for name, value in scores._asdict().items()
        if value is None
    }


def _total(values: Float) -> float:
    return float(np.sum(np.sort(values)))


def _centred(values: Float) -> Float:
    """The values less their mean; exactly 0 where all are the same, whose mean need not be the same number."""
    if np.min(values) == np.max(values):
        return np.zeros_like(values)
    return values - _total(values) / len(values)


def _clipped(correlation: float) -> float:
    return max(-1.0, min(1.0, correlation))
