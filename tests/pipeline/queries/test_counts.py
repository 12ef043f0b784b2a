"""Summary, confusion matrix and classes at every threshold, over random data, against the same answered by hand."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import pytest
from clickhouse_connect.driver.client import Client
from evalstream.matching import AREA_RANGES, POLICIES
from evalstream.queries.confusion_matrix import CellsPage, ClassesPage, classes, confusion_matrix, matrix_of
from evalstream.queries.overview import OverviewOptions, overview
from evalstream.queries.summary import summary
from evalstream.scoring.counting import count
from evalstream.scoring.tally import tally_of
from evalstream.selection import Selection
from evalstream.stored.columns import read_columns
from evalstream.stored.label_counts import Scoring
from evalstream.types import ANSWERS, TYPES

from tests.oracles import queries as oracle
from tests.oracles.queries import DataRow
from tests.pipeline.assertions import assert_cells, assert_classes, assert_summary
from tests.pipeline.queries.test_columns import too_large
from tests.pipeline.random_data import FEATURES, Data, filter_choices, some_selections, threshold_pairs

EVERYTHING = CellsPage(limit=100_000)
#: One selection in so many is asked of the engine too: a question costs it more than all else here.
SAMPLE = 48


@pytest.mark.parametrize("policy", list(POLICIES))
def test_counts_at_every_threshold(client: Client, data: Data, policy: str) -> None:
    for place, ((dataset, run), own) in enumerate(data.runs.items()):
        pairs = threshold_pairs(own, 70)
        selections = [Selection(dataset=dataset, run=run, policy=policy, confidence=c, iou=t) for c, t in pairs]
        assert_counts(client, own, selections, place)


@pytest.mark.parametrize("area", list(AREA_RANGES))
def test_counts_in_every_area_range(client: Client, data: Data, area: str) -> None:
    for place, ((dataset, run), own) in enumerate(data.runs.items()):
        known = {"dataset": dataset, "run": run, "policy": "coco", "area": area}
        selections = [Selection(confidence=c, iou=t, **known) for c, t in threshold_pairs(own, 7)]
        assert_counts(client, own, selections, place)


@pytest.mark.parametrize("policy", list(POLICIES))
def test_counts_of_filtered_rows_and_objects(client: Client, data: Data, policy: str) -> None:
    runs = list(data.runs.items())
    for number, filters in enumerate(filter_choices(policy)):
        (dataset, run), own = runs[number % len(runs)]
        known = {"dataset": dataset, "run": run, "policy": policy} | filters
        pairs = ((0.0, 0.1), threshold_pairs(own, 25)[number % 8])
        selections = [Selection(confidence=c, iou=t, **known) for c, t in pairs[:: (-1) ** number]]
        # Of the engine each filter is asked under one policy, areas under the only one that has them.
        by_engine = "area" in filters or number % len(POLICIES) == list(POLICIES).index(policy)
        assert_counts(client, own, selections, sample=SAMPLE if by_engine else 0)


def assert_counts(
    client: Client, own: Sequence[DataRow], selections: Sequence[Selection], place: int = -1, sample: int = SAMPLE
) -> None:
    """Check what is counted in memory at each selection, and by SQL at some, against what is counted by hand.

    By SQL at one in ``sample`` of them, the next ones with each ``place``, and at the last one; at none if 0.
    """
    stored = read_columns(client, selections[0])
    assert stored is not None
    for number, selection in enumerate(selections):
        scored = oracle.score(own, selection)
        thresholds = selection.model_dump(include={"confidence", "iou", "at_threshold"})
        counting = count(stored.columns, stored.selection.model_copy(update=thresholds))
        assert_cells(matrix_of(tally_of(stored.columns, counting), EVERYTHING), scored)
        if sample and (number % sample == place % sample or number == len(selections) - 1):
            with too_large(selection.dataset, selection.run):
                assert_overview(client, selection, scored)


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


def test_an_overview_gives_all_cells_and_labels_or_none_to_those_who_can_do_nothing_with_a_part(
    client: Client, data: Data
) -> None:
    (selection, *_) = some_selections(data, 1)
    cells, labels = confusion_matrix(client, selection), classes(client, selection)
    assert cells.total > 1
    assert labels.total > 1
    fewer = OverviewOptions(cells=cells.total - 1, labels=labels.total - 1, partial=False)
    found = overview(client, selection, fewer)
    assert (found.confusion_matrix.cells, found.classes.classes) == ([], [])
    assert (found.confusion_matrix.total, found.classes.total) == (cells.total, labels.total)
    assert found.confusion_matrix.objects == cells.objects
    assert found.classes.averages == labels.averages
    enough = OverviewOptions(cells=cells.total, labels=labels.total, partial=False)
    assert overview(client, selection, enough).confusion_matrix == cells
    assert overview(client, selection, enough).classes == labels


def test_an_overview_parts_objects_from_answers_as_their_types_do(client: Client, data: Data) -> None:
    seen = 0
    for selection in some_selections(data, 3):
        if selection.type:
            continue
        found = overview(client, selection)
        seen += len(found.kinds)
        assert len(found.kinds) in (0, 2)
        for kind, own in found.kinds.items():
            types = [name for name in TYPES if (name in ANSWERS) == (kind == "answers")]
            expected = summary(client, selection.model_copy(update={"type": types}))
            assert own.model_copy(update={"notes": []}) == expected.model_copy(update={"notes": []})
            assert own.notes == found.summary.notes
        for name in ("annotations", "predictions", "tp", "fp", "fn"):
            parts = [getattr(own, name) for own in found.kinds.values()]
            assert not parts or sum(parts) == getattr(found.summary, name)
    assert seen


def test_rows_and_columns_of_every_confusion_matrix_sum_to_the_objects(client: Client, data: Data) -> None:
    """And the classes to the summary."""
    for selection in some_selections(data, 2):
        found = overview(client, selection, OverviewOptions(cells=100_000, labels=100_000))
        of_labels = {item.label: item for item in found.classes.classes}
        actual, predicted = Counter[str | None](), Counter[str | None]()
        for cell in found.confusion_matrix.cells:
            assert cell.count > 0
            actual[cell.actual] += cell.count
            predicted[cell.predicted] += cell.count
        for some in (found.confusion_matrix, confusion_matrix(client, selection, CellsPage(limit=1))):
            assert (some.missed, some.false_alarms) == (predicted[None], actual[None])
            assert some.objects == actual.total() == predicted.total()
        assert found.confusion_matrix.labels == list(of_labels)
        for label, counts in of_labels.items():
            assert (actual[label], predicted[label]) == (counts.annotations, counts.predictions), label
        for name in ("annotations", "predictions", "tp", "fp", "fn"):
            assert sum(getattr(item, name) for item in of_labels.values()) == getattr(found.summary, name), name


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
    for number, (dataset, run) in enumerate(data.runs):
        c = (0.0, 0.5, 1.0)[number % 3]
        found = [
            summary(
                client,
                Selection(dataset=dataset, run=run, policy=policy, type=["radio"], confidence=c, iou=t),
            )
            for t in (0.0, math.nextafter(1, 0), 1.0)
        ]
        assert all(item == found[0] for item in found)
        assert found[0].mean_iou is None
        correct += found[0].tp
    assert correct
