"""Question ``regression``: numbers of data rows and of objects."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from clickhouse_connect.driver.client import Client
from evalstream.matching import POLICIES
from evalstream.metrics.regression import regression_scores
from evalstream.queries.regression import Regression, regression
from evalstream.selection import QuestionError, Selection

from tests.feeding import feed

RANDOM = random.Random(23)
ROWS = [f"r{i}" for i in range(60)]
AGES = {row: RANDOM.gauss(40, 10) for row in ROWS[:55]}
GUESSES = {row: (AGES.get(row, 0) + RANDOM.gauss(0, 4), RANDOM.choice([0.3, 0.6, 1.0])) for row in ROWS[5:]}
SPLITS = {row: RANDOM.choice(["train", "test"]) for row in ROWS}


@pytest.fixture(scope="module")
def fed(client: Client) -> Client:
    truth = {row: [{"type": "number", "feature": "age", "answer": AGES[row]}] if row in AGES else [] for row in ROWS}
    found = {}
    for row in ROWS:
        value, confidence = GUESSES.get(row, (0.0, -1.0))  # below 0: as if it were not there
        found[row] = [{"type": "number", "feature": "age", "answer": value, "confidence": confidence}]
    facts = {row: {"split": split, "metadata": {"half": i % 2}} for i, (row, split) in enumerate(SPLITS.items())}
    feed(client, "d", truth, {"m": found}, rows=facts)
    return client


def asked(client: Client, dataset: str = "d", **filters: Any) -> Regression:
    return regression(client, Selection(dataset=dataset, run="m", **filters))


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("confidence", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("filters", [{}, {"split": ["test"]}, {"metadata": ["half=1"]}, {"iou": 1.0}])
def test_scores_of_a_selection(fed: Client, policy: str, confidence: float, filters: dict[str, Any]) -> None:
    rows = [row for row in ROWS if SPLITS[row] in filters.get("split", SPLITS[row])]
    rows = [row for row in rows if "metadata" not in filters or ROWS.index(row) % 2]
    pairs = [(AGES[row], GUESSES[row][0]) for row in rows if row in AGES and GUESSES.get(row, (0, -1))[1] >= confidence]
    (found,) = asked(fed, policy=policy, confidence=confidence, **filters).questions
    expected = regression_scores(*np.array(pairs).T)
    assert {name: getattr(found, name) for name in expected._fields} == pytest.approx(expected._asdict(), abs=1e-12)
    given = [row for row in rows if GUESSES.get(row, (0, -1))[1] >= confidence]
    true = [row for row in rows if row in AGES]
    assert (found.n, found.annotations, found.predictions) == (len(pairs), len(true), len(given))
    assert (found.missing, found.unasked) == (len(true) - len(pairs), len(given) - len(pairs))
    assert (found.feature, found.undefined) == ("age", {})


def test_other_types_and_features(fed: Client) -> None:
    assert asked(fed, type=["number"], feature=["age"]) == asked(fed)
    assert asked(fed, type=["text"]).questions == []
    assert asked(fed, feature=["size"]).questions == []
    with pytest.raises(QuestionError, match="leave out `area`"):
        asked(fed, policy="coco", area="large")


def test_nested_numbers_count_within_a_match(client: Client) -> None:
    def car(x: float, weight: float, confidence: float | None = None, feature: str = "car") -> dict[str, Any]:
        number = {"type": "number", "feature": "weight", "answer": weight}
        known = {} if confidence is None else {"confidence": confidence}
        return {"type": "bbox", "feature": feature, "bbox": [x, 0, 10, 10], "classifications": [number]} | known

    truth = {"r": [car(0, 1000), car(50, 1500), car(100, 900)], "s": [car(0, 1200)]}
    found = {
        "r": [car(0, 1100, 0.9), car(52, 1400, 0.5), car(100, 1, 0.8, "truck"), car(200, 5, 0.7)],
        "s": [car(8, 1200, 0.9)],
    }
    feed(client, "nested", truth, {"m": found})

    def weights(**filters: Any) -> tuple[int, float | None, int]:
        own = {one.feature: one for one in asked(client, "nested", **filters).questions}["car/weight"]
        return own.n, own.mae, own.missing

    for policy in POLICIES:
        # The truck has no car's weight; the last car of r is nowhere near, that of s not near enough.
        assert weights(policy=policy) == (2, 100.0, 2)
        assert weights(policy=policy, iou=0.7) == (1, 100.0, 3)
        assert weights(policy=policy, iou=0.1) == (3, pytest.approx(200 / 3), 1)
        assert weights(policy=policy, confidence=0.6) == (1, 100.0, 3)
    (alone,) = asked(client, "nested", feature=["truck/weight"]).questions
    assert (alone.n, alone.unasked) == (0, 1)
    assert alone.undefined["mae"] == "no prediction goes together with an annotation"


def test_numbers_in_a_crowd_region_are_nobodys(client: Client) -> None:
    def car(weight: float, **more: Any) -> dict[str, Any]:
        number = {"type": "number", "feature": "weight", "answer": weight}
        return {"type": "bbox", "feature": "car", "bbox": [0, 0, 10, 10], "classifications": [number], **more}

    feed(client, "crowd", {"r": [car(1, crowd=True)]}, {"m": {"r": [car(2)]}})
    # Where the match to the region is ignored, so is the number; a policy without regions has a number too many.
    assert asked(client, "crowd", policy="coco").questions == []
    (found,) = asked(client, "crowd", policy="iou-greedy").questions
    assert (found.n, found.missing, found.unasked) == (0, 0, 1)


def test_the_error_is_stored_as_a_measure(fed: Client) -> None:
    found = fed.query(
        "SELECT data_row, arrayFilter((v, n) -> n = 'absolute_error', measure_value, measure_name)[1][1]"
        " FROM results FINAL WHERE dataset = 'd' AND has(measure_name, 'absolute_error')"
    ).result_rows
    expected = {row: abs(GUESSES[row][0] - AGES[row]) for row in ROWS if row in AGES and row in GUESSES}
    assert dict(found) == expected
