"""What there is, and what is said where there is nothing, over random data, against the same answered by hand."""

from __future__ import annotations

from clickhouse_connect.driver.client import Client
from evalstream.events import AnnotationEvent, PredictionEvent
from evalstream.matching import POLICIES
from evalstream.queries.average_precision import average_precisions
from evalstream.queries.catalog import catalog, run_exists
from evalstream.queries.confusion_matrix import classes, confusion_matrix
from evalstream.queries.distribution import distribution
from evalstream.queries.pr_curve import pr_curve
from evalstream.queries.rows import Page, rows
from evalstream.queries.summary import summary
from evalstream.selection import Selection
from evalstream.storage.results import Progress, progress

from tests.pipeline.random_data import Data, send


def test_an_empty_selection_has_no_numbers_and_no_errors(client: Client, data: Data) -> None:
    for policy in POLICIES:
        selection = Selection(dataset="images", run="v1", policy=policy, metadata=["weather=no such thing"])
        found = summary(client, selection)
        assert (found.rows, found.annotations, found.predictions, found.tp, found.f1) == (0, 0, 0, 0, None)
        assert confusion_matrix(client, selection).cells == []
        assert classes(client, selection).classes == []
        assert average_precisions(client, selection).ap is None
        assert all(not curve.confidence for curve in pr_curve(client, selection).curves)
        assert rows(client, selection, Page()).total == 0
        for metric in ("iou", "f1", "fp", "metadata.noise"):
            assert distribution(client, selection, metric).total == 0


def test_progress_and_catalog(client: Client, data: Data) -> None:
    for (dataset, run), own in data.runs.items():
        assert progress(client, dataset, run, list(POLICIES)) == Progress(len(own), 0, 0)
        assert run_exists(client, dataset, run)
    assert not run_exists(client, "images", "v3")
    listed = {item.dataset: item for item in catalog(client).datasets}
    for dataset in {dataset for dataset, _ in data.runs}:
        assert listed[dataset].runs == sorted(run for own, run in data.runs if own == dataset)


def test_the_newest_run_is_the_one_that_began_last(client: Client) -> None:
    """Whatever its name; and an older one that goes on does not become the newest."""
    box = {"type": "bbox", "feature": "car", "bbox": [0, 0, 9, 9], "confidence": 0.9}
    newest = {}
    for number, (run, row) in enumerate([("z", "1"), ("a", "1"), ("z", "2")]):
        event = {"dataset": "begun", "data_row": row, "run": run, "operation": "replace"} | {
            "predictions": [box | {"id": "1"}]
        }
        send(client, PredictionEvent, [event])
        # Received one hour after the other.
        received = f"received_at = toDateTime64('2026-01-01 0{number}:00:00', 3, 'UTC')"
        where = f"dataset = 'begun' AND run = '{run}' AND data_row = '{row}'"
        client.command(f"ALTER TABLE events UPDATE {received} WHERE {where} SETTINGS mutations_sync = 2")
        newest = {one.dataset: one.newest_run for one in catalog(client).datasets}
        assert newest["begun"] == ("z" if number == 0 else "a")
    send(
        client,
        AnnotationEvent,
        [{"dataset": "unpredicted", "data_row": "1", "operation": "replace", "annotations": []}],
    )
    newest = {one.dataset: one.newest_run for one in catalog(client).datasets}
    assert newest["unpredicted"] is None
