"""What the engine refuses: which status, and what whoever asked is told to do."""

from __future__ import annotations

import resource
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest
from evalstream import room
from evalstream.stored import columns, counted
from evalstream_embedded.app import make_app
from evalstream_embedded.settings import LocalSettings
from evalstream_service.backend import backend_in
from evalstream_service.load import RETRY_SECONDS
from fastapi.testclient import TestClient

from tests.unit.api.embedded import base, box, client, replace, send, wait_until_matched

__all__ = ["client"]

#: A statement of which every row is held until the last one is there.
LARGE = "SELECT groupArray(number) FROM numbers(100000000) SETTINGS max_memory_usage = 10000000"


@pytest.fixture(scope="module")
def asked(client: TestClient) -> TestClient:
    send(client, "d", "m", replace("r", box("car"), predicted=True))
    wait_until_matched(client, "d", "m")
    return client


def test_what_needs_too_much_memory_is_told_not_to_come_back(
    asked: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(counted, "_bounded", lambda _sql, _settings: LARGE)
        answer = asked.get(f"{base('d', 'm')}/errors")
    assert answer.status_code == 422, answer.text
    assert "narrow it with a split or a metadata filter" in answer.json()["detail"]
    assert asked.get(f"{base('d', 'm')}/errors").status_code == 200


@pytest.fixture
def _full(client: TestClient) -> Iterator[None]:
    """A disk without room for events and dead letters, as the engine sees it."""
    engine = backend_in(client.app).clients()
    for table in ("events", "dead_letters"):
        engine.command(f"ALTER TABLE {table} MODIFY SETTING min_free_disk_bytes_to_perform_insert = {2**60}")
    yield
    for table in ("events", "dead_letters"):
        engine.command(f"ALTER TABLE {table} RESET SETTING min_free_disk_bytes_to_perform_insert")


@pytest.mark.usefixtures("_full")
@pytest.mark.parametrize("line", [b'{"data_row": "r", "operation": "replace"}', b"no JSON"])
def test_a_full_disk_is_told_and_nothing_is_acknowledged(client: TestClient, line: bytes) -> None:
    answer = client.post(f"{base('full')}/annotations", content=line)
    assert answer.status_code == 507, answer.text
    assert answer.json() == {
        "detail": "the disk is full, and what was sent last is not stored; make room, then send it again"
    }
    assert client.get("/health").status_code == 200


@contextmanager
def files_at_most(size: int) -> Iterator[None]:
    """What the system says where a disk, or one's share of it, is full: no file can be written beyond a size."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("where", ["a table", "the archive"])
def test_a_backup_for_which_there_is_no_room_is_told_and_leaves_nothing(client: TestClient, where: str) -> None:
    for dataset in ("one", "two"):  # what cannot be compressed
        line = secrets.token_bytes(200_000).replace(b"\n", b"")
        assert client.post(f"{base(dataset)}/annotations", content=line).json()["rejected"] == 1
        names = [{"name": secrets.token_hex(32)} for _ in range(2_000)]
        assert client.put(f"{base(dataset)}/ontology", json={"classes": names}).status_code == 200
    whole = client.get("/v1/backup").content
    files = ZipFile(BytesIO(whole)).infolist()
    largest = max(one.file_size for one in files)
    assert largest < len(whole) * 0.9
    [[engine]] = backend_in(client.app).clients().query("SELECT path FROM system.disks").result_rows
    under_way = Path(engine).resolve().parent / "backups-under-way"
    assert under_way.is_dir()
    with files_at_most(largest // 2 if where == "a table" else (largest + len(whole)) // 2):
        answer = client.get("/v1/backup")
    assert answer.status_code == 507, answer.text
    assert "the disk is full" in answer.json()["detail"]
    assert list(under_way.iterdir()) == []
    assert len(ZipFile(BytesIO(client.get("/v1/backup").content)).infolist()) == len(files)
    assert list(under_way.iterdir()) == []


def test_what_the_system_cannot_write_is_told_and_not_acknowledged(client: TestClient) -> None:
    line = secrets.token_bytes(300_000).replace(b"\n", b"")
    before = client.get("/v1/dead-letters").json()
    with files_at_most(100_000):
        assert client.post(f"{base('full')}/annotations", content=line).status_code == 507
    assert client.get("/v1/dead-letters").json() == before
    assert client.post(f"{base('full')}/annotations", content=line).json()["rejected"] == 1


@pytest.mark.parametrize("question", ["errors", "average-precision", "intervals"])
def test_a_question_for_which_others_leave_no_room_is_to_come_back(
    asked: TestClient, monkeypatch: pytest.MonkeyPatch, question: str
) -> None:
    with monkeypatch.context() as patch, room.given_back():
        patch.setattr(room, "WAIT_SECONDS", 0.01)
        room.take(room.most())
        answer = asked.get(f"{base('d', 'm')}/{question}")
    assert answer.status_code == 503, answer.text
    assert answer.headers["Retry-After"] == str(RETRY_SECONDS)
    assert "other questions have the memory that this one needs" in answer.json()["detail"]
    assert asked.get(f"{base('d', 'm')}/{question}").status_code == 200


def test_a_question_that_would_take_more_room_than_there_is_names_what_to_do(
    asked: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(columns, "_LITTLE", 0)
        patch.setattr(room, "_most", 100)
        answer = asked.get(f"{base('d', 'm')}/average-precision?iou=0.25")
    assert answer.status_code == 422, answer.text
    detail = answer.json()["detail"]
    assert detail.startswith("0 annotations and 1 predictions are selected: to look at each would take about ")
    assert "narrow it with a split or a metadata filter, or raise EVALSTREAM_QUESTIONS_MEMORY" in detail


@pytest.mark.parametrize("question", ["entities", "roc-curve", "calibration"])
def test_an_answer_of_the_engine_that_is_too_large_for_memory_is_refused(
    asked: TestClient, monkeypatch: pytest.MonkeyPatch, question: str
) -> None:
    path = f"{base('d', 'm')}/{question}"
    with monkeypatch.context() as patch:
        patch.setattr(room, "_most", 8)
        patch.setattr(counted, "LEAST_ANSWER", 1)
        answer = asked.get(path, params={"confidence": 0.75})
    assert answer.status_code == 422, answer.text
    assert "the answer is larger than it may be; narrow the question" in answer.json()["detail"]
    assert asked.get(path, params={"confidence": 0.75}).status_code == 200


def test_the_room_of_questions_is_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_most", room.most())  # as it was, afterwards
    monkeypatch.setenv("EVALSTREAM_QUESTIONS_MEMORY", "3000000000")
    make_app(LocalSettings(_env_file=None, data=tmp_path))
    assert room.most() == 3_000_000_000
