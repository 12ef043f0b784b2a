"""Figures of scores against scikit-learn's, over random scores with ties, zeros and options that are never true."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from evalstream.metrics.ranking import Ranking, areas, brier, by_score, hits_at, log_loss, one_vs_one, points
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

# Few distinct scores, so that ties are the rule; sums are anything.
SCORES = (0.0, 0.0, 0.1, 0.25, 0.5, 0.5, 1.0, 0.1 + 0.2)


@st.composite
def problems(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """The one true option of each case, and scores (cases, options)."""
    options, cases = draw(st.integers(2, 6)), draw(st.integers(1, 30))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    scores = rng.choice(SCORES, (cases, options)) if draw(st.booleans()) else rng.random((cases, options)).round(2)
    return rng.integers(0, draw(st.integers(1, options)), cases), scores


def sparse(true: np.ndarray, scores: np.ndarray, rng: np.random.Generator) -> Ranking:
    """As columns in any order, some of what is 0 left out, the true ones never."""
    listed = true | (scores > 0) | (rng.random(true.shape) < 0.5)
    case, option = np.nonzero(listed)
    order = rng.permutation(len(case))
    case, option = case[order], option[order]
    return by_score(*true.shape, case, option, scores[case, option], true[case, option])


def one_hot(truth: np.ndarray, options: int) -> np.ndarray:
    return truth[:, None] == np.arange(options)


def quiet(function, *given, **named):  # type: ignore[no-untyped-def]
    """What scikit-learn says, NaN as None."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = function(*given, **named)
    return None if math.isnan(found) else float(found)


def same(ours: float | None, theirs: float | None) -> None:
    assert ours == (None if theirs is None else pytest.approx(theirs, abs=1e-12, rel=0))


@given(problem=problems(), seed=st.integers(0, 2**32))
def test_areas_of_each_option_and_micro(problem: tuple[np.ndarray, np.ndarray], seed: int) -> None:
    truth, scores = problem
    true = one_hot(truth, scores.shape[1])
    roc, precision = areas(sparse(true, scores, np.random.default_rng(seed)))
    for k in range(scores.shape[1]):
        there = true[:, k].any()
        same(none(roc.each[k]), quiet(sk.roc_auc_score, true[:, k], scores[:, k]))
        same(none(precision.each[k]), sk.average_precision_score(true[:, k], scores[:, k]) if there else None)
    same(roc.micro, quiet(sk.roc_auc_score, true.ravel(), scores.ravel()))
    same(precision.micro, quiet(sk.average_precision_score, true, scores, average="micro"))
    same(precision.weighted, quiet(sk.average_precision_score, true, scores, average="weighted"))
    zero = areas(sparse(true, scores, np.random.default_rng(seed)), "zero")[1]
    same(zero.macro, quiet(sk.average_precision_score, true, scores, average="macro"))
    if true.any(0).all() and not true.all(0).any():
        same(roc.macro, quiet(sk.roc_auc_score, true, scores, average="macro"))
        same(roc.weighted, quiet(sk.roc_auc_score, true, scores, average="weighted"))


@given(problem=problems(), seed=st.integers(0, 2**32))
def test_one_against_one(problem: tuple[np.ndarray, np.ndarray], seed: int) -> None:
    """scikit-learn's own function wants scores that sum to 1, and all options true; its definition by hand does not."""
    truth, scores = problem
    ours = one_vs_one(sparse(one_hot(truth, scores.shape[1]), scores, np.random.default_rng(seed)))
    values, weights = [], []
    present = np.unique(truth)
    for i, a in enumerate(present):
        for b in present[i + 1 :]:
            pair = (truth == a) | (truth == b)
            values.append(
                sk.roc_auc_score(truth[pair] == a, scores[pair, a]) / 2
                + sk.roc_auc_score(truth[pair] == b, scores[pair, b]) / 2
            )
            weights.append(pair.mean())
    same(ours.macro, float(np.average(values)) if values else None)
    same(ours.weighted, float(np.average(values, weights=weights)) if values else None)
    total = scores.sum(1, keepdims=True)
    if len(present) == scores.shape[1] > 2 and np.all(total > 0):
        normal = scores / total
        ours = one_vs_one(sparse(one_hot(truth, scores.shape[1]), normal, np.random.default_rng(seed)))
        same(ours.macro, sk.roc_auc_score(truth, normal, multi_class="ovo"))
        same(ours.weighted, sk.roc_auc_score(truth, normal, multi_class="ovo", average="weighted"))


@given(problem=problems(), seed=st.integers(0, 2**32))
def test_areas_over_the_options_of_each_case(problem: tuple[np.ndarray, np.ndarray], seed: int) -> None:
    """Of checklists, where any number of options is true."""
    _, scores = problem
    rng = np.random.default_rng(seed)
    true = rng.random(scores.shape) < 0.5
    roc, precision = areas(sparse(true, scores, rng))
    aucs = [quiet(sk.roc_auc_score, *case) for case in zip(true, scores, strict=True)]
    found = [auc for auc in aucs if auc is not None]
    same(roc.samples, float(np.mean(found)) if found else None)
    some = true.any(1)
    expected = quiet(sk.average_precision_score, true[some], scores[some], average="samples") if some.any() else None
    same(precision.samples, expected)
    same(
        areas(sparse(true, scores, rng), "zero")[1].samples,
        quiet(sk.average_precision_score, true, scores, average="samples"),
    )


@given(problem=problems(), seed=st.integers(0, 2**32))
def test_curves(problem: tuple[np.ndarray, np.ndarray], seed: int) -> None:
    truth, scores = problem
    true = one_hot(truth, scores.shape[1])
    ranking = sparse(true, scores, np.random.default_rng(seed))
    for k in range(scores.shape[1]):
        own = ranking.option == k  # still in order
        found = points(ranking.score[own], ranking.true[own], len(truth) - int(own.sum()))
        if true[:, k].any() and not true[:, k].all():
            fpr, tpr, at = sk.roc_curve(true[:, k], scores[:, k], drop_intermediate=False)
            assert found.score.tolist() == at[1:].tolist()
            assert (found.tp / found.tp[-1]).tolist() == tpr[1:].tolist()
            assert (found.fp / found.fp[-1]).tolist() == fpr[1:].tolist()


@given(problem=problems(), seed=st.integers(0, 2**32))
def test_top_k_log_loss_and_brier(problem: tuple[np.ndarray, np.ndarray], seed: int) -> None:
    truth, scores = problem
    labels = list(range(scores.shape[1]))
    ranking = sparse(one_hot(truth, len(labels)), scores, np.random.default_rng(seed))
    if len(labels) > 2:
        for k in range(1, len(labels) + 1):
            expected = quiet(sk.top_k_accuracy_score, truth, scores, k=k, labels=labels, normalize=False)
            assert hits_at(ranking, k) == expected
    same(log_loss(ranking), quiet(sk.log_loss, truth, scores, labels=labels))
    same(brier(ranking), quiet(sk.brier_score_loss, truth, scores, labels=labels, scale_by_half=False))


def test_nothing_to_rank() -> None:
    empty = Ranking(0, 0, *(np.empty(0, np.int64),) * 2, np.empty(0), np.empty(0, np.bool_))
    assert areas(empty)[0][:4] == (None,) * 4
    assert one_vs_one(empty) == (None, None)
    assert (log_loss(empty), brier(empty), hits_at(empty, 1)) == (None, None, 0)


def none(value: float) -> float | None:
    return None if math.isnan(value) else value
