"""Boxes go to a service in columns, a few requests at a time, and what was lost on the way goes again."""

from __future__ import annotations

import asyncio
import io
import json
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest
from evalstream.client import AsyncClient, Client, NoServiceError
from evalstream.client import files as client_files
from evalstream.client.columns import MEDIA_TYPE, stream
from evalstream.client.files import How, annotation_lines, prediction_lines
from evalstream.client.steps import ATTEMPTS
from evalstream.events import EVENTS, event_lines
from evalstream.events.checking import plain_events
from evalstream.importers.files import Options

from benchmarks.workload import as_masks, coco_files
from tests.unit.events.test_checking import event

IMAGES = 12


class Service:
    """Takes columns; of each request the first attempts get no answer, though what they say has arrived."""

    def __init__(self, *, lost: int = 0) -> None:
        self.bodies: Counter[bytes] = Counter()
        self.lock = threading.Lock()
        self._lost = lost

    def answer(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["Content-Type"] == MEDIA_TYPE
        body = request.read()
        with self.lock:
            self.bodies[body] += 1
            if self.bodies[body] <= self._lost:
                raise httpx.ReadError("the connection is gone")
        count = read(body).num_rows
        errors = [{"line": count, "data_row": "x", "reason": "it is wrong"}]
        return httpx.Response(200, json={"accepted": count - 1, "rejected": 1, "errors": errors})

    def client(self) -> Client:
        return Client("http://service", transport=httpx.MockTransport(self.answer))


def read(body: bytes) -> pa.Table:
    return pa.ipc.open_stream(io.BytesIO(body)).read_all()


def tables(count: int = 5) -> list[pa.Table]:
    return [pa.Table.from_pylist([event({}, data_row=f"{i}/{k}") for k in range(2)], EVENTS) for i in range(count)]


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    async def none(_: float) -> None:
        return None

    monkeypatch.setattr(time, "sleep", lambda _: None)
    monkeypatch.setattr("tenacity.asyncio._portable_async_sleep", none)


@pytest.mark.parametrize("lost", [0, 2])
def test_what_gets_no_answer_is_sent_again_as_it_was(lost: int) -> None:
    service, told = Service(lost=lost), list[int]()
    with service.client() as client:
        sent = client.send_columns("d", None, tables(), on_part=lambda count, _size: told.append(count))
    assert (sent.accepted, sent.rejected) == (5, 5)
    assert [item.line for item in sent.errors] == [2, 4, 6, 8, 10]
    assert told == [2] * 5
    assert set(service.bodies.values()) == {lost + 1}
    assert {name for body in service.bodies for name in read(body)["data_row"].to_pylist()} == {
        f"{i}/{k}" for i in range(5) for k in range(2)
    }


def test_a_slow_answer_holds_up_no_other_request() -> None:
    service, enough = Service(), threading.Event()

    def answer(request: httpx.Request) -> httpx.Response:
        first = read(request.read())["data_row"][0].as_py() == "0/0"
        response = service.answer(request)
        if len(service.bodies) == 5:
            enough.set()
        assert not first or enough.wait(60), "the others wait for the first one"
        return response

    with Client("http://service", transport=httpx.MockTransport(answer)) as client:
        sent = client.send_columns("d", None, tables())
    assert sent.accepted == 5
    assert [item.line for item in sent.errors] == [2, 4, 6, 8, 10]


def test_it_may_be_awaited() -> None:
    service = Service(lost=1)

    async def sent() -> int:
        async with AsyncClient("http://service", transport=httpx.MockTransport(service.answer)) as client:
            return (await client.send_columns("d", "r", tables())).accepted

    assert asyncio.run(sent()) == 5


def test_a_service_that_stays_away_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    service = Service(lost=ATTEMPTS)
    with service.client() as client, pytest.raises(NoServiceError):
        client.send_columns("d", None, tables(1))

    async def awaited() -> None:
        own = Service(lost=ATTEMPTS)
        async with AsyncClient("http://service", transport=httpx.MockTransport(own.answer)) as client:
            await client.send_columns("d", None, tables(2))

    with pytest.raises(NoServiceError):
        asyncio.run(awaited())


def test_a_large_table_is_written_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evalstream.client.columns._BATCH_BYTES", 2_000)
    (table,) = tables(1)
    many = pa.concat_tables([table] * 20)
    reader = pa.ipc.open_stream(io.BytesIO(stream(many)))
    batches = list(reader)
    assert len(batches) > 3
    assert pa.Table.from_batches(batches).equals(many)


def _coco(folder: Path, kind: str = "bbox") -> tuple[Path, Path]:
    truth, found = coco_files(IMAGES, 5)
    if kind == "segm":
        truth, found = as_masks(truth, found)
    paths = folder / "gt.json", folder / "dt.json"
    for path, content in zip(paths, (truth, found), strict=True):
        path.write_text(json.dumps(content))
    return paths


def _voc(folder: Path) -> Path:
    for name in "abc":
        objects = "".join(
            f"<object><name>car</name><bndbox><xmin>{i}</xmin><ymin>0</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object>"
            for i in range(3)
        )
        size = "<size><width>20</width><height>20</height></size>"
        (folder / f"{name}.xml").write_text(f"<annotation><filename>{name}.jpg</filename>{size}{objects}</annotation>")
    return folder


@pytest.mark.parametrize("most", [1, 7, 10_000])
def test_columns_say_what_lines_say(tmp_path: Path, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_files, "PART_OBJECTS", most)
    truth_file, found_file = _coco(tmp_path)
    how = How(Options(split="val", metadata=(("camera", "front"),)))
    of_truth, truth = annotation_lines(truth_file, "d", how)
    for said in (
        of_truth,
        prediction_lines(found_file, truth_file, truth, "d", "r", how),
        annotation_lines(_voc(_made(tmp_path / "voc")), "d", how)[0],
    ):
        assert said.columns is not None
        parts = list(said.columns())
        assert (len(parts) > 1) == (most < 10_000)
        whole = pa.concat_tables(parts)
        assert whole.schema == EVENTS
        assert len(set(whole["event_id"].to_pylist())) == said.total == whole.num_rows
        assert list(map(json.loads, event_lines(whole))) == [_filled(line) for line in map(json.loads, said.lines)]


def _filled(line: dict[str, Any]) -> dict[str, Any]:
    """What a line leaves out since it is usual."""
    for i, item in enumerate(line.get("annotations", [])):
        item["id"] = item.get("id", f"#{i}")
        item["bbox"] = [float(value) for value in item["bbox"]]
        item["area"] = item.get("area", item["bbox"][2] * item["bbox"][3])
    return line


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_masks_go_in_columns_and_need_no_second_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    truth_file, found_file = _coco(tmp_path, "segm")
    how = How(Options(type="segm"))
    monkeypatch.setattr(client_files, "PART_BYTES", 1_000)
    of_truth, truth = annotation_lines(truth_file, "d", how)
    for said, known in (
        (of_truth, {"dataset": "d"}),
        (prediction_lines(found_file, truth_file, truth, "d", "r", how), {"dataset": "d", "run": "r"}),
    ):
        assert said.columns is not None
        parts = list(said.columns())
        assert len(parts) > 1
        assert all(plain_events(batch, known).all() for part in parts for batch in part.to_batches())
        assert list(map(json.loads, event_lines(pa.concat_tables(parts)))) == list(map(json.loads, said.lines))


def test_skeletons_go_as_lines(tmp_path: Path) -> None:
    truth_file, _ = _coco(tmp_path)
    document = json.loads(truth_file.read_bytes())
    for item in document["annotations"]:
        item |= {"keypoints": [1, 1, 2], "num_keypoints": 1}
    truth_file.write_text(json.dumps(document))
    said, _ = annotation_lines(truth_file, "d", How(Options(type="keypoints")))
    assert said.columns is None
