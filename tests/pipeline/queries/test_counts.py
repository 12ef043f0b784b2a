"""Summary, confusion matrix and classes at every threshold, over random data, against the same answered by hand."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from clickhouse_connect.driver.client import Client
from evalstream.matching import AREA_RANGES, POLICIES
from evalstream.queries.confusion_matrix import CellsPage, ClassesPage, classes, confusion_matrix
from evalstream.queries.label_counts import Scoring
from evalstream.queries.overview import OverviewOptions, overview
from evalstream.queries.selection import Selection
from evalstream.queries.summary import summary

from tests.oracles import queries as oracle
from tests.pipeline.assertions import assert_cells, assert_classes, assert_summary
from tests.pipeline.random_data import FEATURES, Data, filter_choices, some_selections, threshold_pairs


@pytest.mark.parametrize("policy", list(POLICIES))
def test_counts_at_every_threshold(client: Client, data: Data, policy: str) -> None:
    for (dataset, run), own in data.runs.items():
        for c, t in threshold_pairs(own, 70):
            selection = Selection(dataset=dataset, run=run, policy=policy, confidence=c, iou=t)
            assert_overview(client, selection, oracle.score(own, selection))


@pytest.mark.parametrize("policy", list(POLICIES))
def test_counts_of_filtered_rows_and_objects(client: Client, data: Data, policy: str) -> None:
    for (dataset, run), own in data.runs.items():
        pairs = threshold_pairs(own, 25)
        for number, filters in enumerate(filter_choices(policy)):
            c, t = pairs[number % len(pairs)]
            selection = Selection(dataset=dataset, run=run, policy=policy, confidence=c, iou=t, **filters)
            assert_overview(client, selection, oracle.score(own, selection))


@pytest.mark.parametrize("area", list(AREA_RANGES))
def test_counts_in_every_area_range(client: Client, data: Data, area: str) -> None:
    for (dataset, run), own in data.runs.items():
        for c, t in threshold_pairs(own, 7):
            selection = Selection(dataset=dataset, run=run, policy="coco", confidence=c, iou=t, area=area)
            assert_overview(client, selection, oracle.score(own, selection))


def assert_overview(client: Client, selection: Selection, scored: list[oracle.Scored]) -> None:
    """Check the summary, the cells and the classes against those that were counted by hand."""
    found = overview(client, selection, OverviewOptions(cells=100_000, labels=100_000))
    assert_summary(found.summary, scored)
    assert_cells(found.confusion_matrix, scored)
    assert_classes(found.classes, scored)


def test_an_overview_is_three_answers_in_one(client: Client, data: Data) -> None:
    scoring = Scoring(beta=2, zero_division="zero")
    for selection in some_selections(data, 1):
        found = overview(client, selection, OverviewOptions(cells=7, labels=3), scoring)
        assert found.summary == summary(client, selection, scoring)
        assert found.confusion_matrix == confusion_matrix(client, selection, CellsPage(limit=7))
        assert found.classes == classes(client, selection, ClassesPage(limit=3), scoring)


def test_rows_and_columns_of_every_confusion_matrix_sum_to_the_objects(client: Client, data: Data) -> None:
    for selection in some_selections(data, 4):
        of_labels = {item.label: item for item in classes(client, selection).classes}
        matrix = confusion_matrix(client, selection)
        actual, predicted = Counter[str | None](), Counter[str | None]()
        for cell in matrix.cells:
            assert cell.count > 0
            actual[cell.actual] += cell.count
            predicted[cell.predicted] += cell.count
        assert matrix.labels == list(of_labels)
        for label, counts in of_labels.items():
            assert (actual[label], predicted[label]) == (counts.annotations, counts.predictions), label


def test_classes_sum_to_the_summary(client: Client, data: Data) -> None:
    for selection in some_selections(data, 4):
        total, of_labels = summary(client, selection), classes(client, selection).classes
        for name in ("annotations", "predictions", "tp", "fp", "fn"):
            assert sum(getattr(item, name) for item in of_labels) == getattr(total, name), name


def test_every_label_of_a_cell_is_among_the_labels(client: Client, data: Data) -> None:
    """Of a feature filter too, under which a car may still have been taken for something else."""
    for (dataset, run), _ in data.runs.items():
        for feature in FEATURES:
            selection = Selection(dataset=dataset, run=run, feature=[feature], iou=0.1)
            matrix = confusion_matrix(client, selection)
            mentioned = {label for cell in matrix.cells for label in (cell.actual, cell.predicted)} - {None}
            assert mentioned <= set(matrix.labels)


@pytest.mark.parametrize("policy", list(POLICIES))
def test_answers_ignore_the_iou_threshold(client: Client, data: Data, policy: str) -> None:
    correct = 0
    for dataset, run in data.runs:
        for c in (0.0, 0.5, 1.0):
            found = [
                summary(
                    client,
                    Selection(dataset=dataset, run=run, policy=policy, type=["radio"], confidence=c, iou=t),
                )
                for t in (0.0, 0.5, math.nextafter(1, 0), 1.0)
            ]
            assert all(item == found[0] for item in found)
            assert found[0].mean_iou is None
            correct += found[0].tp
    assert correct
