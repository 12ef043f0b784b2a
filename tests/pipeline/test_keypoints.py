"""PCK and OKS, asked at any threshold and through any filter: against the rows themselves and NumPy."""

from __future__ import annotations

import itertools
import random
from typing import Any

import numpy as np
import pytest
from clickhouse_connect.driver.client import Client
from evalstream.queries.keypoints import Scale, keypoints
from evalstream.queries.rows import Page, rows
from evalstream.queries.summary import summary
from evalstream.selection import Selection

from tests.feeding import feed

DATASET, RUN = "people", "v1"
ALPHAS = [0.0, 0.1, 0.3]
SIZES = {"person": 17, "child": 17, "hand": 3}


@pytest.fixture(scope="module")
def asked(client: Client) -> Client:
    """Ten rows of skeletons of two sizes; some keypoints are hit exactly, some are not labelled."""
    rng = random.Random(1)
    annotations, predictions, facts = {}, {}, {}
    for i in range(10):
        key = f"row {i}"
        facts[key] = {"split": ["train", "test"][i % 2], "metadata": {"noise": i / 10}}
        annotations[key] = [skeleton(rng) for _ in range(rng.randrange(4))]
        predictions[key] = [guess(rng, item) for item in annotations[key] for _ in range(rng.choice([0, 1, 1, 2]))]
        # A box of the same class: what COCO counts at most is counted for each type.
        predictions[key].append({"type": "bbox", "feature": "person", "bbox": [0, 0, 9, 9], "confidence": 1.0})
    feed(client, DATASET, annotations, {RUN: predictions}, rows=facts)
    return client


def skeleton(rng: random.Random) -> dict[str, Any]:
    feature = rng.choice(list(SIZES))
    points = [[rng.randrange(100), rng.randrange(100), rng.choice([0, 1, 2, 2])] for _ in range(SIZES[feature])]
    area = {"area": rng.choice([500, 5_000, 50_000])} if rng.random() < 0.5 else {}
    return {"type": "keypoints", "feature": feature, "keypoints": points} | area


def guess(rng: random.Random, item: dict[str, Any]) -> dict[str, Any]:
    off = rng.choice([0, 2, 10])
    points = [[x + rng.randint(-off, off), y + rng.randint(-off, off), 0.5] for x, y, _ in item["keypoints"]]
    feature = item["feature"]
    if rng.random() < 0.2:
        feature = {"person": "child", "child": "person", "hand": "hand"}[feature]
    return {"type": "keypoints", "feature": feature, "keypoints": points, "confidence": rng.choice([0.3, 0.5, 0.9])}


SELECTIONS: list[dict[str, Any]] = [
    {},
    {"confidence": 0.5, "iou": 0.3},
    {"iou": 0.9},
    {"split": ["test"], "iou": 0.1},
    {"feature": ["hand", "child"], "iou": 0.1},
    {"type": ["bbox"]},
    {"metadata": ["noise<0.5"], "iou": 0.2},
]


@pytest.mark.parametrize(
    ("policy", "more", "scale"),
    [
        (policy, more, ("diagonal", "max_side", "sqrt_area", "unit")[i % 4])
        for i, (policy, more) in enumerate(itertools.product(["iou-greedy", "coco", "best-candidate"], SELECTIONS))
    ],
)
def test_scores_are_those_of_the_matched_pairs(asked: Client, policy: str, more: dict[str, Any], scale: Scale) -> None:
    selection = Selection(dataset=DATASET, run=RUN, policy=policy, **more)
    alphas = [alpha * 30 for alpha in ALPHAS] if scale == "unit" else ALPHAS
    found = keypoints(asked, selection, alphas=alphas, scale=scale)
    pairs = from_rows(asked, selection)

    assert found.pairs == sum(len(own) for own in pairs.values())
    assert set(found.per_class) == set(pairs)
    totals = np.zeros(1 + len(alphas))
    for label, own in pairs.items():
        got = found.per_class[label]
        assert got.pairs == len(own)
        assert got.mean_oks == pytest.approx(np.mean([oks for *_, oks in own]), abs=1e-12)
        true = np.array([geometry for geometry, *_ in own])
        distance = np.hypot(
            *(true[:, 4:].reshape(len(own), -1, 3) - np.array([p for _, p, *_ in own]).reshape(len(own), -1, 3)).T[:2]
        ).T
        labelled = true[:, 6::3] > 0
        size = {
            "diagonal": np.hypot(true[:, 2], true[:, 3]),
            "max_side": true[:, 2:4].max(axis=1),
            "sqrt_area": np.sqrt([area for _, _, area, _ in own]),
            "unit": np.ones(len(own)),
        }[scale]
        right = [(distance <= alpha * size[:, None]) & labelled for alpha in alphas]
        assert len(got.keypoints) == SIZES[label]
        for k, one in enumerate(got.keypoints):
            assert one.labelled == labelled[:, k].sum()
            if not one.labelled:
                assert one.pck == [None] * len(alphas)
                assert one.mean_distance is None
                assert f"keypoints.{k}" in got.undefined
                continue
            assert one.pck == pytest.approx([each[:, k].sum() / one.labelled for each in right])
            assert one.mean_distance == pytest.approx(distance[labelled[:, k], k].mean())
        assert got.pck == pytest.approx([each.sum() / labelled.sum() for each in right])
        totals += [labelled.sum(), *(each.sum() for each in right)]
    if found.pairs:
        assert found.pck == pytest.approx(totals[1:] / totals[0])
        assert not found.undefined
    else:
        assert (found.pck, found.mean_oks) == ([None] * len(alphas), None)
        assert set(found.undefined) == {"pck", "mean_oks", "mean_distance"}


