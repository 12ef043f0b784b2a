"""The objects behind a number are as many as the number says, and are the ones that it counts."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from evalstream.matching import POLICIES
from evalstream.ontology import Ontology, OntologyClass
from evalstream.queries.causes import CAUSES, ErrorOptions
from evalstream.queries.confusion_matrix import confusion_matrix
from evalstream.queries.distribution import distribution
from evalstream.queries.errors import errors
from evalstream.queries.objects import Objects, ObjectsPage, objects
from evalstream.queries.rows import Page, rows
from evalstream.queries.summary import summary
from evalstream.selection import Filter, Selection
from evalstream.storage.ontologies import declare

from tests.feeding import feed

CLASSES = ("car", "bus", "van")
#: Custom metrics of single predictions.
NAMES = ("sharp", "o'clock {x}")
VIEWS = [
    Filter(),
    Filter(confidence=0.4, iou=0.3),
    Filter(policy="coco", confidence=0.2),
    Filter(policy="coco", area="medium"),
    Filter(policy="best-candidate", iou=0.7),
    Filter(feature=["car"], iou=0.1),
    Filter(type=["radio"]),
    Filter(roll_up=1),
]


def thing(rng: random.Random, *, predicted: bool) -> dict[str, Any]:
    if rng.random() < 0.1:
        return {"type": "number", "feature": "age", "answer": rng.choice([1, 2])}
    score: dict[str, Any] = {}
    if predicted:
        sent = [{"name": name, "value": rng.choice([0.1, 0.5, 0.9])} for name in NAMES if rng.random() < 0.5]
        score = {"confidence": rng.choice([0.1, 0.3, 0.5, 0.9]), "metrics": sent}
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
    metrics = {name: [{"name": "blur", "value": rng.random()}] for name in names[::2]}
    declare(client, "street", Ontology(classes=[OntologyClass(name=name, parent="vehicle") for name in CLASSES[:2]]), 1)
    feed(client, "street", truth, {"v1": found}, metrics=metrics)


def listed(client: Client, view: Filter, **page: Any) -> Objects:
    return objects(client, selection(view), ObjectsPage(limit=500, **page))


def selection(view: Filter) -> Selection:
    return Selection(dataset="street", run="v1", **view.model_dump())


@pytest.mark.parametrize("view", VIEWS, ids=str)
def test_every_cell_has_its_objects(client: Client, view: Filter) -> None:
    cells = confusion_matrix(client, selection(view)).cells
    assert cells
    # All of them once; under other views the largest cell, the smallest, and some between.
    for cell in cells if view == VIEWS[0] else cells[:: max(1, len(cells) // 5)]:
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


@pytest.mark.parametrize(
    ("view", "options"),
    [
        (Filter(), ErrorOptions()),
        (Filter(confidence=0.4, iou=0.3), ErrorOptions(background=0.3)),
        (Filter(policy="coco", iou=0.7), ErrorOptions()),
        (Filter(policy="coco"), ErrorOptions(max_detections=2)),
        (Filter(policy="coco", area="medium"), ErrorOptions(max_detections=3, background=0.3)),
        (Filter(policy="best-candidate", iou=0.7), ErrorOptions()),
        (Filter(feature=["car"], iou=0.1), ErrorOptions()),
        (Filter(policy="coco", feature=["car", "bus"]), ErrorOptions(max_detections=1)),
        (Filter(type=["radio"]), ErrorOptions()),
        (Filter(roll_up=1), ErrorOptions()),
    ],
    ids=str,
)
def test_a_cause_has_the_objects_that_errors_counts(client: Client, view: Filter, options: ErrorOptions) -> None:
    analysis = errors(client, selection(view), options)
    for cause in CAUSES:
        found = listed(client, view, cause=cause, **options.model_dump())
        assert found.total == len(found.objects) == analysis.causes[cause].count
        of_classes = Counter[str]()
        for one in found.objects:
            wrong = one.annotation if cause == "missed" else one.prediction
            assert wrong is not None
            assert wrong.cause == cause
            of_classes[wrong.label] += 1
        assert of_classes == {name: own.count[cause] for name, own in analysis.per_class.items() if own.count[cause]}
        having = rows(client, selection(view), Page(cause=cause, limit=1, **options.model_dump()))
        assert having.total == len({one.data_row for one in found.objects})


def test_there_are_errors_of_most_causes(client: Client) -> None:
    for policy in POLICIES:
        counts = errors(client, selection(Filter(policy=policy))).causes
        assert sum(own.count > 0 for own in counts.values()) >= 5


CONDITIONS = [
    ["fp>=2"],
    ["f1<0.5", "annotations>=3"],
    ["custom.blur>0.4"],
    ["custom.sharp<=0.5", "tp!=0"],
    ["measure.absolute_error>=0"],
]


@pytest.mark.parametrize("view", [Filter(), Filter(policy="coco", iou=0.7), Filter(type=["radio"])], ids=str)
def test_objects_of_rows_that_meet_conditions(client: Client, view: Filter) -> None:
    every = listed(client, view)
    for where in CONDITIONS if view == VIEWS[0] else CONDITIONS[1:3]:
        fitting = {row.data_row for row in rows(client, selection(view), Page(where=where, limit=500)).rows}
        found = listed(client, view, where=where)
        assert found.objects == [one for one in every.objects if one.data_row in fitting]
        assert found.total == len(found.objects)
        missed = listed(client, view, where=where, cause="missed").objects
        assert missed == [one for one in listed(client, view, cause="missed").objects if one.data_row in fitting]


@pytest.mark.parametrize(
    ("view", "metric"),
    [
        (Filter(iou=0.1, feature=["car", "weather"]), "confidence"),
        (Filter(roll_up=1), "confidence"),
        (Filter(iou=0.1, feature=["car", "weather"]), "iou"),
        (Filter(policy="coco", confidence=0.2), "iou"),
        (Filter(policy="coco", confidence=0.2), "custom_object.sharp"),
        (Filter(roll_up=1), "custom_object.o'clock {x}"),
    ],
    ids=str,
)
def test_a_bar_of_a_histogram_has_its_objects(client: Client, view: Filter, metric: str) -> None:
    drawn = distribution(client, selection(view), metric, bins=3)
    for i, count in enumerate(drawn.counts):
        last = "<=" if i == len(drawn.counts) - 1 else "<"
        where = [f"{metric}>={drawn.edges[i]!r}", f"{metric}{last}{drawn.edges[i + 1]!r}"]
        found = listed(client, view, where=where)
        assert found.total == len(found.objects) == count, where
    more = ["custom_object.sharp>0.4", "fp>=2"]
    fitting = listed(client, view, where=more).objects
    assert listed(client, view, where=[*where, *more]).objects == [one for one in found.objects if one in fitting]


@pytest.mark.parametrize("where", ["colour>1", "confidence", "iou>=high", "custom_object.sharp=red", "data_row>1"])
def test_what_is_no_condition_is_refused(where: str) -> None:
    with pytest.raises(ValueError, match=r"no condition|no metric|none"):
        ObjectsPage(where=[where])
