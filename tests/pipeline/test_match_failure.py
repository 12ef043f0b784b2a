"""A data row that cannot be matched fails alone, says why, and is fine again once it is repaired."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest
from clickhouse_connect.driver.client import Client
from evalstream.events import EVENTS, AnnotationEvent, PredictionEvent, Reader, Record, decode, events_table
from evalstream.matching import POLICIES
from evalstream.pipeline.ingest import ingest
from evalstream.pipeline.reconcile import reconcile
from evalstream.queries.rows import Page, rows
from evalstream.queries.summary import summary
from evalstream.selection import Selection
from evalstream.storage.events import append_events
from evalstream.storage.results import Progress, progress

from tests.feeding import feed

NAMES = list(POLICIES)
ROWS = [f"row {number}" for number in range(9)]
BAD = "row 4"

#: What a data row's objects may have been spoilt to: the geometries of its two boxes, their types.
CORRUPTIONS = {
    "three numbers": ([[0.0, 0.0, 10.0], [0.0, 0.0, 10.0, 10.0]], ["bbox", "bbox"]),
    "eight numbers in all": ([[0.0, 0.0, 10.0], [0.0, 0.0, 10.0, 10.0, 10.0]], ["bbox", "bbox"]),
    "no numbers": ([[], [0.0, 0.0, 10.0, 10.0]], ["bbox", "bbox"]),
    "an unknown type": ([[0.0, 0.0, 10.0, 10.0], [0.0, 0.0, 10.0, 10.0]], ["bbox", "hologram"]),
}


@pytest.mark.parametrize("run_at_fault", ["v1", ""], ids=["predictions", "annotations"])
@pytest.mark.parametrize("corruption", list(CORRUPTIONS))
def test_a_row_that_cannot_be_matched_fails_alone(client: Client, corruption: str, run_at_fault: str) -> None:
    dataset = f"{corruption} of {run_at_fault or 'annotations'}"
    send(client, dataset, [event(dataset, row, run, 1) for row in ROWS for run in ("", "v1", "v2")])
    append_events(client, spoilt(event(dataset, BAD, run_at_fault, 2), *CORRUPTIONS[corruption]))
    assert progress(client, dataset, "v1", NAMES) == Progress(9, 9, 0)
    reconcile(client, NAMES, dataset=dataset)

    failing = ["v1"] if run_at_fault else ["v1", "v2"]
    for run in ("v1", "v2"):
        failed = int(run in failing)
        assert progress(client, dataset, run, NAMES) == Progress(9, 0, failed)
        # Under every policy, and of the other run under the next one with each corruption.
        for policy in NAMES if run == "v1" else NAMES[list(CORRUPTIONS).index(corruption) % len(NAMES) :][:1]:
            listed = rows(client, Selection(dataset=dataset, run=run, policy=policy), Page()).rows
            assert [row.data_row for row in listed] == [row for row in ROWS if not failed or row != BAD]
            assert {(row.metrics["tp"], row.metrics["fp"], row.metrics["fn"]) for row in listed} == {(2, 0, 0)}
        found = summary(client, Selection(dataset=dataset, run=run))
        assert (found.rows, found.tp, found.fp, found.fn) == (9 - failed, 2 * (9 - failed), 0, 0)
    reasons = errors(client, dataset)
    assert set(reasons) == {(run, BAD) for run in failing}
    assert all(": " in reason for reason in reasons.values())

    assert reconcile(client, NAMES, dataset=dataset) == 0
    assert reconcile(client, NAMES, dataset=dataset, failed=True) == 1
    assert errors(client, dataset) == reasons

    send(client, dataset, [event(dataset, BAD, run_at_fault, 3)])
    assert progress(client, dataset, "v1", NAMES) == Progress(9, 1, 0)
    reconcile(client, NAMES, dataset=dataset)
    assert errors(client, dataset) == {}
    for run in ("v1", "v2"):
        assert progress(client, dataset, run, NAMES) == Progress(9, 0, 0)
        assert summary(client, Selection(dataset=dataset, run=run)).tp == 18


def test_two_bad_rows_whose_faults_make_up_for_each_other(client: Client) -> None:
    """Three numbers here and five there are still no two boxes."""
    dataset = "two"
    send(client, dataset, [event(dataset, row, run, 1) for row in ROWS for run in ("", "v1")])
    whole = [0.0, 0.0, 10.0, 10.0]
    append_events(client, spoilt(event(dataset, ROWS[2], "v1", 2), [whole[:3], whole], ["bbox", "bbox"]))
    append_events(client, spoilt(event(dataset, ROWS[5], "v1", 2), [[*whole, 10.0], whole], ["bbox", "bbox"]))
    reconcile(client, NAMES, dataset=dataset)
    assert progress(client, dataset, "v1", NAMES) == Progress(9, 0, 2)
    assert {row for _, row in errors(client, dataset)} == {ROWS[2], ROWS[5]}
    assert summary(client, Selection(dataset=dataset, run="v1")).tp == 14


def test_the_log_has_a_traceback_where_the_shapes_are_not_at_fault(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    masks = [{"type": "mask", "feature": "tree", "mask": {"size": [n, n], "counts": [0, n * n]}} for n in (2, 3)]
    feed(client, "masks", {"1": masks[:1]}, {"v1": {"1": masks[1:]}}, policies=NAMES)
    append_events(client, spoilt(event("spoilt", BAD, "v1", 1), *CORRUPTIONS["no numbers"]))
    reconcile(client, NAMES, dataset="spoilt")
    theirs, ours = caplog.records
    assert "masks of one data row must be of one size" in theirs.getMessage()
    assert not theirs.exc_info
    assert BAD in ours.getMessage()
    assert ours.exc_info


def event(dataset: str, data_row: str, run: str, version: int) -> dict[str, Any]:
    """Two boxes apart from each other, the same ones whoever speaks."""
    objects = [
        {"type": "bbox", "feature": "car", "bbox": [0.0, 0.0, 10.0, 10.0]},
        {"type": "bbox", "feature": "bus", "bbox": [50.0, 0.0, 10.0, 10.0]},
    ]
    said = {"run": run, "predictions": objects} if run else {"annotations": objects}
    return {"dataset": dataset, "data_row": data_row, "operation": "replace", "version": version} | said


def reader(said: dict[str, Any]) -> Reader:
    return Reader(PredictionEvent if "run" in said else AnnotationEvent)


def send(client: Client, dataset: str, events: Sequence[dict[str, Any]]) -> None:
    for own in ([said for said in events if "run" not in said], [said for said in events if "run" in said]):
        if own:
            records = [Record(json.dumps(said).encode(), place, 0) for place, said in enumerate(own)]
            done = ingest(client, records, reader(own[0]), "test")
            assert (done.accepted, done.rejected) == (len(own), [])


def spoilt(said: dict[str, Any], geometries: list[list[float]], types: list[str]) -> pa.Table:
    """Make a row of table ``events`` that no event could have become."""
    (received,), _ = decode([Record(json.dumps(said).encode(), 0, 0)], reader(said))
    columns = events_table([received]).to_pydict()
    return pa.table(columns | {"object_geometry": [geometries], "object_type": [types]}, schema=EVENTS)


def errors(client: Client, dataset: str) -> dict[tuple[str, str], str]:
    """The reason of each result that failed, by run and data row."""
    found = client.query(
        "SELECT run, data_row, error FROM results FINAL WHERE dataset = {dataset:String} AND error != ''",
        parameters={"dataset": dataset},
    )
    return {(run, data_row): error for run, data_row, error in found.result_rows}
