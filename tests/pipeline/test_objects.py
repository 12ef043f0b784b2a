"""The objects behind a number are as many as the number says, and are the ones that it counts."""

from __future__ import annotations

import random
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from evalstream.queries.confusion_matrix import confusion_matrix
from evalstream.queries.objects import Objects, ObjectsPage, objects
from evalstream.queries.rows import Page, rows
from evalstream.queries.selection import Filter, Selection
from evalstream.queries.summary import summary

from tests.feeding import feed

CLASSES = ("car", "bus", "van")
VIEWS = [
    Filter(),
    Filter(confidence=0.4, iou=0.3),
    Filter(policy="coco", confidence=0.2),
    Filter(policy="coco", area="medium"),
    Filter(policy="best-candidate", iou=0.7),
    Filter(feature=["car"], iou=0.1),
    Filter(type=["radio"]),
]


def thing(rng: random.Random, *, predicted: bool) -> dict[str, Any]:
    score = {"confidence": rng.choice([0.1, 0.3, 0.5, 0.9])} if predicted else {}
    if rng.random() < 0.2:
        return {"type": "radio", "feature": "weather", "answer": rng.choice(["rain", "sun"])} | score
    box = [rng.choice([0, 5, 10, 40]), rng.choice([0, 5, 40]), rng.choice([20, 40, 60]), rng.choice([20, 50])]
    return {"type": "bbox", "feature": rng.choice(CLASSES), "bbox": box} | score


@pytest.fixture(scope="module", autouse=True)
def _fed(client: Client) -> None:
    rng = random.Random(5)
    names = [f"row-{i}" for i in range(40)]
    truth = {name: [thing(rng, predicted=False) for _ in range(rng.randrange(6))] for name in names}
    found = {name: [thing(rng, predicted=True) for _ in range(rng.randrange(8))] for name in names}
    feed(client, "street", truth, {"v1": found})


def listed(client: Client, view: Filter, **page: Any) -> Objects:
    return objects(client, selection(view), ObjectsPage(limit=500, **page))


def selection(view: Filter) -> Selection:
    return Selection(dataset="street", run="v1", **view.model_dump())


@pytest.mark.parametrize("view", VIEWS, ids=str)
def test_every_cell_has_its_objects(client: Client, view: Filter) -> None:
    cells = confusion_matrix(client, selection(view)).cells
    assert cells
    for cell in cells:
        found = listed(client, view, actual=cell.actual or "", predicted=cell.predicted or "")
        assert found.total == len(found.objects) == cell.count
        for one in found.objects:
            assert (one.annotation.label if one.annotation else None) == cell.actual
            assert (one.prediction.label if one.prediction else None) == cell.predicted
            assert one.annotation is None or one.prediction is None or one.prediction.matched == one.annotation.id


@pytest.mark.parametrize("view", [view for view in VIEWS if not view.feature], ids=str)
def test_the_outcomes_add_up_to_the_summary(client: Client, view: Filter) -> None:
    counts = {
        outcome: listed(client, view, outcome=outcome).total for outcome in ("right", "wrong", "missed", "false_alarm")
    }
    found = summary(client, selection(view))
    assert counts["right"] == found.tp
    assert counts["wrong"] + counts["false_alarm"] == found.fp
    assert counts["wrong"] + counts["missed"] == found.fn
    assert sum(counts.values()) == listed(client, view).total


def test_objects_are_those_of_their_rows(client: Client) -> None:
    whole = {row.data_row: row for row in rows(client, selection(Filter()), Page(limit=500)).rows}
    found = listed(client, Filter())
    assert found.rows == {name: row for name, row in whole.items() if name in found.rows}
    for one in found.objects:
        row = whole[one.data_row]
        assert one.annotation is None or one.annotation in row.annotations
        assert one.prediction is None or one.prediction in row.predictions


def test_pages_join_without_a_gap_in_any_order(client: Client) -> None:
    for sort in ("data_row", "confidence", "iou"):
        for descending in (False, True):
            page: dict[str, Any] = {"sort": sort, "descending": descending}
            every = listed(client, Filter(), **page).objects
            parts = [
                one
                for offset in range(0, len(every), 61)
                for one in objects(client, selection(Filter()), ObjectsPage(**page, offset=offset, limit=61)).objects
            ]
            assert parts == every
    by_confidence = listed(client, Filter(), sort="confidence", descending=True).objects
    known = [one.prediction.confidence for one in by_confidence if one.prediction]
    assert known == sorted(known, reverse=True)


def test_a_cause_finds_its_errors(client: Client) -> None:
    for view in (Filter(), Filter(policy="coco")):
        every = listed(client, view).objects
        causes = {
            one.prediction.cause if one.prediction else one.annotation.cause for one in every if one.outcome != "right"
        }  # type: ignore[union-attr]
        assert len(causes) > 2
        for cause in causes:
            found = listed(client, view, cause=cause).objects
            assert found == [
                one
                for one in every
                if (one.prediction.cause if one.prediction else one.annotation.cause) == cause  # type: ignore[union-attr]
            ]
