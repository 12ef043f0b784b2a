"""What the engine refuses: which status, and what whoever asked is told to do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from evalstream.queries import counted
from fastapi.testclient import TestClient

from tests.unit.http.embedded import base, box, client, replace, send, wait_until_matched

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
    engine = client.app.state.clients()
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
