"""Aggregations of additive parts, equal to NumPy's and SciPy's on values repeated as often as their weights say."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import scipy.stats
from evalstream.metrics.aggregate import additive, aggregated, confusion_scores
from evalstream.types import Aggregation
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import some_examples

REFERENCES: dict[Aggregation, Callable[[Sequence[float]], float]] = {
    "arithmetic_mean": np.mean,
    "geometric_mean": scipy.stats.gmean,
    "harmonic_mean": scipy.stats.hmean,
    "sum": np.sum,
}
_VALUES = st.lists(
    st.tuples(st.sampled_from([0.0, 0.5, 1.0]) | st.floats(1e-6, 1e6), st.integers(0, 3)), min_size=1, max_size=12
)


@pytest.mark.parametrize("aggregation", REFERENCES)
@given(_VALUES)
@some_examples(0.6)
def test_as_the_reference_on_repeated_values(aggregation: Aggregation, weighted: list[tuple[float, int]]) -> None:
    values, weights = (np.array(column, np.float64) for column in zip(*weighted, strict=True))
    repeated = np.repeat(values, weights.astype(int))
    sums = weights @ additive(aggregation, values)
    ours = aggregated(aggregation, np.stack((sums, sums)))
    assert ours.shape == (2,)
    if len(repeated):
        assert ours[0] == pytest.approx(REFERENCES[aggregation](repeated), rel=1e-9)
    else:
        assert np.isnan(ours[0])


def test_a_zero_makes_the_geometric_and_the_harmonic_mean_zero_as_in_scipy() -> None:
    for aggregation in ("geometric_mean", "harmonic_mean"):
        sums = additive(aggregation, np.array([0.0, 4.0, 4.0])).sum(axis=0)
        assert aggregated(aggregation, sums) == 0 == REFERENCES[aggregation]([0.0, 4.0, 4.0])
        left_out = additive(aggregation, np.array([0.0, 4.0, 4.0]))[1:].sum(axis=0)
        assert aggregated(aggregation, left_out) == pytest.approx(4)


def test_negative_values_have_an_arithmetic_mean_and_a_sum() -> None:
    values = np.array([-3.0, 1.0])
    assert aggregated("arithmetic_mean", additive("arithmetic_mean", values).sum(axis=0)) == -1
    assert aggregated("sum", additive("sum", values).sum(axis=0)) == -2


def test_scores_of_a_matrix() -> None:
    assert confusion_scores(np.array([2.0, 1.0, 4.0, 3.0])) == (2 / 3, 2 / 5, 4 / 8, 6 / 10)
    assert confusion_scores(np.zeros(4)) == (None, None, None, None)
    assert confusion_scores(np.array([0.0, 0.0, 4.0, 0.0])) == (None, None, None, 1.0)
    assert math.isclose(confusion_scores(np.array([1.0, 0.0, 0.0, 1.0])).f1 or 0, 2 / 3)
