"""Chosen thresholds against trying out every confidence that occurs."""

from __future__ import annotations

import random
from collections import Counter
from typing import NamedTuple

import pytest
from clickhouse_connect.driver.client import Client
from evalstream.matching import POLICIES
from evalstream.queries.summary import summary
from evalstream.queries.thresholds import Choice, thresholds
from evalstream.selection import Selection

from tests.feeding import feed
from tests.oracles import nested as oracle

Scenes = list[tuple[list[oracle.Node], list[oracle.Node]]]


class Point(NamedTuple):
    confidence: float
    tp: int
    predictions: int
    annotations: int

    @property
    def precision(self) -> float:
        return self.tp / self.predictions

    @property
    def recall(self) -> float:
        return self.tp / self.annotations

    def f(self, beta: float) -> float:
        return (1 + beta * beta) * self.tp / (beta * beta * self.annotations + self.predictions)


@pytest.fixture(scope="module")
def scenes(client: Client) -> Scenes:
    rng = random.Random(21)
    found = [(oracle.random_side(rng, "predictions"), oracle.random_side(rng, "annotations")) for _ in range(40)]
    feed(
        client,
        "scenes",
        {str(k): [oracle.as_object(node, "annotations") for node in true] for k, (_, true) in enumerate(found)},
        {"m": {str(k): [oracle.as_object(node, "predictions") for node in said] for k, (said, _) in enumerate(found)}},
    )
    return found


def brute_force(scenes: Scenes, policy: str, t: float) -> dict[str | None, list[Point]]:
    """Counts of each label, and of all (None), at every confidence that occurs, the highest first."""
    found: dict[str | None, list[Point]] = {}
    for c in sorted({abs(c) for c in oracle.CONFIDENCES if c >= 0}, reverse=True):
        actual, predicted, right = Counter[str](), Counter[str](), Counter[str]()
        for said, true in scenes:
            own = oracle.counts(policy, said, true, c, t)
            actual += own[0]
            predicted += own[1]
            right += Counter({a: count for (a, p), count in own[2].items() if a == p})
        for label in actual | predicted:
            if predicted[label]:
                found.setdefault(label, []).append(Point(c, right[label], predicted[label], actual[label]))
        found.setdefault(None, []).append(Point(c, right.total(), predicted.total(), actual.total()))
    return found


def choose(points: list[Point], key: str, beta: float, precision: float, recall: float) -> Point | None:
    points = [point for point in points if point.annotations]
    keys = {
        "best_f_beta": [((p.f(beta), p.precision, p.confidence), p) for p in points],
        "best_recall": [((p.recall, p.precision, p.confidence), p) for p in points if p.precision >= precision],
        "best_precision": [((p.precision, p.recall, p.confidence), p) for p in points if p.recall >= recall],
    }[key]
    return max(keys)[1] if keys else None


@pytest.mark.parametrize("policy", list(POLICIES))
def test_choices_equal_brute_force(client: Client, scenes: Scenes, policy: str) -> None:
    chosen = 0
    for t in (0.2, 0.5, 0.8):
        points = brute_force(scenes, policy, t)
        for beta, precision, recall in ((1.0, 0.5, 0.3), (2.0, 0.2, 0.5), (0.5, 0.0, 0.0), (1.0, 1.0, 1.0)):
            selection = Selection(dataset="scenes", run="m", policy=policy, iou=t)
            found = thresholds(client, selection, beta=beta, precision=precision, recall=recall)
            for own in (found.overall, *found.per_class):
                for key in ("best_f_beta", "best_recall", "best_precision"):
                    ours: Choice | None = getattr(own, key)
                    expected = choose(points.get(own.label, []), key, beta, precision, recall)
                    assert (ours is None) == (expected is None), (own.label, key)
                    if ours and expected:
                        assert (ours.confidence, ours.tp, ours.fp) == (
                            expected.confidence,
                            expected.tp,
                            expected.predictions - expected.tp,
                        ), (own.label, key)
                        assert ours.precision == expected.precision
                        assert ours.recall == expected.recall
                        assert ours.f_beta == pytest.approx(expected.f(beta), abs=1e-15)
                        chosen += 1
                    else:
                        assert key in found.undefined
    assert chosen > 100


def test_a_choice_is_the_summary_at_its_threshold(client: Client, scenes: Scenes) -> None:
    selection = Selection(dataset="scenes", run="m", iou=0.4)
    best = thresholds(client, selection).overall.best_f_beta
    assert best
    at = summary(client, selection.model_copy(update={"confidence": best.confidence}))
    assert (best.precision, best.recall, best.f_beta) == (at.precision, at.recall, at.f1)
    assert (best.tp, best.fp, best.fn) == (at.tp, at.fp, at.fn)


def test_of_nothing(client: Client) -> None:
    found = thresholds(client, Selection(dataset="nothing", run="m"))
    assert found.overall.best_f_beta is None
    assert found.per_class == []
    assert set(found.undefined) == {"best_f_beta", "best_recall", "best_precision"}
