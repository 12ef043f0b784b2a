"""The objects behind a number are as many as the number says, and are the ones that it counts."""

from __future__ import annotations

import functools
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any, get_args

import pytest
from clickhouse_connect.driver.client import Client
from evalstream.matching import POLICIES
from evalstream.ontology import Ontology, OntologyClass
from evalstream.queries.confusion_matrix import confusion_matrix
from evalstream.queries.distribution import distribution
from evalstream.queries.errors import errors
from evalstream.queries.objects import Case, Counted, Objects, ObjectsPage, Outcome, objects
from evalstream.queries.rows import Page, rows
from evalstream.queries.summary import summary
from evalstream.scoring.causes import CAUSES, Cause, ErrorOptions
from evalstream.selection import Filter, Selection
from evalstream.storage.ontologies import declare

from tests.feeding import feed

CLASSES = ("car", "bus", "van")
OUTCOMES = get_args(Outcome)
COUNTED = get_args(Counted)
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
    return _listed(client, view.model_dump_json(), ObjectsPage(limit=500, **page).model_dump_json())


@functools.cache  # several tests want the same
def _listed(client: Client, view: str, page: str) -> Objects:
    return objects(client, selection(Filter.model_validate_json(view)), ObjectsPage.model_validate_json(page))


def selection(view: Filter) -> Selection:
    return Selection(dataset="street", run="v1", **view.model_dump())


def assert_exactly(found: Objects, expected: Sequence[Case]) -> None:
    """Check that these are listed, in this order, and no others."""
    assert found.objects == expected
    assert found.total == len(expected)


@pytest.mark.parametrize(("number", "view"), list(enumerate(VIEWS)), ids=str)
def test_every_cell_has_its_objects(client: Client, number: int, view: Filter) -> None:
    cells = confusion_matrix(client, selection(view)).cells
    of_cells: dict[tuple[str | None, str | None], list[Case]] = {}
    for one in listed(client, view).objects:
        cell = one.annotation and one.annotation.label, one.prediction and one.prediction.label
        of_cells.setdefault(cell, []).append(one)
        assert one.annotation is None or one.prediction is None or one.prediction.matched == one.annotation.id
    assert {(cell.actual, cell.predicted): cell.count for cell in cells} == {
        cell: len(own) for cell, own in of_cells.items()
    }
    # Asked for by itself: one with both labels, one missed, or one false alarm; other ones under each view.
    kind = ((True, True), (True, False), (False, True))[number % 3]
    of_kind = [cell for cell in of_cells if (cell[0] is not None, cell[1] is not None) == kind]
    actual, predicted = of_kind[number % len(of_kind)]
    assert_exactly(listed(client, view, actual=actual or "", predicted=predicted or ""), of_cells[actual, predicted])


@pytest.mark.parametrize(("number", "view"), list(enumerate(VIEWS)), ids=str)
def test_the_outcomes_add_up_to_the_summary(client: Client, number: int, view: Filter) -> None:
    every = listed(client, view)
    assert every.total == len(every.objects)
    counts = Counter(one.outcome for one in every.objects)
    total = summary(client, selection(view))
    if not view.feature:
        assert counts["right"] == total.tp
        assert counts["wrong"] + counts["false_alarm"] == total.fp
        assert counts["wrong"] + counts["missed"] == total.fn
    # Under a filter of classes too: what is taken for another class counts on the side that is of the class.
    for name in COUNTED[number % 3 :][:1]:
        counted = listed(client, view, counted=name)
        assert counted.total == len(counted.objects) == getattr(total, name)
        assert [one for one in every.objects if one in counted.objects] == counted.objects
    outcome = OUTCOMES[number % len(OUTCOMES)]  # asked for by itself: the next one under the next view
    assert_exactly(listed(client, view, outcome=outcome), [one for one in every.objects if one.outcome == outcome])


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
                for offset in range(0, len(every), 120)
                for one in objects(client, selection(Filter()), ObjectsPage(**page, offset=offset, limit=120)).objects
            ]
            assert parts == every
            if sort == "confidence":
                known = [one.prediction.confidence or 0 for one in every if one.prediction]
                assert known == sorted(known, reverse=descending)


OF_CAUSES = [
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
]


@pytest.mark.parametrize(("number", "view", "options"), [(i, *asked) for i, asked in enumerate(OF_CAUSES)], ids=str)
def test_a_cause_has_the_objects_that_errors_counts(
    client: Client, number: int, view: Filter, options: ErrorOptions
) -> None:
    analysis = errors(client, selection(view), options)
    of_causes: dict[Cause, list[Case]] = {cause: [] for cause in CAUSES}
    for one in listed(client, view, **options.model_dump()).objects:
        # An annotation that is not found may have the cause of a prediction, which is the error then.
        wrong = one.annotation if one.annotation and one.annotation.cause == "missed" else one.prediction
        if wrong and wrong.cause and (view.type or wrong.type == "bbox"):
            of_causes[wrong.cause].append(one)
    for cause, own in of_causes.items():
        assert len(own) == analysis.causes[cause].count
        of_classes = Counter[str]()
        for one in own:
            wrong = one.annotation if cause == "missed" else one.prediction
            assert wrong is not None
            of_classes[wrong.label] += 1
        assert of_classes == {name: own.count[cause] for name, own in analysis.per_class.items() if own.count[cause]}
    cause = CAUSES[number % len(CAUSES)]  # asked for by itself: the next one under the next view
    assert_exactly(listed(client, view, cause=cause, **options.model_dump()), of_causes[cause])
    having = rows(client, selection(view), Page(cause=cause, limit=1, **options.model_dump()))
    assert having.total == len({one.data_row for one in of_causes[cause]})


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
    every, every_missed = listed(client, view).objects, listed(client, view, cause="missed").objects
    for where in CONDITIONS if view == VIEWS[0] else CONDITIONS[1:3]:
        fitting = {row.data_row for row in rows(client, selection(view), Page(where=where, limit=500)).rows}
        assert_exactly(listed(client, view, where=where), [one for one in every if one.data_row in fitting])
    missed = [one for one in every_missed if one.data_row in fitting]
    assert_exactly(listed(client, view, where=where, cause="missed"), missed)


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
    drawn = distribution(client, selection(view), metric, bins=2)
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
    with pytest.raises(ValueError, match=r"not a condition|no metric|not a number"):
        ObjectsPage(where=[where])
