"""Data rows and objects over random data, against the same answered by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from clickhouse_connect.driver.client import Client
from evalstream.queries.confusion_matrix import classes, confusion_matrix
from evalstream.queries.errors import errors
from evalstream.queries.objects import ObjectsPage, objects
from evalstream.queries.rows import Page, rows
from evalstream.scoring.causes import CAUSES
from evalstream.selection import Selection
from evalstream.stored.counted import ROW_METRICS

from tests.oracles import queries as oracle
from tests.pipeline.assertions import assert_row
from tests.pipeline.random_data import Data, some_selections


def two_in_five(selections: Sequence[Selection]) -> list[Selection]:
    """Of selections for every policy with a filter and without: some of each such pair."""
    return [one for i, one in enumerate(selections) if i % 5 in (0, 2)]


def test_rows_with_their_metrics_and_outcomes(client: Client, data: Data) -> None:
    for selection in two_in_five(some_selections(data, 2, filtered=True)):
        scored = {row.row.data_row: row for row in oracle.score(data.runs[selection.dataset, selection.run], selection)}
        found = rows(client, selection, Page(limit=500))
        assert found.total == len(scored)
        names = sorted(scored, key=lambda name: (len(name.encode()), name.encode()))
        assert [row.data_row for row in found.rows] == names
        for row in found.rows:
            assert_row(row, scored[row.data_row], selection)


def test_rows_sorted_and_by_page(client: Client, data: Data) -> None:
    selection = Selection(dataset="images", run="v1", iou=0.3)
    metrics = {row.row.data_row: row.metrics() for row in oracle.score(data.runs["images", "v1"], selection)}
    for sort in ("data_row", *ROW_METRICS):
        for descending in (False, True):
            expected = sorted(metrics, key=lambda name: (len(name.encode()), name.encode()))
            if sort == "data_row":
                expected = expected[:: -1 if descending else 1]
            else:
                order = {name: values[sort] for name, values in metrics.items()}
                sign = -1 if descending else 1
                expected.sort(key=lambda name: (order[name] is None, sign * (order[name] or 0)))
            listed = []
            limit = 11 if descending else 500  # the one way page by page, the last one empty; the other way at once
            for offset in range(0, len(metrics) + limit, limit) if descending else (0,):
                page = rows(client, selection, Page(sort=sort, descending=descending, offset=offset, limit=limit))
                assert page.total == len(metrics)
                listed += [row.data_row for row in page.rows]
            assert listed == expected, (sort, descending)


def test_rows_by_conditions_on_their_metrics(client: Client, data: Data) -> None:
    more: list[tuple[str, str, float]] = [("fp", "!=", 0), ("recall", ">", 0.5), ("f1", "<=", 0.5)]
    for number, selection in enumerate(some_selections(data, 1)[::5]):
        scored = oracle.score(data.runs[selection.dataset, selection.run], selection)
        some = [row.metrics() for row in scored]
        conditions = [
            (metric, sign, value)
            for metric in ROW_METRICS
            for sign, value in zip((">=", "<", "="), [m[metric] for m in some if m[metric] is not None], strict=False)
        ]
        # Every third, the others under the next selections: each metric with each sign once.
        for metric, sign, value in [*conditions[number % 3 :: 3], more[number % 3]]:
            where = [f"{metric}{sign}{value!r}", "annotations>=1"]
            expected = {
                row.row.data_row
                for row, metrics in zip(scored, some, strict=True)
                if metrics[metric] is not None
                and (oracle.compare(metrics[metric], sign, value) or metric == "mean_iou")
                and metrics["annotations"] >= 1
            }
            found = {row.data_row for row in rows(client, selection, Page(where=where, limit=500)).rows}
            # A mean of several overlaps may differ in the last bit, so that a row exactly on the bound may not fit.
            assert found <= expected if metric == "mean_iou" else found == expected, where


def test_rows_that_have_a_class(client: Client, data: Data) -> None:
    for selection in two_in_five(some_selections(data, 2, filtered=True)):
        features = selection.feature or ["car"]
        asked = selection.model_copy(update={"feature": features, "type": []})
        expected = {
            row.row.data_row
            for row in oracle.score(data.runs[selection.dataset, selection.run], asked)
            if any(thing.feature in features for thing in row.row.annotations)
            or any(thing.feature in features and thing.confidence >= asked.confidence for thing in row.row.predictions)
        }
        found = rows(client, asked, Page(of_feature=True, limit=500))
        assert {row.data_row for row in found.rows} == expected
        assert found.total == len(expected)
    unasked = Selection(dataset="images", run="v1")
    assert rows(client, unasked, Page(of_feature=True)).total == rows(client, unasked, Page()).total > 0


def test_rows_behind_a_cell_are_exactly_those_with_it(client: Client, data: Data) -> None:
    for selection in some_selections(data, 1, filtered=True)[::2]:
        scored = oracle.score(data.runs[selection.dataset, selection.run], selection)
        of_rows = {row.row.data_row: oracle.cells(row) for row in scored}
        for cell in confusion_matrix(client, selection).cells[:3]:
            page = Page(actual=cell.actual or "", predicted=cell.predicted or "", limit=500)
            found = [row.data_row for row in rows(client, selection, page).rows]
            assert len(set(found)) == len(found)
            having = {name: cells[cell.actual, cell.predicted] for name, cells in of_rows.items()}
            assert set(found) == {name for name, count in having.items() if count}
            assert sum(having[name] for name in found) == cell.count
        label = next((item.label for item in classes(client, selection).classes), "car")
        by_actual = rows(client, selection, Page(actual=label, limit=500))
        assert {row.data_row for row in by_actual.rows} == {
            row.row.data_row for row in scored if oracle.actual_labels(row)[label]
        }
        by_predicted = rows(client, selection, Page(predicted=label, limit=500))
        assert {row.data_row for row in by_predicted.rows} == {
            row.row.data_row for row in scored if oracle.predicted_labels(row)[label]
        }


def test_the_objects_of_a_cause_are_those_counted(client: Client, data: Data) -> None:
    """Of crowds, difficult objects and over a hundred predictions too."""
    for number, selection in enumerate(some_selections(data, 2, filtered=True)[1::4]):
        localised = selection.model_copy(update={"type": selection.type or ["bbox"]})
        expected = Counter[str | None]()
        for row in oracle.score(data.runs[selection.dataset, selection.run], localised):
            of_annotations, of_predictions = oracle.causes(row, localised, 0.1)
            expected.update(of_predictions)
            expected["missed"] += of_annotations.count("missed")
        counted = errors(client, selection).causes
        assert {cause: counted[cause].count for cause in CAUSES} == {cause: expected[cause] for cause in CAUSES}
        cause = CAUSES[number % len(CAUSES)]  # the others under other selections
        found = objects(client, selection, ObjectsPage(cause=cause, limit=1))
        assert found.total == expected[cause], (selection, cause)
