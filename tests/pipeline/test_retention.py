"""Retention deletes exactly what is over, as deletions by request do, and answers say so."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from clickhouse_connect.driver.client import Client
from evalstream.pipeline import retention as stage
from evalstream.pipeline.delete import delete
from evalstream.pipeline.reconcile import reconcile
from evalstream.pipeline.retention import Over, applying, over
from evalstream.queries.catalog import catalog
from evalstream.queries.summary import summary
from evalstream.selection import Selection
from evalstream.storage.deletions import Scope, bury_many, left_over
from evalstream.storage.events import predicted_rows
from evalstream.storage.results import Progress, progress
from evalstream.storage.retentions import (
    KEEP_ALL,
    NOTHING_REMOVED,
    Removed,
    Retention,
    engine_time,
    removed,
    retained,
    retention_in_force,
    set_retention,
)

from tests.pipeline.test_deletion import stored
from tests.pipeline.test_fold import NAMES, Payload, annotated, box, predicted, results, send

DAY = timedelta(days=1)


def now(client: Client) -> datetime:
    """The engine's time, when all that is there has come: a later event has a later one."""
    client.command("SELECT sleep(0.01)")
    found = engine_time(client)
    client.command("SELECT sleep(0.01)")
    return found


def say(client: Client, dataset: str, rows: str, run: str = "v1", version: int = 1) -> None:
    sides = [
        event
        for row in rows
        for event in (annotated(row, version, [box("a")]), predicted(row, run, version, [box("a")]))
    ]
    send(client, dataset, sides)
    reconcile(client, NAMES, dataset=dataset)


def apply(client: Client, dataset: str, retention: Retention, at: datetime) -> tuple[int, int]:
    steps = list(applying(lambda: client, dataset, retention, at))
    assert not any(step.survived for step in steps)
    return sum(step.rows for step in steps), sum(step.runs for step in steps)


def test_old_rows_go_and_every_answer_says_so(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "BATCH_ROWS", 2)
    say(client, "aged", "abcde")
    middle = now(client)
    send(client, "aged", [annotated("b", 2, [box("a")])])  # a word of one side is a word of the row
    say(client, "aged", "xy", version=7)
    kept = Retention(days=1, runs=None)
    assert over(client, "aged", kept, middle + DAY) == Over(4, [])
    assert apply(client, "aged", kept, middle + DAY) == (4, 0)
    assert apply(client, "aged", kept, middle + DAY) == (0, 0)
    assert predicted_rows(client, "aged") == ["b", "x", "y"]
    assert stored(client, "aged")["events"] == 7
    left = "SELECT DISTINCT data_row FROM results WHERE dataset = 'aged' AND NOT is_deleted ORDER BY data_row"
    assert client.query(left).result_rows == [("b",), ("x",), ("y",)]
    assert not left_over(client, "aged")
    assert removed(client, "aged") == Removed(4, 0, middle)
    found = summary(client, Selection(dataset="aged", run="v1"))
    assert (found.rows, found.tp, found.rows_without_predictions) == (3, 3, 0)
    assert f"4 data rows of the dataset removed by retention, older than {middle:%Y-%m-%d %H:%M:%S} UTC." in found.notes

    say(client, "aged", "a", version=2)  # newer than what was removed: it is there again, and not told as removed
    assert removed(client, "aged").rows == 3
    assert summary(client, Selection(dataset="aged", run="v1")).tp == 4
    say(client, "aged", "c", version=1)  # as late as a deletion would find it
    assert predicted_rows(client, "aged") == ["a", "b", "x", "y"]
    reconcile(client, NAMES, dataset="aged")
    assert stored(client, "aged")["events"] == 9


def test_figures_are_those_of_a_dataset_that_never_had_the_rest(client: Client) -> None:
    say(client, "with old", "abc")
    middle = now(client)
    say(client, "with old", "de")
    say(client, "without", "de")
    apply(client, "with old", Retention(1, None), middle + DAY)
    reconcile(client, NAMES, dataset="with old")

    def plain(dataset: str) -> dict[tuple[str, str, str], Payload]:
        found = results(client, dataset)
        return {key: {name: value for name, value in row.items() if name != "version"} for key, row in found.items()}

    assert plain("with old") == plain("without")
    assert progress(client, "with old", "v1", NAMES) == Progress(2, 0, 0)


def test_the_runs_heard_of_last_are_kept(client: Client) -> None:
    for run in ("v1", "v2", "v3"):
        say(client, "runs", "ab", run)
        now(client)
    say(client, "runs", "c", "v1")  # it is still at work
    kept = Retention(days=None, runs=2)
    at = now(client)
    assert over(client, "runs", kept, at) == Over(0, ["v2"])
    assert apply(client, "runs", kept, at) == (0, 1)
    assert next(item.runs for item in catalog(client).datasets if item.dataset == "runs") == ["v1", "v3"]
    assert removed(client, "runs") == Removed(0, 1, None)
    assert apply(client, "runs", kept, at) == (0, 0)


def test_cut_off_it_is_finished_by_whoever_reconciles(client: Client) -> None:
    say(client, "cut off", "ab")
    at = now(client)
    bury_many(client, [(Scope("cut off", data_row="a"), 1)], at)
    assert [one.scope.data_row for one in left_over(client, "cut off")] == ["a"]
    reconcile(client, NAMES)
    assert stored(client, "cut off") == {"events": 2, "results": 1, "ontologies": 0}
    assert removed(client, "cut off") == Removed(1, 0, at)


def test_what_was_said_last_is_in_force_until_the_dataset_goes(client: Client) -> None:
    assert retention_in_force(client, "said").retention == KEEP_ALL
    set_retention(client, "said", Retention(2.5, 3), 10)
    set_retention(client, "said", Retention(7, None), 11)
    set_retention(client, "other", Retention(7, None), 11)
    set_retention(client, "other", KEEP_ALL, 12)
    assert retention_in_force(client, "said").retention == Retention(7, None)
    assert [name for name in retained(client) if name in ("said", "other")] == ["said"]
    say(client, "said", "a")
    apply(client, "said", Retention(1, None), now(client) + DAY)
    say(client, "said", "b")
    delete(client, Scope("said"), 20)
    assert retention_in_force(client, "said").retention == KEEP_ALL
    say(client, "said", "b", version=30)
    assert removed(client, "said") == NOTHING_REMOVED  # of the dataset that is there now
