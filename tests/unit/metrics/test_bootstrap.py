"""The Poisson bootstrap: weights, weighted figures, and what the intervals are worth."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from evalstream.metrics.average_precision import RULES, average_changes, average_detections
from evalstream.metrics.bootstrap import (
    Key,
    Sample,
    bounds_of_equal,
    percentile_bounds,
    resampled_changes,
    resampled_detections,
    resampled_sums,
    row_weights,
    wilson_bounds,
)
from evalstream.metrics.detections import AllChanges, changes_at
from evalstream.scenes import Flag, Float

RULE = RULES["101-point"]


def _keys(count: int, seed: int = 0) -> Key:
    return np.random.default_rng(seed).integers(0, 2**64 - 1, count, np.uint64, endpoint=True)


def _all(count: int) -> Flag:
    return np.ones(count, np.bool_)


def test_weights_are_poisson_variables_of_mean_one() -> None:
    key = _keys(20_000)
    weights = np.array([row_weights(key, _all(len(key)), 0, b) for b in range(1, 51)])
    counts = np.bincount(weights.ravel(), minlength=8)[:8]
    expected = scipy.stats.poisson(1).pmf(np.arange(8)) * weights.size
    assert scipy.stats.chisquare(counts, expected * counts.sum() / expected.sum()).pvalue > 0.001
    correlation = np.corrcoef(weights)[np.triu_indices(50, 1)]
    assert np.abs(correlation).max() < 5 / np.sqrt(len(key))
    by_row = np.corrcoef(weights[:, :200].T)[np.triu_indices(200, 1)]
    assert abs(by_row.mean()) < 0.01


def test_weights_stay_what_they_are() -> None:
    """Answers are reproducible only as long as these numbers never change."""
    key = np.array([0, 1, 2, 2**63, 2**64 - 1], np.uint64)
    assert [row_weights(key, _all(5), 0, b).tolist() for b in (0, 1, 2, 1000)] == KNOWN[:4]
    assert row_weights(key, _all(5), 7, 1).tolist() == KNOWN[4]


KNOWN = [[1, 1, 1, 1, 1], [1, 2, 2, 0, 0], [1, 2, 1, 2, 1], [1, 1, 0, 1, 0], [1, 0, 4, 1, 2]]


def test_a_row_has_one_weight_in_every_subset_and_order() -> None:
    key = _keys(100)
    whole = row_weights(key, _all(100), 3, 9)
    chosen = np.random.default_rng(1).permutation(100)[:40]
    assert row_weights(key[chosen], _all(40), 3, 9).tolist() == whole[chosen].tolist()
    included = np.isin(np.arange(100), chosen)
    assert row_weights(key, included, 3, 9).tolist() == np.where(included, whole, 0).tolist()
    assert row_weights(key, included, 3, 0).tolist() == included.astype(int).tolist()


def test_sums_are_those_of_repeated_rows() -> None:
    key = _keys(300)
    values = np.random.default_rng(0).random((300, 3))
    values[:, 1] = np.round(values[:, 1])
    sums = resampled_sums(key, values, 11, 50)
    for b in range(51):
        repeated = np.repeat(values, row_weights(key, _all(300), 11, b), axis=0)
        assert sums[b] == pytest.approx(repeated.sum(axis=0), rel=1e-12)
    assert resampled_sums(key[:0], values[:0], 11, 2).tolist() == np.zeros((3, 3)).tolist()


def _mean(values: Float) -> Float:
    """Means over recalls and classes, by threshold."""
    return np.array([np.mean(own[~np.isnan(own)]) if np.any(~np.isnan(own)) else np.nan for own in values])


@pytest.mark.parametrize("seed", range(40))
def test_average_precision_is_that_of_repeated_rows(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows, classes = int(rng.integers(1, 8)), int(rng.integers(1, 4))
    size = int(rng.integers(0, 60))
    key = _keys(rows, seed)
    included = rng.random(rows) < 0.9
    row = np.sort(rng.integers(0, rows, size))
    label = rng.integers(0, classes, size)
    confidence = rng.integers(0, 6, size) / 5  # many ties, within a row and across
    correct = rng.integers(0, 8, size).astype(np.uint32) * (rng.random(size) < 0.5)
    ignored = rng.integers(0, 8, size).astype(np.uint32) * (rng.random(size) < 0.2)
    correct = (correct & ~ignored).astype(np.uint32)
    ignored = ignored.astype(np.uint32)
    truth_label, truth_row = rng.integers(0, classes, 25), rng.integers(0, rows, 25)
    # The real thing: rows repeated, the copies side by side.
    order = np.lexsort((-confidence, label))
    start = np.searchsorted(label[order], np.arange(classes + 1))
    own = start, row[order], confidence[order], correct[order], ignored[order]
    found = resampled_detections(*own, Sample(key, included, truth_label, truth_row), 3, RULE, 5, 30)
    for b in range(31):
        weight = row_weights(key, included, 5, b)
        pieces = [np.flatnonzero(row == r) for r in range(rows) for _ in range(weight[r])]
        repeated = np.concatenate([np.empty(0, np.int64), *pieces])
        again = repeated[np.lexsort((-confidence[repeated], label[repeated]))]
        start_again = np.searchsorted(label[again], np.arange(classes + 1))
        annotations = np.bincount(truth_label, weight[truth_row], classes).astype(np.int64)
        plain = average_detections(start_again, correct[again], ignored[again], confidence[again], annotations, 3, RULE)
        np.testing.assert_allclose(found.precision[b], _mean(plain.precision), rtol=1e-12)
        np.testing.assert_allclose(found.recall[b], _mean(plain.recall), rtol=1e-12)


@pytest.mark.parametrize("seed", range(40))
def test_average_precision_with_losses_is_that_of_repeated_rows(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows, classes, size = int(rng.integers(1, 8)), int(rng.integers(1, 4)), int(rng.integers(0, 50))
    key = _keys(rows, seed)
    label, row, confidence = rng.integers(0, classes, size), rng.integers(0, rows, size), rng.integers(3, 9, size) / 8
    truth_label, truth_row = rng.integers(0, classes, 90), rng.integers(0, rows, 90)

    # Detections, of which some are true positives at their confidence or below it, within a range of IoU, and some of
    # these are lost again further below.
    matched = np.flatnonzero(rng.random(size) < 0.7)
    low = rng.integers(0, 3, len(matched)) / 4
    high = low + rng.integers(0, 3, len(matched)) / 4
    gone = rng.random(len(matched)) < 0.4
    which = np.concatenate((np.arange(size), matched, matched[gone]))
    below = confidence[matched[gone]] - rng.integers(2, 4, np.count_nonzero(gone)) / 8
    at = np.concatenate((confidence, confidence[matched] - 1 / 8, below))
    order = np.lexsort((-at, label[which]))
    always = np.full(size, np.inf)
    changes = AllChanges(
        which[order].astype(np.int32),
        label[which][order].astype(np.int32),
        at[order],
        np.concatenate((-always, low, low[gone]))[order],
        np.concatenate((always, high, high[gone]))[order],
        np.repeat([0, 1, -1], (size, len(matched), np.count_nonzero(gone)))[order].astype(np.int32),
    )
    thresholds = np.array([0.2, 0.5, 0.9])
    sample = Sample(key, _all(rows), truth_label, truth_row)
    found = resampled_changes(changes, row, sample, classes, thresholds, RULE, 5, 30)
    for b in range(31):
        weight = row_weights(key, _all(rows), 5, b)
        annotations = np.bincount(truth_label, weight[truth_row], classes).astype(np.int64)
        for t, threshold in enumerate(thresholds):
            own = changes_at(changes, threshold, classes)
            # The changes of a row that stands twice come twice; the point comes after all of one confidence.
            times = weight[row[own.prediction]]
            group = np.append(0, np.cumsum(own.is_point))[:-1]
            again = np.repeat(np.arange(len(times)), times)
            start = np.append(0, np.cumsum(times))[own.start]
            is_point = np.append(np.diff(group[again]) != 0, np.bool_(True))[: len(again)]
            plain = average_changes(start, own.delta_tp[again], own.counted[again], is_point, annotations, RULE)
            np.testing.assert_allclose(found.precision[b, t], _mean(plain.precision)[0], rtol=1e-12)
            np.testing.assert_allclose(found.recall[b, t], _mean(plain.recall)[0], rtol=1e-12)


def test_percentiles_leave_out_where_a_figure_is_not_defined() -> None:
    values = np.append(np.arange(101.0), [np.nan, np.nan])
    assert percentile_bounds(values, 0.9) == pytest.approx((5.0, 95.0, 101))
    assert percentile_bounds(np.array([np.nan]), 0.9) is None


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.999])
def test_wilson_is_the_reference(level: float) -> None:
    for trials in (1, 2, 37, 1000):
        for hits in {0, 1, trials // 2, trials - 1, trials}:
            theirs = scipy.stats.binomtest(hits, trials).proportion_ci(level, method="wilson")
            assert wilson_bounds(hits / trials, trials, level) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_what_is_the_same_on_every_row_is_bounded_by_what_was_not_seen() -> None:
    for value in (0.0, 1.0):
        theirs = scipy.stats.binomtest(37 * int(value), 37).proportion_ci(0.95, method="wilson")
        assert bounds_of_equal(value, 37, 0.95, 0, 1) == pytest.approx((theirs.low, theirs.high), abs=1e-12)
    unlike = scipy.stats.binomtest(0, 37).proportion_ci(0.95, method="wilson").high
    # The rows that were not seen may have any overlap; and one run may be right where the other is wrong.
    assert bounds_of_equal(0.8, 37, 0.95, 0, 1) == pytest.approx((0.8 * (1 - unlike), 0.8 + 0.2 * unlike))
    assert bounds_of_equal(0, 37, 0.95, -1, 1) == pytest.approx((-unlike, unlike))
    # As rows become many, three and a bit of them may still be unlike: about the rule of three.
    assert bounds_of_equal(0, 10**6, 0.95, 0, 1)[1] * 10**6 == pytest.approx(3.84, abs=0.01)


def test_intervals_are_those_of_the_ordinary_bootstrap() -> None:
    """Rows drawn with replacement (scipy.stats.bootstrap), a ratio of sums: the bounds differ by chance only."""
    rng = np.random.default_rng(0)
    predictions = rng.integers(0, 20, 400)
    tp = rng.binomial(predictions, rng.beta(6, 3, 400))
    sums = resampled_sums(_keys(400), np.stack((tp, predictions), axis=1).astype(float), 0, 4000)
    bounds = percentile_bounds(sums[1:, 0] / sums[1:, 1], 0.95)
    assert bounds is not None
    theirs = scipy.stats.bootstrap(
        (tp, predictions),
        lambda a, b, axis: a.sum(axis=axis) / b.sum(axis=axis),
        paired=True, vectorized=True, n_resamples=4000, method="percentile", rng=1, batch=500,
    ).confidence_interval  # fmt: skip
    width = theirs.high - theirs.low
    assert abs(bounds.low - theirs.low) < 0.06 * width
    assert abs(bounds.high - theirs.high) < 0.06 * width


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    """Data sets of 150 rows whose true precision is known: .7, but with rows that are harder than others."""
    rng = np.random.default_rng(2)
    hits = 0
    for i in range(300):
        predictions = rng.poisson(6, 150)
        tp = rng.binomial(predictions, rng.beta(7, 3, 150))
        sums = resampled_sums(_keys(150, i), np.stack((tp, predictions), axis=1).astype(float), 0, 500)
        bounds = percentile_bounds(sums[1:, 0] / sums[1:, 1], 0.95)
        assert bounds is not None
        hits += bounds.low <= 0.7 <= bounds.high
    assert 0.90 <= hits / 300 <= 0.99


def test_intervals_of_average_precision_once_moved() -> None:
    """On resampled rows average precision is too high; moved by how much, intervals hold its mean over data sets."""
    rng = np.random.default_rng(3)
    rows = 100
    truth = np.zeros(3 * rows, np.int64), np.repeat(np.arange(rows), 3)

    def one(replicates: int, seed: int) -> Float:
        row = np.repeat(np.arange(rows), 4)
        right = (rng.random(len(row)) < 0.55) & (np.tile(np.arange(4), rows) < 3)
        confidence = rng.normal(np.where(right, 1.0, 0.0))
        order = np.argsort(-confidence)
        start = np.array([0, len(row)])
        bits = right[order].astype(np.uint32)
        own = start, row[order], confidence[order], bits, np.zeros_like(bits)
        sample = Sample(_keys(rows, seed), _all(rows), *truth)
        found = resampled_detections(*own, sample, 1, RULE, 0, replicates)
        return found.precision[:, 0]

    mean = np.mean([one(0, 0)[0] for _ in range(1000)])
    hits = above = 0
    for i in range(100):
        found = one(200, i)
        bounds = percentile_bounds(found[1:], 0.95)
        assert bounds is not None
        bias = np.mean(found[1:]) - found[0]
        above += bias > 0
        hits += bounds.low - bias <= mean <= bounds.high - bias
    assert above > 70
    assert 0.90 <= hits / 100 <= 0.99
