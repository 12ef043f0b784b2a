"""Results anew from their events: also where they have the version of those that they replace."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest
from clickhouse_connect.driver.client import Client
from evalstream.events import PredictionEvent, Reader, Record
from evalstream.pipeline import reconcile as stage
from evalstream.pipeline.ingest import ingest
from evalstream.pipeline.match import match
from evalstream.pipeline.reconcile import Step, reconcile, reconciling
from evalstream.storage.events import load_events
from evalstream.storage.results import RESULTS, write_results

ROWS = 300
POLICIES = ["iou-greedy", "coco"]


def fill(client: Client, dataset: str, rows: Sequence[int] = range(ROWS)) -> list[str]:
    """Ingest one prediction event for each data row, and match them; return the rows' names."""
    names = [f"{row:04}" for row in rows]
    payloads = [f'{{"data_row":"{name}","operation":"replace"}}'.encode() for name in names]
    records = [Record(payload, position, 1) for position, payload in enumerate(payloads)]
    assert not ingest(client, records, Reader(PredictionEvent, {"dataset": dataset, "run": "r"}), "test").rejected
    reconcile(client, POLICIES)
    return names


def marked(client: Client, dataset: str, names: list[str], mark: str) -> pa.Table:
    """The results of these rows as a matcher of another kind would write them: of the same version, yet different."""
    results = match(dataset, load_events(client, dataset, names), POLICIES)
    column = RESULTS.get_field_index("media_url")
    return results.set_column(column, RESULTS.field(column), pa.array([mark] * len(results)))


def marks(client: Client, dataset: str) -> dict[str, int]:
    rows = client.query(
        "SELECT media_url, count() FROM results FINAL WHERE dataset = {dataset:String} GROUP BY media_url",
        parameters={"dataset": dataset},
    ).result_rows
    return dict(rows)


@pytest.mark.parametrize("merged", ["never", "between", "at the end"])
def test_of_equal_versions_the_one_inserted_last_stays(client: Client, merged: str) -> None:
    dataset = f"equal {merged}"
    names = fill(client, dataset)
    whole = len(names)
    # There and back again: the last is, block for block, what was inserted before.
    for mark in ("a", "b", "a", "c", "a"):
        results = marked(client, dataset, names, mark)
        for start in range(0, len(results), 74):  # in parts, in an order that is not the table's
            write_results(client, results.slice(start, 74))
        if merged == "between":
            client.command("OPTIMIZE TABLE results FINAL")
        assert marks(client, dataset) == {mark: whole}
    if merged == "at the end":
        client.command("OPTIMIZE TABLE results FINAL")
        assert marks(client, dataset) == {"a": whole}


def test_a_replay_replaces_results_that_are_up_to_date(client: Client) -> None:
    names = fill(client, "replayed")
    write_results(client, marked(client, "replayed", names, "old"))
    assert reconcile(client, POLICIES) == 0  # they count as up to date
    *_, last = reconciling(lambda: client, POLICIES, dataset="replayed", which="all")
    assert last == Step(ROWS, ROWS)
    assert marks(client, "replayed") == {"": ROWS}


def test_a_replay_never_replaces_what_has_seen_more(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    names = fill(client, "raced", range(3))
    newer = marked(client, "raced", names, "newer")
    version = RESULTS.get_field_index("version")
    newer = newer.set_column(version, RESULTS.field(version), pa.array([2] * len(newer), pa.uint64()))

    def match_while_another_is_faster(*given: Any, **more: Any) -> pa.Table:
        results = match(*given, **more)
        write_results(client, newer)
        return results

    monkeypatch.setattr(stage, "match", match_while_another_is_faster)
    list(reconciling(lambda: client, POLICIES, dataset="raced", which="all"))
    assert marks(client, "raced") == {"newer": 3}


def test_progress_counts_all_datasets_together(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for dataset in ("first", "second"):
        fill(client, dataset, range(5))
    client.command("DELETE FROM results WHERE dataset IN ('first', 'second')")
    monkeypatch.setattr(stage, "BATCH_ROWS", 4)
    heard: list[tuple[int, int]] = []
    assert reconcile(client, POLICIES, on_progress=lambda done, total: heard.append((done, total))) == 10
    assert heard == [(0, 10), (4, 10), (5, 10), (9, 10), (10, 10)]
    assert reconcile(client, POLICIES) == 0


def test_only_the_dataset_that_was_asked_for(client: Client) -> None:
    for dataset in ("this", "other"):
        fill(client, dataset, range(2))
    client.command("DELETE FROM results WHERE dataset IN ('this', 'other')")
    *_, last = reconciling(lambda: client, POLICIES, dataset="this")
    assert last == Step(2, 2)
    assert marks(client, "other") == {}
    assert reconcile(client, POLICIES) == 2
