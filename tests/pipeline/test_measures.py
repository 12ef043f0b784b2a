"""Measures of matched pairs, asked at any threshold and through any filter: against the rows themselves and NumPy."""

from __future__ import annotations

import itertools
import math
import random
from typing import Any

import numpy as np
import pytest
from clickhouse_connect.driver.client import Client
from evalstream.queries.average_precision import average_precisions
from evalstream.queries.distribution import distribution
from evalstream.queries.measures import QUANTILES, Measures, measures
from evalstream.queries.rows import Page, rows
from evalstream.selection import Selection

from tests.feeding import feed

DATASET, RUN = "roads", "v1"
TYPE = {"distance": "point", "hausdorff": "polyline"}
POLICIES = ("iou-greedy", "coco", "best-candidate")
FACTS = [("train", "rain"), ("test", "sun"), ("validation", "rain"), ("test", "rain")]


@pytest.fixture(scope="module")
def asked(client: Client) -> Client:
    """Twelve rows of poles, lanes, borders and ages; what is predicted is off by a little, or of another class."""
    rng = random.Random(0)
    annotations, predictions, facts = {}, {}, {}
    for i in range(12):
        key = f"row {i}"
        split, weather = FACTS[i % len(FACTS)]
        facts[key] = {"split": split, "metadata": {"weather": weather}}
        annotations[key] = [thing(rng) for _ in range(rng.randrange(8))]
        predictions[key] = [guess(rng, item) for item in annotations[key] if rng.random() < 0.9]
        predictions[key] += [guess(rng, thing(rng)) for _ in range(rng.randrange(4))]
    feed(client, DATASET, annotations, {RUN: predictions}, rows=facts)
    return client


def thing(rng: random.Random) -> dict[str, Any]:
    match rng.choice(["point", "polyline", "number"]):
        case "point":
            where = [rng.randrange(40), rng.randrange(40)]
            return {"type": "point", "feature": rng.choice(["pole", "tree"]), "point": where}
        case "polyline":
            left, top = rng.randrange(40), rng.randrange(40)
            line = [[left, top], [left + rng.randrange(60), top + rng.randrange(60)], [left + 80, top]]
            return {"type": "polyline", "feature": rng.choice(["lane", "border"]), "polyline": line}
        case _:
            return {"type": "number", "feature": "age", "answer": rng.randrange(90)}


def guess(rng: random.Random, item: dict[str, Any]) -> dict[str, Any]:
    found = item | {"confidence": rng.choice([0.2, 0.4, 0.4, 0.6, 0.9])}
    match item["type"]:
        case "point":
            found["point"] = [value + rng.randrange(-5, 6) for value in item["point"]]
        case "polyline":
            found["polyline"] = [[x + rng.randrange(-3, 4), y + rng.randrange(-3, 4)] for x, y in item["polyline"]]
        case "number":
            return found | {"answer": item["answer"] + rng.randrange(-9, 9)}
    if rng.random() < 0.2:
        found["feature"] = {"pole": "tree", "tree": "pole", "lane": "border", "border": "lane"}[item["feature"]]
    return found


SELECTIONS: list[dict[str, Any]] = [
    {},
    {"confidence": 0.4, "iou": 0.2},
    {"confidence": 0.5, "iou": 0.6},
    {"iou": 0.0},
    {"split": ["test"]},
    {"feature": ["lane", "tree"]},
    {"type": ["point"]},
    {"type": ["polyline", "number"], "feature": ["border", "age"]},
    {"metadata": ["weather=rain"], "confidence": 0.3},
]

DISTANCES = ("distance", "chamfer", "hausdorff", "frechet")


#: Each selection under two policies, the next ones with the next selection.
ASKED = [
    (policy, more)
    for (i, policy), (j, more) in itertools.product(enumerate(POLICIES), enumerate(SELECTIONS))
    if (i + j) % len(POLICIES)
]


