"""Question ``entities``, with every filter, against the rule itself."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from evalstream.matching import POLICIES
from evalstream.metrics.entities import MODES
from evalstream.queries.average_precision import average_precisions
from evalstream.queries.confusion_matrix import classes
from evalstream.queries.entities import Entities, entities
from evalstream.queries.summary import summary
from evalstream.selection import Selection

from tests.feeding import feed
from tests.oracles.entities import outcomes

RANDOM = random.Random(11)
TYPES = ("PER", "LOC", "ORG")


def span(start: int, end: int, kind: str, **more: Any) -> dict[str, Any]:
    return {"type": "span", "feature": kind, "span": [start, end], **more}


def some() -> list[dict[str, Any]]:
    starts = [RANDOM.randrange(30) for _ in range(RANDOM.randrange(8))]
    return [span(start, start + RANDOM.randint(1, 6), RANDOM.choice(TYPES)) for start in starts]


ROWS = [f"r{i}" for i in range(30)]
TRUTH: dict[str, list[dict[str, Any]]] = {row: some() for row in ROWS}
FOUND = {
    row: [
        one | {"confidence": RANDOM.choice([0.2, 0.5, 0.9])} for one in some() + RANDOM.sample(truth, len(truth) // 2)
    ]
    for row, truth in TRUTH.items()
}
FACTS = {row: {"split": RANDOM.choice(["train", "test"]), "metadata": {"noise": RANDOM.random()}} for row in ROWS}
BOX = {"type": "bbox", "feature": "car", "bbox": [0, 0, 9, 9]}


@pytest.fixture(scope="module")
def fed(client: Client) -> Client:
    # Boxes on the same rows have no part in it.
    both = ({row: [*objects, BOX] for row, objects in side.items()} for side in (TRUTH, FOUND))
    feed(client, "d", next(both), {"m": next(both)}, rows=FACTS)
    return client


def asked(client: Client, **filters: Any) -> Entities:
    return entities(client, Selection(dataset="d", run="m", **filters))


def expected(rows: list[str], confidence: float = 0.0, kinds: tuple[str, ...] = TYPES) -> dict[str, Mapping[str, int]]:
    found = {}
    for mode in MODES:
        total = dict.fromkeys(("correct", "incorrect", "partial", "missed", "spurious"), 0)
        for row in rows:
            sides = [
                [
                    (*one["span"], one["feature"])
                    for one in side[row]
                    if one["feature"] in kinds and one.get("confidence", 1) >= confidence
                ]
                for side in (TRUTH, FOUND)
            ]
            for name, count in outcomes(*sides, mode).items():
                total[name] += count
        found[mode] = total
    return found


def counts(modes: Any) -> dict[str, Mapping[str, int]]:
    names = ("correct", "incorrect", "partial", "missed", "spurious")
    return {mode: {name: getattr(getattr(modes, mode), name) for name in names} for mode in MODES}


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("iou", [0.0, 0.5, 1.0])
def test_policy_and_iou_play_no_part(fed: Client, policy: str, iou: float) -> None:
    assert counts(asked(fed, policy=policy, iou=iou).overall) == expected(ROWS)


@pytest.mark.parametrize("confidence", [0.0, 0.2, 0.21, 0.5, 0.9, 1.0])
def test_any_confidence(fed: Client, confidence: float) -> None:
    found = asked(fed, confidence=confidence)
    assert counts(found.overall) == expected(ROWS, confidence)
    for own in found.classes:
        assert counts(own) == expected(ROWS, confidence, (own.label,))


def test_filters(fed: Client) -> None:
    train = [row for row in ROWS if FACTS[row]["split"] == "train"]
    noisy = [row for row in ROWS if FACTS[row]["metadata"]["noise"] >= 0.5]  # type: ignore[index]
    assert counts(asked(fed, split=["train"]).overall) == expected(train)
    assert counts(asked(fed, metadata=["noise>=0.5"]).overall) == expected(noisy)
    assert counts(asked(fed, feature=["PER", "LOC"]).overall) == expected(ROWS, kinds=("PER", "LOC"))
    assert counts(asked(fed, type=["span"]).overall) == expected(ROWS)
    nothing = asked(fed, type=["bbox"])
    assert (nothing.annotations, nothing.predictions, nothing.classes) == (0, 0, [])
    assert nothing.rows == len(ROWS)
    assert nothing.overall.strict.f1 is None
    assert set(nothing.overall.strict.undefined) == {"precision", "recall", "f1"}
    assert nothing.macro.type.undefined["f1"] == "there are no entities to average over"


def test_one_side_is_empty(fed: Client) -> None:
    found = asked(fed, confidence=1.0)
    assert (found.predictions, found.overall.strict.precision, found.overall.strict.f1) == (0, None, 0.0)
    assert found.overall.strict.undefined == {"precision": "nothing was predicted"}
    assert (found.macro.strict.precision, found.macro.strict.undefined) == (0.0, {})


def test_strict_hits_are_what_matches_at_an_iou_of_one(fed: Client) -> None:
    strict = asked(fed).overall.strict
    matched = summary(fed, Selection(dataset="d", run="m", policy="coco", iou=1.0, type=["span"]))
    assert (matched.tp, matched.annotations, matched.predictions) == (
        strict.correct,
        strict.correct + strict.incorrect + strict.missed,
        strict.correct + strict.incorrect + strict.spurious,
    )


def test_spans_are_counted_as_boxes_of_height_one(client: Client) -> None:
    def as_box(one: dict[str, Any]) -> dict[str, Any]:
        start, end = one["span"]
        rest = {key: value for key, value in one.items() if key not in ("type", "span")}
        return rest | {"type": "bbox", "bbox": [start, 0, end - start, 1]}

    boxes = [{row: [as_box(one) for one in objects] for row, objects in side.items()} for side in (TRUTH, FOUND)]
    feed(client, "boxes", boxes[0], {"m": boxes[1]})
    feed(client, "spans", TRUTH, {"m": FOUND})
    for policy in POLICIES:
        for confidence, iou in ((0.0, 0.5), (0.3, 0.5), (0.5, 0.3), (0.0, 0.0), (0.9, 0.9)):
            filters: dict[str, Any] = {"run": "m", "policy": policy, "confidence": confidence, "iou": iou}
            one, other = (Selection(dataset=name, **filters) for name in ("boxes", "spans"))
            counted = summary(client, one)
            assert counted.types.keys() <= {"bbox"}
            assert counted.model_copy(update={"types": summary(client, other).types}) == summary(client, other)
            assert classes(client, one) == classes(client, other)
            assert average_precisions(client, one) == average_precisions(client, other)
