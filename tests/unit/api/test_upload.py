"""Uploads: what is accepted, what is rejected and why, and that neither holds up the other."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from evalstream_service.backend import backend_in
from fastapi.testclient import TestClient

from tests.unit.api.embedded import base, box, client, replace, send, wait_until_matched

__all__ = ["client"]


def _dead_letters(client: TestClient, dataset: str) -> list[tuple[int, str, str, bytes]]:
    """Position, data row, reason and the very bytes; these come as hexadecimal digits, for they need not be text."""
    rows = (
        backend_in(client.app)
        .clients()
        .query(
            "SELECT position, data_row, reason, hex(payload) FROM dead_letters"
            " WHERE source = {source:String} ORDER BY position",
            parameters={"source": f"{base(dataset)}/annotations"},
        )
        .result_rows
    )
    return [(position, data_row, reason, bytes.fromhex(payload)) for position, data_row, reason, payload in rows]


def test_bad_lines_are_counted_explained_and_kept_whole(client: TestClient) -> None:
    bad = {
        2: b"no JSON",
        4: b'{"data_row": "b", "operation": "replace", "colour": 1}',
        5: b"\xff\xfe\x00\x01",
        7: b'{"data_row": "\\ud800", "operation": "replace"}',
        8: '{"data_row": "雨\U0001f327", "operation": "replace", "row": {"width": -1}}'.encode(),
    }
    good = {1: replace("a"), 6: replace("c"), 9: replace("d")}
    lines = bad | good
    answer = send(client, "mixed", "", *(lines.get(number, b"") for number in range(1, 10)))
    assert (answer["accepted"], answer["rejected"]) == (3, 5)
    told = {error["line"]: (error["data_row"], error["reason"]) for error in answer["errors"]}
    assert told.keys() == bad.keys()
    assert told[2][1].startswith("not JSON")
    assert told[4] == ("b", "colour: Extra inputs are not permitted (got 1)")
    assert told[5][1].startswith("not JSON")
    assert told[7] == ("?", "not JSON: unexpected end of hex escape at line 1 column 21")
    assert told[8] == ("雨\U0001f327", "row.width: Input should be greater than 0 (got -1)")
    assert _dead_letters(client, "mixed") == [(line, *told[line], payload) for line, payload in bad.items()]


def test_a_line_may_not_contradict_the_route(client: TestClient) -> None:
    answer = send(client, "here", "", replace("a", dataset="there"), replace("a", dataset="here"))
    assert answer["accepted"] == 1
    assert answer["errors"] == [
        {"line": 1, "data_row": "a", "reason": "dataset: the record says 'there', it was sent to 'here'"}
    ]


def test_an_upload_of_nothing_is_nothing(client: TestClient) -> None:
    for lines in ([], [b"", b" \r", b""]):
        answer = send(client, "nothing", "", *lines)
        assert (answer["accepted"], answer["rejected"], answer["errors"]) == (0, 0, [])


def test_lines_come_in_any_chunks_with_any_line_ends(client: TestClient) -> None:
    def chunks() -> Iterator[bytes]:
        yield b'{"data_row": "\xe9'
        yield b'\x9b\xa8", "operation": "rep'
        yield b'lace"}\r'
        yield b'\n\r\n{"data_row": "2", "operation": "replace"}'

    answer = client.post(f"{base('chunks')}/annotations", content=chunks())
    assert (answer.json()["accepted"], answer.json()["rejected"]) == (2, 0)


def test_a_later_line_of_one_upload_is_the_later_event(client: TestClient) -> None:
    many = [replace("a", *[box("car", x=20 * i) for i in range(count)], predicted=True) for count in (1, 2, 3)]
    send(client, "order", "r", *many)
    wait_until_matched(client, "order", "r")
    assert client.get(f"{base('order', 'r')}/summary").json()["predictions"] == 3


@pytest.fixture
def _low_limit(client: TestClient) -> Iterator[None]:
    intake = backend_in(client.app).intake
    assert intake is not None
    usual, intake.max_upload_bytes = intake.max_upload_bytes, 1000
    yield
    intake.max_upload_bytes = usual


@pytest.mark.usefixtures("_low_limit")
def test_an_upload_that_is_too_large_is_refused(client: TestClient) -> None:
    fits, too_large = b" " * 1000, b" " * 1001
    assert client.post(f"{base('large')}/annotations", content=fits).status_code == 200
    refused = client.post(f"{base('large')}/annotations", content=too_large)
    assert refused.status_code == 413
    assert "1000 bytes" in refused.json()["detail"]
    in_chunks = client.post(f"{base('large')}/annotations", content=iter([b" " * 600] * 2))
    assert in_chunks.status_code == 413


def test_uploads_and_questions_at_once(client: TestClient) -> None:
    runs = [f"r{i}" for i in range(4)]
    send(client, "busy", "", *(replace(str(row), box("car")) for row in range(10)))
    for run in runs:
        send(client, "busy", run, replace("0", box("car"), predicted=True))

    def upload(run: str) -> None:
        for row in range(10):
            answer = send(client, "busy", run, replace(str(row), box("car"), predicted=True), b"bad")
            assert (answer["accepted"], answer["rejected"]) == (1, 1)

    def ask(run: str) -> None:
        for question in ("summary", "confusion-matrix", "rows", "average-precision", "progress") * 2:
            answer = client.get(f"{base('busy', run)}/{question}")
            assert answer.status_code == 200, answer.text

    with ThreadPoolExecutor(2 * len(runs)) as pool:
        for done in [pool.submit(work, run) for run in runs for work in (upload, ask)]:
            done.result()
    for run in runs:
        assert wait_until_matched(client, "busy", run)["rows"] == 10
        found = client.get(f"{base('busy', run)}/summary").json()
        assert (found["tp"], found["fp"], found["fn"]) == (10, 0, 0)


def test_what_is_compressed_is_refused_and_not_taken_for_lines(client: TestClient) -> None:
    line = json.dumps(replace("r", box("car"), predicted=True)).encode()
    route, packed = f"{base('d', 'm')}/predictions", gzip.compress(line)
    for coding in ("gzip", "zstd", "br"):
        answer = client.post(route, content=packed, headers={"Content-Encoding": coding})
        assert answer.status_code == 415
        assert coding in answer.json()["detail"]
    plain = client.post(route, content=line, headers={"Content-Encoding": "identity"})
    assert plain.json()["accepted"] == 1


def test_a_time_before_there_were_any_is_refused_and_no_fault_of_the_engine(client: TestClient) -> None:
    answer = client.get("/v1/dead-letters", params={"since": "0454-01-01T00:00:00Z"})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["query", "since"]
    assert client.get("/v1/dead-letters", params={"since": "9999-12-31T23:59:59Z"}).status_code == 200