@pytest.mark.parametrize(("policy", "more"), ASKED)
def test_figures_are_those_of_the_matched_pairs(asked: Client, policy: str, more: dict[str, Any]) -> None:
    selection = Selection(dataset=DATASET, run=RUN, policy=policy, **more)
    found = by_name(measures(asked, selection))
    expected = from_rows(asked, selection)
    in_turn = DISTANCES[(SELECTIONS.index(more) + list(POLICIES).index(policy)) % len(DISTANCES)]
    for name in DISTANCES:
        if name not in found:
            assert not expected[name]
            continue
        values, own = np.array(expected[name]), found[name]
        assert own.count == len(values), name
        if not own.count:
            assert (own.mean, own.minimum, own.maximum) == (None, None, None)
            assert set(own.quantiles.values()) == {None}
            continue
        got = [own.mean, own.minimum, own.maximum, *own.quantiles.values()]
        want = [values.mean(), values.min(), values.max(), *np.quantile(values, QUANTILES)]
        assert got == pytest.approx(want, abs=1e-9), name
        assert list(own.quantiles) == [str(share) for share in QUANTILES]

        if name != in_turn:
            continue
        # Edges that no value lies on: ours and NumPy's roots may differ in the last digit.
        drawn = distribution(asked, selection, f"measure.{name}", bins=7, low=-0.37, high=20.11)
        assert drawn.counts == np.histogram(values, 7, (-0.37, 20.11))[0].tolist()
        assert (drawn.total, drawn.minimum, drawn.maximum) == (own.count, own.minimum, own.maximum)


def by_name(found: Measures) -> dict[str, Any]:
    assert {one.name for one in found.measures if not one.count} == set(found.undefined)
    return {one.name: one for one in found.measures}


def from_rows(client: Client, selection: Selection) -> dict[str, list[float]]:
    """Distances of all true positives, worked out from their shapes."""
    found: dict[str, list[float]] = {"distance": [], "chamfer": [], "hausdorff": [], "frechet": []}
    for row in rows(client, selection, Page(limit=500)).rows:
        true = {item.id: item for item in row.annotations}
        for item in row.predictions:
            if item.outcome != "tp":
                continue
            first, second = (np.reshape(side.geometry, (-1, 2)) for side in (item, true[item.matched]))
            if item.type == "point":
                found["distance"].append(math.dist(first[0], second[0]))
            elif item.type == "polyline":
                for name, value in distances(*(points_along(line) for line in (first, second))).items():
                    found[name].append(value)
    return found


def points_along(line: np.ndarray) -> np.ndarray:
    """Points at equal distances of at most 2, a fifth of the tolerance where none is declared."""
    place = np.concatenate(([0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))))
    at = np.linspace(0, place[-1], max(math.ceil(place[-1] / 2 - 1e-9), 1) + 1)
    return np.column_stack([np.interp(at, place, line[:, k]) for k in (0, 1)])


def distances(a: np.ndarray, b: np.ndarray) -> dict[str, float]:
    apart = np.hypot(*(a[:, None] - b[None]).T).T
    reached = np.full(np.add(apart.shape, 1), np.inf)
    reached[0, 0] = 0
    for i, j in np.ndindex(*apart.shape):
        reached[i + 1, j + 1] = max(apart[i, j], min(reached[i, j + 1], reached[i + 1, j], reached[i, j]))
    return {
        "chamfer": (apart.min(axis=0).mean() + apart.min(axis=1).mean()) / 2,
        "hausdorff": max(apart.min(axis=0).max(), apart.min(axis=1).max()),
        "frechet": reached[-1, -1],
    }


