"""Scores of numbers against scikit-learn and SciPy, on numbers that are hard to sum."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from evalstream.metrics.regression import RegressionScores, regression_scores, why_undefined
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import pearsonr
from sklearn import metrics

pairs = st.lists(
    st.tuples(*[st.sampled_from([-1.0, 0.0, 0.1, 0.5, 2.0]) | st.floats(-100, 100)] * 2), min_size=2, max_size=20
)
offsets = st.sampled_from([0.0, 1.0, 1e6, -1e6])


def reference(actual: np.ndarray, predicted: np.ndarray) -> RegressionScores:
    return RegressionScores(
        mae=metrics.mean_absolute_error(actual, predicted),
        mse=metrics.mean_squared_error(actual, predicted),
        rmse=metrics.root_mean_squared_error(actual, predicted),
        median_absolute_error=metrics.median_absolute_error(actual, predicted),
        max_error=metrics.max_error(actual, predicted),
        bias=float(np.mean(predicted - actual)),
        r2=metrics.r2_score(actual, predicted),
        pearson_r=pearsonr(actual, predicted).statistic,
    )


@given(pairs, offsets)
def test_scores_are_scikit_learns(pairs: list[tuple[float, float]], offset: float) -> None:
    actual, predicted = np.array(pairs).T + offset
    # Of next to no spread nothing is left to compare but rounding.
    assume(np.ptp(actual) > 1e-3 and np.ptp(predicted) > 1e-3)
    ours, theirs = regression_scores(actual, predicted), reference(actual, predicted)
    for name, value in ours._asdict().items():
        assert value == pytest.approx(getattr(theirs, name), rel=1e-9, abs=1e-9), name


def test_large_beside_their_spread() -> None:
    rng = np.random.default_rng(3)
    actual = 1e6 + rng.normal(size=100_000)
    predicted = actual + rng.normal(size=100_000)
    ours, theirs = regression_scores(actual, predicted), reference(actual, predicted)
    assert ours == pytest.approx(theirs, rel=0, abs=1e-9)
    order = rng.permutation(len(actual))
    assert regression_scores(actual[order], predicted[order]) == ours  # to the last digit


def test_undefined() -> None:
    nothing = regression_scores(np.empty(0), np.empty(0))
    assert nothing == (None,) * 8
    assert set(why_undefined(nothing, 0).values()) == {"no prediction goes together with an annotation"}
    one = regression_scores(np.array([3.0]), np.array([5.0]))
    assert one == (2.0, 4.0, 2.0, 2.0, 2.0, 2.0, None, None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert math.isnan(metrics.r2_score([3.0], [5.0]))
    assert why_undefined(one, 1) == {"r2": "it takes two pairs or more", "pearson_r": "it takes two pairs or more"}


def test_constant_truth() -> None:
    # scikit-learn says 1 or 0, by whether every prediction is exact, unless rounding gives the mean a last digit.
    actual = np.full(3, 0.25)
    for predicted, said in ((actual, 1.0), (np.array([0.25, 0.25, 1.25]), 0.0)):
        ours = regression_scores(actual, predicted)
        assert (ours.r2, ours.pearson_r, metrics.r2_score(actual, predicted)) == (None, None, said)
        assert why_undefined(ours, 3)["r2"].startswith("all true numbers are the same (scikit-learn says 1 if")
    assert regression_scores(np.full(3, 0.1), np.array([0.1, 0.2, 0.3])).r2 is None  # the mean of 0.1s is not 0.1


def test_constant_predictions() -> None:
    ours = regression_scores(np.array([1.0, 2.0, 3.0]), np.full(3, 0.1))
    assert ours.r2 == pytest.approx(metrics.r2_score([1.0, 2.0, 3.0], np.full(3, 0.1)))
    assert why_undefined(ours, 3) == {"pearson_r": "all true or all predicted numbers are the same"}


def test_r2_is_no_square() -> None:
    scores = regression_scores(np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 6.0]))
    assert (scores.r2, scores.pearson_r) == (-6.0, pytest.approx(1.0))


def test_huge_and_tiny_numbers() -> None:
    assert all(
        math.isfinite(x)
        for x in regression_scores(np.array([1e100, -1e100]), np.array([-1e100, 1e100]))
        if x is not None
    )
    tiny = regression_scores(np.array([0.0, 1e-200]), np.array([1e-200, 0.0]))
    assert tiny.r2 is None