Pair = tuple[list[float], list[float], float, float]


def from_rows(client: Client, selection: Selection) -> dict[str, list[Pair]]:
    """Both geometries, the annotation's area, and the OKS, of all true positives, by class."""
    found: dict[str, list[Pair]] = {}
    for row in rows(client, selection, Page(limit=500)).rows:
        true = {item.id: item for item in row.annotations}
        for item in row.predictions:
            if item.outcome == "tp" and item.type == "keypoints":
                annotation = true[item.matched]
                pair = annotation.geometry, item.geometry, area_of(client, row.data_row, annotation.id), item.iou
                found.setdefault(item.label, []).append(pair)
    return found


def area_of(client: Client, data_row: str, name: str) -> float:
    ((areas, names),) = client.query(
        "SELECT annotation_area, annotation_id FROM results WHERE dataset = {d:String} AND data_row = {r:String}"
        " LIMIT 1",
        parameters={"d": DATASET, "r": data_row},
    ).result_rows
    return float(areas[names.index(name)])


def test_there_are_pairs_of_every_class(asked: Client) -> None:
    found = keypoints(asked, Selection(dataset=DATASET, run=RUN, iou=0.1))
    assert set(found.per_class) == set(SIZES)
    assert any(one.undefined for one in found.per_class.values())


def test_twenty_skeletons_and_a_hundred_boxes_of_a_class_count(client: Client) -> None:
    """Under policy `coco`, whatever else of the class there is."""
    bodies = [
        {"type": "keypoints", "feature": "person", "keypoints": [[i, i, 1]] * 17, "confidence": i / 200}
        for i in range(25)
    ]
    boxes = [
        {"type": "bbox", "feature": "person", "bbox": [i, i, 9, 9], "confidence": 0.5 + i / 400} for i in range(110)
    ]
    feed(client, "crowded", {"r": []}, {RUN: {"r": boxes + bodies}})
    for policy, kind, expected in [
        ("coco", "keypoints", 20),
        ("coco", "bbox", 100),
        ("iou-greedy", "keypoints", 25),
        ("iou-greedy", "bbox", 110),
    ]:
        selection = Selection(dataset="crowded", run=RUN, policy=policy, type=[kind])
        assert summary(client, selection).predictions == expected, (policy, kind)


def test_a_skeleton_without_labelled_keypoints_is_no_object(client: Client) -> None:
    """And what lies over it is ignored by the policies that know such."""
    body = {"type": "keypoints", "feature": "person", "keypoints": [[5, 5, 0]] * 17, "bbox": [0, 0, 9, 9]}
    guess = {"type": "keypoints", "feature": "person", "keypoints": [[5, 5, 1]] * 17, "confidence": 0.5}
    feed(client, "unseen", {"r": [body]}, {RUN: {"r": [guess]}})
    counts = {}
    for policy in ("iou-greedy", "coco", "best-candidate"):
        found = summary(client, Selection(dataset="unseen", run=RUN, policy=policy))
        counts[policy] = (found.annotations, found.predictions)
    assert counts == {"iou-greedy": (0, 1), "coco": (0, 0), "best-candidate": (0, 0)}