@pytest.mark.parametrize("name", ["distance", "hausdorff"])
def test_rows_are_sorted_and_chosen_by_their_mean(asked: Client, name: str) -> None:
    selection, metric = Selection(dataset=DATASET, run=RUN, iou=0.2), f"measure.{name}"
    found = rows(asked, selection, Page(sort=metric, descending=True, limit=500))
    means = [row.metrics[metric] for row in found.rows]
    known = [mean for mean in means if mean is not None]
    assert known == sorted(known, reverse=True)
    assert means == known + [None] * (len(means) - len(known))
    assert 2 < len(known) < len(means)
    single = [
        row
        for row in found.rows
        if sum(item.outcome == "tp" and item.type == TYPE[name] for item in row.predictions) == 1
    ]
    every = from_rows(asked, selection)[name]
    assert all(any(row.metrics[metric] == pytest.approx(value) for value in every) for row in single)

    middle = sorted(known)[len(known) // 2]
    chosen = rows(asked, selection, Page(where=[f"{metric}>={middle}"], limit=500))
    assert {row.data_row for row in chosen.rows} == {
        row.data_row for row in found.rows if (row.metrics[metric] or -1) >= middle
    }


def test_rows_give_all_metrics_that_are_named_at_once(asked: Client) -> None:
    selection, names = Selection(dataset=DATASET, run=RUN, iou=0.2), [f"measure.{name}" for name in ("error", *TYPE)]
    together = rows(asked, selection, Page(metric=names, sort=names[0], limit=500)).rows
    for name in names:
        alone = rows(asked, selection, Page(sort=name, limit=500)).rows
        assert {row.data_row: row.metrics[name] for row in together} == {
            row.data_row: row.metrics[name] for row in alone
        }
    assert all(set(names) <= row.metrics.keys() for row in together)


def test_there_are_pairs_to_measure(asked: Client) -> None:
    found = by_name(measures(asked, Selection(dataset=DATASET, run=RUN, iou=0.2)))
    assert min(found[name].count for name in ("distance", "chamfer", "frechet", "hausdorff", "error")) > 3


def test_numbers_are_measured_whether_right_or_wrong(asked: Client) -> None:
    found = by_name(measures(asked, Selection(dataset=DATASET, run=RUN, type=["number"])))
    assert found["absolute_error"].count == found["error"].count > 3
    assert not found["chamfer"].count


def test_an_unknown_measure_has_no_values(asked: Client) -> None:
    found = distribution(asked, Selection(dataset=DATASET, run=RUN), "measure.beauty", bins=2)
    assert (found.total, found.mean) == (0, None)


def test_average_precision_is_asked_of_lines_as_of_boxes(client: Client) -> None:
    line = {"type": "polyline", "feature": "lane", "polyline": [[0, 0], [100, 0]]}
    near = line | {"polyline": [[0, 2], [100, 2]], "confidence": 0.6}
    far = line | {"polyline": [[0, 50], [100, 50]], "confidence": 0.9}
    feed(client, "lines", {"r": [line]}, {RUN: {"r": [near, far]}})
    for policy in POLICIES:
        found = average_precisions(client, Selection(dataset="lines", run=RUN, policy=policy))
        assert found.ap50 == pytest.approx(0.5)
        # Discs of radius 10 at the ends: the IoU is (18 · 100 + lens) / (22 · 100 + …) < 0.85.
        assert found.ap is not None
        assert 0.3 < found.ap < 0.4


def test_a_row_whose_skeletons_cannot_be_compared_fails_alone(client: Client) -> None:
    def hand(size: int) -> dict[str, Any]:
        return {"type": "keypoints", "feature": "hand", "keypoints": [[i, i, 2] for i in range(size)]}

    feed(client, "hands", {"good": [hand(3)], "bad": [hand(3)]}, {RUN: {"good": [hand(3)], "bad": [hand(4)]}})
    asked = "SELECT data_row, any(error) FROM results WHERE dataset = 'hands' GROUP BY 1"
    errors = dict(client.query(asked).result_rows)
    assert errors["good"] == ""
    assert "has 3 keypoints" in errors["bad"]
    assert "has 4" in errors["bad"]
