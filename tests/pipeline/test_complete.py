"""A run that is closed counts what is missing as nothing found, and whatever a producer says holds all the same."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from evalstream.events import AnnotationEvent, PredictionEvent, Reader, Record
from evalstream.events.versions import LAST, OutOfVersionsError
from evalstream.matching import POLICIES
from evalstream.pipeline import complete
from evalstream.pipeline.complete import closing_events
from evalstream.pipeline.delete import delete
from evalstream.pipeline.ingest import ingest
from evalstream.pipeline.reconcile import reconcile
from evalstream.queries.overview import overview
from evalstream.queries.summary import Summary, summary
from evalstream.selection import Selection
from evalstream.storage.deletions import Scope, bury
from evalstream.stored.missing_rows import rows_without_predictions
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.examples import some_examples
from tests.feeding import Objects, close, feed

BOX = {"type": "bbox", "feature": "car", "bbox": [0, 0, 10, 10]}
TRUTH: dict[str, Objects] = {"a": [BOX], "b": [BOX], "c": [BOX, BOX], "nothing there": []}


def figures(client: Client, dataset: str, run: str = "r") -> Summary:
    reconcile(client, tuple(POLICIES), dataset=dataset)
    return summary(client, Selection(dataset=dataset, run=run))


def counts(found: Summary) -> tuple[int, int, int, int, int]:
    return found.rows, found.tp, found.fp, found.fn, found.rows_without_predictions


def say(client: Client, dataset: str, *events: dict[str, Any], run: str = "r") -> None:
    model = PredictionEvent if run else AnnotationEvent
    known = {"dataset": dataset} | ({"run": run} if run else {})
    records = [Record(json.dumps(event).encode(), i, 1) for i, event in enumerate(events)]
    rejected = ingest(client, records, Reader(model, known), "test").rejected
    assert not rejected, rejected[0].reason


def found(data_row: str, *objects: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"data_row": data_row, "operation": "replace", "predictions": list(objects)} | more


def test_what_is_missing_is_missed_once_the_run_is_closed(client: Client) -> None:
    feed(client, "closed", TRUTH, {"r": {"a": [BOX]}, "other": {"a": [BOX]}})
    before = figures(client, "closed")
    assert counts(before) == (1, 1, 0, 0, 3)
    assert before.recall == 1
    assert close(client, "closed", "r") == ["b", "c", "nothing there"]
    after = figures(client, "closed")
    assert counts(after) == (4, 1, 0, 3, 0)
    assert after.recall == 0.25
    assert not after.notes
    assert overview(client, Selection(dataset="closed", run="r", policy="coco")).summary.fn == 3
    assert counts(figures(client, "closed", "other")) == counts(before)  # of another run nothing was said
    assert close(client, "closed", "r") == []
    assert figures(client, "closed") == after


def test_it_is_as_if_the_producer_had_said_so(client: Client) -> None:
    some = {"a": [BOX], "c": [BOX]}
    feed(client, "by hand", TRUTH, {"r": dict.fromkeys(TRUTH, ()) | some})
    feed(client, "by closing", TRUTH, {"r": some})
    close(client, "by closing", "r")
    assert figures(client, "by closing") == figures(client, "by hand")


@pytest.mark.parametrize("size", [1, 2, 3, 4, 100])
def test_it_is_done_in_parts(client: Client, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(complete, "LOOKUP_ROWS", size)
    dataset = f"in parts of {size}"
    feed(client, dataset, TRUTH, {"r": {"b": []}})
    assert len(closing_events(client, dataset, "r")) == min(size, 3)
    assert close(client, dataset, "r") == ["a", "c", "nothing there"]


def test_a_prediction_that_comes_late_holds_whatever_its_version(client: Client) -> None:
    feed(client, "late", TRUTH, {})
    assert close(client, "late", "r") == list(TRUTH)
    assert counts(figures(client, "late")) == (4, 0, 0, 4, 0)
    say(client, "late", found("a", BOX, version=0, event_id=" !"), found("b", BOX))
    added = BOX | {"id": "x"}
    say(client, "late", {"data_row": "c", "operation": "upsert", "predictions": [added], "version": 0})
    assert counts(figures(client, "late")) == (4, 3, 0, 1, 0)


def test_a_run_that_began_with_nothing_is_closed_too(client: Client) -> None:
    feed(client, "silent", TRUTH, {})
    assert rows_without_predictions(client, "silent", "r") == 4
    close(client, "silent", "r")
    assert counts(figures(client, "silent")) == (4, 0, 0, 4, 0)


def test_rows_that_are_annotated_later_are_told_until_it_is_closed_again(client: Client) -> None:
    feed(client, "later", {"a": [BOX]}, {"r": {}})
    close(client, "later", "r")
    say(client, "later", {"data_row": "b", "operation": "replace", "annotations": [BOX]}, run="")
    told = figures(client, "later")
    assert counts(told) == (1, 0, 0, 1, 1)
    assert "1 annotated data row has no prediction of this run and is not counted" in told.notes[0]
    assert close(client, "later", "r") == ["b"]
    assert counts(figures(client, "later")) == (2, 0, 0, 2, 0)


def test_deletions_cover_it_and_it_may_be_closed_anew(client: Client) -> None:
    feed(client, "deleted", TRUTH, {"r": {"a": [BOX]}})
    close(client, "deleted", "r")
    delete(client, Scope("deleted", data_row="b"), 5)
    assert counts(figures(client, "deleted")) == (3, 1, 0, 2, 0)
    delete(client, Scope("deleted", run="r"), 7)
    assert rows_without_predictions(client, "deleted", "r") == 3
    assert close(client, "deleted", "r") == ["a", "c", "nothing there"]  # above the tombstone
    assert counts(figures(client, "deleted")) == (3, 0, 0, 3, 0)
    say(client, "deleted", found("a", BOX, version=7))  # it is dead, and comes late
    assert counts(figures(client, "deleted")) == (3, 0, 0, 3, 0)
    say(client, "deleted", found("a", BOX, version=8))
    assert counts(figures(client, "deleted")) == (3, 1, 0, 2, 0)
    reconcile(client, tuple(POLICIES), dataset="deleted")
    assert counts(figures(client, "deleted")) == (3, 1, 0, 2, 0)


def test_where_no_version_is_left_it_says_so(client: Client) -> None:
    feed(client, "no version", {"a": [BOX]}, {})
    bury(client, Scope("no version", run="r"), LAST)
    with pytest.raises(OutOfVersionsError):
        closing_events(client, "no version", "r")


EXAMPLE = itertools.count()
EVENT = st.fixed_dictionaries(
    {
        "operation": st.sampled_from(["replace", "upsert", "delete"]),
        "version": st.sampled_from([0, 1, 2]),
        "event_id": st.sampled_from([" !", "a", "b", "c"]),
        "x": st.sampled_from([0, 20]),
        "id": st.sampled_from(["p", "q"]),
    }
)


def as_event(said: dict[str, Any]) -> dict[str, Any]:
    event = {"data_row": "a"} | {name: said[name] for name in ("operation", "version", "event_id")}
    if said["operation"] == "delete":
        return event | {"ids": [said["id"]]}
    return event | {"predictions": [BOX | {"id": said["id"], "bbox": [said["x"], 0, 10, 10]}]}


@hypothesis_settings(some_examples(0.4), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    events=st.lists(EVENT, min_size=1, max_size=5, unique_by=lambda e: (e["version"], e["event_id"])), data=st.data()
)
def test_at_whatever_moment_it_is_closed_nothing_of_what_is_said_changes(
    client: Client, events: list[dict[str, Any]], data: st.DataObject
) -> None:
    # The word that closes the run may be on its way while the producer's is: so it is made before, and comes anywhere.
    left_open, closed = (f"{kind} {next(EXAMPLE)}" for kind in ("open", "closed"))
    for dataset in (left_open, closed):
        say(client, dataset, {"data_row": "a", "operation": "replace", "annotations": [BOX]}, run="")
    (closing,) = closing_events(client, closed, "r").values()
    said = [as_event(event) for event in events]
    say(client, left_open, *said)
    at = data.draw(st.integers(0, len(said)))
    say(client, closed, *said[:at], json.loads(closing), *said[at:])
    assert figures(client, closed) == figures(client, left_open)
