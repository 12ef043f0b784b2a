"""The memory of events that were just written: what it holds, what it gives, and what it lets go."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
from evalstream.events import AnnotationEvent, PredictionEvent, Reader, Record, decode, events_table
from evalstream.storage.recent import EventKey, Recent

ROOMY = 10_000_000


def written(*named: tuple[str, str, int], objects: int = 1) -> pa.Table:
    """Give events of (data row, run, version); of annotations where the run is empty."""
    received = []
    for data_row, run, version in named:
        event: dict[str, Any] = {"dataset": "d", "data_row": data_row, "operation": "replace", "event_id": "e"}
        boxes = [{"type": "bbox", "feature": "car", "bbox": [i, version, 2, 2]} for i in range(objects)]
        event |= {"run": run, "predictions": boxes} if run else {"annotations": boxes}
        record = Record(json.dumps(event).encode(), 1, version)
        own, rejected = decode([record], Reader(PredictionEvent if run else AnnotationEvent))
        assert not rejected
        received += own
    return events_table(received)


def keys(*named: tuple[str, str, int]) -> list[EventKey]:
    return [EventKey(*one, "e") for one in named]


def said(events: pa.Table) -> list[tuple[str, str, int]]:
    columns = (events[name].to_pylist() for name in ("data_row", "run", "version"))
    return list(zip(*columns, strict=True))


A, B = ("a", "", 1), ("b", "", 1)
A_R, B_R = ("a", "r", 1), ("b", "r", 1)


def test_predictions_are_given_once_and_annotations_again() -> None:
    recent = Recent(ROOMY)
    recent.keep(written(A, B))
    recent.keep(written(B_R, A_R))
    events, missing = recent.give("d", keys(A, A_R, B, B_R))
    assert (said(events), missing) == ([A, B, B_R, A_R], set())
    assert recent.give("d", keys(A, A_R, B)) == (written(B), {"a"})


def test_events_of_one_data_row_and_run_lie_together_in_the_order_of_their_versions() -> None:
    recent = Recent(ROOMY)
    recent.keep(written(("a", "r", 3), B, ("a", "r", 1)))
    recent.keep(written(("a", "r", 2), ("b", "r", 1)))
    events, _ = recent.give("d", keys(("a", "r", 1), ("a", "r", 2), ("a", "r", 3), B, B_R))
    assert said(events) == [B, ("a", "r", 1), ("a", "r", 2), ("a", "r", 3), B_R]
    assert [own[0][1] for own in events["object_geometry"].to_pylist()] == [1, 1, 2, 3, 1]


def test_of_a_data_row_all_is_given_or_nothing() -> None:
    recent = Recent(ROOMY)
    recent.keep(written(A, A_R, B_R))
    events, missing = recent.give("d", keys(A, A_R, B, B_R))
    assert (said(events), missing) == ([A, A_R], {"b"})
    assert recent.give("another", keys(A))[1] == {"a"}


def test_the_oldest_go_where_there_is_no_room() -> None:
    size = written(A).nbytes
    recent = Recent(5 * size // 2)
    for one in (A, B, A_R):
        recent.keep(written(one))
    assert said(recent.give("d", keys(B))[0]) == [B]
    assert recent.give("d", keys(A, A_R))[1] == {"a"}
    recent.keep(written(B_R, objects=1000))  # more than there is room for, and so nothing is left
    assert recent.give("d", keys(B))[1] == {"b"}


def test_a_key_that_comes_again_is_for_the_table_to_tell() -> None:
    recent = Recent(ROOMY)
    recent.keep(written(A, B))
    recent.keep(written(A))
    assert recent.give("d", keys(A, B)) == (written(B), {"a"})


def test_lists_that_do_not_begin_where_their_values_do_are_not_held() -> None:
    recent = Recent(ROOMY)
    recent.keep(written(A, B).slice(1))
    assert recent.give("d", keys(B))[1] == {"b"}
