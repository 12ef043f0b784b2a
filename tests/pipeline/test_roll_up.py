"""Questions under a declared hierarchy: labels are rolled up after matching, and a filter selects whole branches."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from clickhouse_connect.driver.client import Client
from evalstream.events import AnnotationEvent, PredictionEvent
from evalstream.matching import POLICIES
from evalstream.ontology import Ontology, OntologyClass
from evalstream.pipeline.reconcile import reconcile
from evalstream.queries.average_precision import average_precisions
from evalstream.queries.confusion_matrix import confusion_matrix
from evalstream.queries.overview import OverviewOptions, overview
from evalstream.queries.pr_curve import pr_curve
from evalstream.queries.rows import Page, rows
from evalstream.queries.summary import summary
from evalstream.selection import Selection
from evalstream.storage.ontologies import declare

from tests.feeding import feed
from tests.oracles import queries as oracle
from tests.oracles.queries import DataRow, Thing
from tests.pipeline.assertions import approx, assert_cells, assert_classes, assert_curve, assert_row, assert_summary
from tests.pipeline.random_data import (
    FEATURES,
    QUESTIONS,
    annotation_event,
    data_row,
    data_row_names,
    image_order,
    prediction_event,
    random_things,
    random_truth,
    send,
    threshold_pairs,
)

CAR, SIZE, BOX, _ = FEATURES
#: Of classes and of answers; uneven, with a parent that is not declared (`vehicle`), and a class outside (`BOX`).
PARENT = {
    CAR: "road vehicle",
    "road vehicle": "vehicle",
    SIZE: "vehicle",
    f"{QUESTIONS[0]}=yes": "cer\\tain's",
    f"{QUESTIONS[0]}=no": "cer\\tain's",
    f"{QUESTIONS[1]}=yes": "sure",
    f"{QUESTIONS[1]}=no": "sure",
    "sure": "cer\\tain's",
}
DECLARED = Ontology(classes=[OntologyClass(name=name, parent=parent) for name, parent in PARENT.items()])
LEVELS = (1, 2, 3)
DATASET, RUN = "rolled up", "v1"


def lineage(name: str) -> list[str]:
    return [*(lineage(PARENT[name]) if name in PARENT else []), name]


def ancestor(name: str, level: int | None) -> str:
    return name if level is None else lineage(name)[:level][-1]


def rolled(thing: Thing, level: int | None) -> Thing:
    """The same thing, matched as what it is, with its ancestor for a label."""

    class Rolled(Thing):
        @property
        def label(self) -> str:
            return ancestor(thing.label, level)

    return Rolled(*thing)


@pytest.fixture(scope="module")
def data(client: Client) -> list[DataRow]:
    rng = random.Random(3)
    truth = {name: random_truth(rng) for name in data_row_names(16)}
    found = {name: random_things(rng, "prediction", rng.choice([1, 3, 6])) for name in truth}
    declare(client, DATASET, Ontology(classes=[OntologyClass(name=CAR, parent="withdrawn")]), 1)
    declare(client, DATASET, DECLARED, 2)
    declare(client, "another", Ontology(classes=[OntologyClass(name=CAR, parent="somebody else's")]), 3)
    send(client, AnnotationEvent, [annotation_event(DATASET, name, *said) for name, said in truth.items()])
    send(client, PredictionEvent, [prediction_event(DATASET, name, RUN, found[name]) for name in truth])
    reconcile(client, list(POLICIES))
    return [data_row(name, truth[name], found[name]) for name in truth]


def rolled_rows(own: list[DataRow], level: int | None) -> list[DataRow]:
    return [
        row._replace(
            annotations=[rolled(thing, level) for thing in row.annotations],
            predictions=[rolled(thing, level) for thing in row.predictions],
        )
        for row in own
    ]


def expanded(selection: Selection) -> Selection:
    """The features of a filter spelled out: what is named, rolled up, and every kind of it."""
    wanted = {ancestor(name, selection.roll_up) for name in selection.feature} | set(selection.feature)
    every = {*FEATURES, *QUESTIONS, *wanted}
    return selection.model_copy(update={"feature": [name for name in every if wanted & set(lineage(name))]})


@pytest.mark.parametrize("policy", list(POLICIES))
@pytest.mark.parametrize("level", [None, *LEVELS])
def test_every_count_is_that_of_rolled_up_labels(
    client: Client, data: list[DataRow], policy: str, level: int | None
) -> None:
    filters: list[dict[str, Any]] = [
        {},
        {"feature": ["vehicle"]},
        {"feature": [CAR]},
        {"feature": ["road vehicle", BOX]},
        {"feature": [QUESTIONS[0]], "type": ["radio"]},
        {"feature": ["no such thing"]},
    ]
    own = rolled_rows(data, level)
    for number, ((c, t), chosen) in enumerate(zip(threshold_pairs(own, len(filters)), filters, strict=True)):
        selection = Selection(
            dataset=DATASET, run=RUN, policy=policy, confidence=c / 2, iou=t / 2, roll_up=level, **chosen
        )
        scored = oracle.score(own, expanded(selection))
        found = overview(client, selection, OverviewOptions(cells=100_000, labels=100_000))
        assert_summary(found.summary, scored)
        assert_cells(found.confusion_matrix, scored)
        assert_classes(found.classes, scored)
        if number % 3:
            continue
        by_name = {row.data_row: row for row in rows(client, selection, Page(limit=500)).rows}
        for row in scored:
            assert_row(by_name[row.row.data_row], row, expanded(selection))


@pytest.mark.parametrize("policy", list(POLICIES))
@pytest.mark.parametrize("level", LEVELS)
def test_curves_and_average_precision_of_rolled_up_labels(
    client: Client, data: list[DataRow], policy: str, level: int
) -> None:
    own = sorted(rolled_rows(data, level), key=image_order)
    for t, chosen in ((0.5, {}), (0.1, {"feature": [CAR]})):
        selection = Selection(dataset=DATASET, run=RUN, policy=policy, iou=t, type=["bbox"], roll_up=level, **chosen)
        spelled = expanded(selection)
        by_label = {at: oracle.classes(scored) for at, scored in oracle.at_confidences(own, spelled).items()}
        curves = {curve.label: curve for curve in pr_curve(client, selection, per_class=True).curves}
        assert list(curves) == list(oracle.classes(oracle.score(own, spelled)))
        for label, curve in curves.items():
            nothing = oracle.counts(curve.annotations, 0, 0)
            assert_curve(curve, {at: found.get(label, nothing) for at, found in by_label.items()})
        per_class = {label: oracle.average_precision(own, spelled, label) for label in curves}
        defined = [value for value in per_class.values() if value is not None]
        assert average_precisions(client, selection).at_iou == approx(float(np.mean(defined)) if defined else None)


def test_what_a_policy_may_pair_decides_what_a_roll_up_can_mend(client: Client) -> None:
    """Van taken for car. Only `iou-greedy` pairs what is of two classes; rolled up, such a pair is right.

    The others match within a class, before the roll-up: the van stays missed, and the car a false alarm, of one class.
    """
    box = {"type": "bbox", "bbox": [0, 0, 10, 10]}
    declare(
        client, "vans", Ontology(classes=[OntologyClass(name=name, parent="vehicle") for name in ("car", "van")]), 1
    )
    feed(client, "vans", {"r": [box | {"feature": "van"}]}, {"m": {"r": [box | {"feature": "car"}]}})
    found = {
        policy: summary(client, Selection(dataset="vans", run="m", policy=policy, roll_up=1)) for policy in POLICIES
    }
    assert {policy: (own.tp, own.fp, own.fn) for policy, own in found.items()} == {
        "iou-greedy": (1, 0, 0),
        "coco": (0, 1, 1),
        "best-candidate": (0, 1, 1),
    }


def test_nothing_declared_rolls_nothing_up(client: Client) -> None:
    box = {"type": "bbox", "bbox": [0, 0, 10, 10], "feature": "van"}
    feed(client, "undeclared", {"r": [box]}, {"m": {"r": [box]}})
    selection = Selection(dataset="undeclared", run="m", roll_up=1)
    assert [cell.actual for cell in confusion_matrix(client, selection).cells] == ["van"]
    assert summary(client, selection.model_copy(update={"feature": ["van"]})).tp == 1
    assert summary(client, selection.model_copy(update={"feature": ["vehicle"]})).annotations == 0
