"""Uploads as Arrow streams: stored as lines are, bad records are told, and no stream is a fault of the service."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from evalstream.client.columns import MEDIA_TYPE, stream
from evalstream.events import EVENTS
from evalstream.events.checking import decode_columns
from evalstream.storage.events import load_events
from evalstream_api import arrow_stream
from evalstream_service.backend import backend_in
from fastapi import HTTPException
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.api.embedded import base, client, send, wait_until_matched
from tests.unit.events.test_checking import ANNOTATIONS, event

__all__ = ["client"]


def table(*rows: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), EVENTS)


def post(client: TestClient, dataset: str, run: str, body: Any, kind: str = MEDIA_TYPE) -> Any:
    route = f"{base(dataset, run)}/{'predictions' if run else 'annotations'}"
    return client.post(route, content=body, headers={"Content-Type": kind})


def rows_of(client: TestClient, dataset: str, name: str, without: str) -> list[Any]:
    statement = f"SELECT * EXCEPT ({without}) FROM {name} FINAL WHERE dataset = {{dataset:String}} ORDER BY ALL"
    return list(backend_in(client.app).clients().query(statement, parameters={"dataset": dataset}).result_rows)


def test_all_that_is_stored_is_what_lines_store(client: TestClient) -> None:
    box, mask = {"type": "bbox", "feature": "car"}, {"type": "mask", "feature": "lane"}
    lines = {
        "": [
            {"annotations": [box | {"bbox": [0, 0, 9, 9], "area": 50}, box | {"bbox": [20, 0, 5, 5], "crowd": True}]},
            {"annotations": [], "row": {"split": "test", "width": 64, "metadata": {"file_name": "b.jpg"}}},
            {"annotations": [{"type": "polygon", "feature": "a=b", "polygon": [[[0, 0], [4, 0], [4, 4]]]}]},
            {"annotations": [mask | {"mask": {"size": [2, 2], "counts": "13"}, "area": 2.5}]},
        ],
        "r": [
            {"predictions": [box | {"bbox": [1, 0, 9, 9], "confidence": 0.75}]},
            {"predictions": [box | {"bbox": [1, 0, 9, 9], "confidence": 0.5}]},
            {"predictions": [{"type": "polygon", "feature": "a=b", "polygon": [[[0, 0], [4, 0], [4, 3]]]}]},
            {"predictions": [mask | {"mask": {"size": [2, 2], "counts": [0, 4]}, "confidence": 0.5}]},
        ],
    }
    for run, events in lines.items():
        whole = [
            {"data_row": str(i), "operation": "replace", "version": 7, "event_id": str(i)} | own
            for i, own in enumerate(events)
        ]
        assert send(client, "lines", run, *whole)["accepted"] == 4
        stored = load_events(backend_in(client.app).clients(), "lines", list("0123"))
        stored = stored.filter(pc.equal(stored["run"], run))
        own = stored.set_column(0, EVENTS.field("dataset"), pa.array(["columns"] * 4))
        answer = post(client, "columns", run, stream(own)).json()
        assert (answer["accepted"], answer["rejected"], answer["errors"]) == (4, 0, [])
    for dataset in ("lines", "columns"):
        wait_until_matched(client, dataset, "r")
    for name in ("events", "results"):
        without = "dataset, received_at" if name == "events" else "dataset, matched_at"
        # As text, for the area of a polygon is NaN.
        assert str(rows_of(client, "columns", name, without)) == str(rows_of(client, "lines", name, without))
    for question in ("summary", "confusion-matrix", "average-precision", "classes", "errors", "rows"):
        answers = [client.get(f"{base(dataset, 'r')}/{question}").json() for dataset in ("lines", "columns")]
        assert str(answers[0]).replace("'lines'", "'columns'") == str(answers[1])


def test_what_is_sent_again_changes_nothing(client: TestClient) -> None:
    body = stream(table(event({}, dataset="twice"), event({}, dataset="twice", data_row="b", event_id="1")))
    for _ in range(2):
        assert post(client, "twice", "", body).json()["accepted"] == 2
    assert len(rows_of(client, "twice", "events", "received_at")) == 2


def test_bad_records_are_counted_explained_and_kept(client: TestClient) -> None:
    rows = [event({}, dataset="bad", data_row=str(i)) for i in range(6)]
    rows[1]["object_geometry"] = [[0, 0, -1, 1]]
    rows[4]["object_id"] = [None]
    body = io.BytesIO()
    with pa.ipc.new_stream(body, EVENTS) as writer:
        writer.write_table(table(*rows), max_chunksize=2)
    answer = post(client, "bad", "", body.getvalue(), f"{MEDIA_TYPE}; charset=binary").json()
    assert (answer["accepted"], answer["rejected"]) == (4, 2)
    assert [(item["line"], item["data_row"]) for item in answer["errors"]] == [(2, "1"), (5, "4")]
    assert "annotations.0.bbox.2" in answer["errors"][0]["reason"]
    letters = client.get("/v1/dead-letters", params={"source": f"{base('bad')}/annotations"}).json()["dead_letters"]
    assert sorted(letter["position"] for letter in letters) == [2, 5]
    again = client.post("/v1/dead-letters/replay", json={"ids": [letter["id"] for letter in letters]})
    assert again.json() == {"count": 2}
    letters = client.get("/v1/dead-letters", params={"source": f"{base('bad')}/annotations"}).json()["dead_letters"]
    assert len(letters) == 2


def _written(schema: pa.Schema = EVENTS, **options: Any) -> bytes:
    body = io.BytesIO()
    with pa.ipc.new_stream(body, schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        if schema == EVENTS:
            writer.write_table(table(event({})))
    return body.getvalue()


def _file() -> bytes:
    body = io.BytesIO()
    with pa.ipc.new_file(body, EVENTS) as writer:
        writer.write_table(table(event({})))
    return body.getvalue()


def _without(name: str) -> pa.Schema:
    return EVENTS.remove(EVENTS.get_field_index(name))


def _other(name: str, kind: pa.DataType) -> pa.Schema:
    return EVENTS.set(EVENTS.get_field_index(name), pa.field(name, kind))


GOOD = _written()
REFUSED = {
    "empty": (b"", 400, "not even a schema"),
    "lines": (b'{"data_row": "a", "operation": "replace"}\n', 400, "does not begin as one does"),
    "a file": (_file(), 400, "send the stream format"),
    "cut off": (GOOD[:-200], 400, "it ends within"),
    "more after it": (GOOD + b"\0", 400, "something comes after its end"),
    "no schema": (GOOD[int.from_bytes(GOOD[4:8], "little") + 8 :], 400, "does not begin with a schema"),
    "two schemas": (_written(_without("run"))[:-8] + GOOD, 422, "column 'run': is missing"),
    "a column too many": (_written(EVENTS.append(pa.field("colour", pa.string()))), 422, "column 'colour'"),
    "a column twice": (_written(EVENTS.append(EVENTS.field("run"))), 422, "column 'run': is there twice"),
    "another type": (_written(_other("version", pa.int64())), 422, "column 'version': must be of type uint64"),
    "dictionaries": (_written(_other("run", pa.dictionary(pa.int32(), pa.string()))), 422, "column 'run'"),
    "deep": (_written(_other("object_geometry", pa.list_(pa.list_(pa.list_(pa.float64()))))), 422, "object_geometry"),
    "compressed": (_written(compression="zstd"), 422, "write the stream uncompressed"),
    "much metadata": (b"\xff\xff\xff\xff" + (2**30).to_bytes(4, "little"), 400, "the limit is"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_such_stream_is_refused_with_the_reason(client: TestClient, what: str) -> None:
    body, status, reason = REFUSED[what]
    answer = post(client, "d", "", body)
    assert (answer.status_code, reason in answer.json()["detail"]) == (status, True), answer.text


def test_batches_are_bounded(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrow_stream, "BATCH_ROWS", 1)
    answer = post(client, "d", "", stream(table(event(), event(data_row="b"))))
    assert (answer.status_code, "at most 1 rows, and one has 2" in answer.json()["detail"]) == (413, True)
    monkeypatch.setattr(arrow_stream, "BATCH_BYTES", 100)
    assert post(client, "d", "", stream(table(event()))).status_code == 413


def test_a_stream_comes_in_any_chunks(client: TestClient) -> None:
    body = stream(table(event({}, dataset="chunks"), event({}, dataset="chunks", data_row="b")))

    def chunks() -> Iterator[bytes]:
        yield from (body[i : i + 7] for i in range(0, len(body), 7))

    assert post(client, "chunks", "", chunks()).json()["accepted"] == 2


def read(body: bytes) -> list[pa.RecordBatch]:
    async def chunks() -> AsyncIterator[bytes]:
        yield body

    async def all_of() -> list[pa.RecordBatch]:
        return [own async for own in arrow_stream.batches(chunks())]

    return asyncio.run(all_of())


WHOLE = stream(table(*(event({}, {"id": "y"}, data_row=str(i), metadata=[("a", "b")]) for i in range(3))))


@given(
    st.lists(
        st.tuples(
            st.integers(0, len(WHOLE) - 1),
            st.sampled_from([b"\0", b"\1", b"\x7f", b"\x80", b"\xff", b"\xff\xff\xff\xff", b"\0\0\0\0"]),
        ),
        max_size=4,
    ),
    st.integers(0, len(WHOLE)),
)
def test_a_mutilated_stream_is_read_or_refused(changes: list[tuple[int, bytes]], end: int) -> None:
    body = bytearray(WHOLE)
    for place, content in changes:
        body[place : place + len(content)] = content
    for own in (bytes(body), bytes(body[:end])):
        with suppress(HTTPException):  # any other error would be a fault of the service
            for one in read(own):
                decoded = decode_columns(one, ANNOTATIONS, 1)
                assert sum(part.num_rows for part in decoded.kept) + len(decoded.rejected) == one.num_rows
                for item in decoded.rejected:
                    json.loads(item.payload)
