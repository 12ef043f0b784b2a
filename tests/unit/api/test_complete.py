"""Closing a run over HTTP, and who may."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from evalstream_embedded.app import make_app
from evalstream_embedded.settings import LocalSettings
from fastapi.testclient import TestClient
from pydantic import SecretStr

from tests.asking import asking
from tests.unit.api.embedded import base, box, replace, send, wait_until_matched


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    keys = SecretStr("writer=read+write,reader=read")
    with asking(make_app(LocalSettings(_env_file=None, data=tmp_path, api_keys=keys))) as client:
        client.headers["Authorization"] = "Bearer writer"
        yield client


def test_a_closed_run_has_missed_what_it_said_nothing_of(client: TestClient) -> None:
    send(client, "street x", "", *(replace(row, box("car")) for row in "abc"))
    run = base("street x", "v 1")
    send(client, "street x", "v 1", replace("a", box("car"), predicted=True))
    assert wait_until_matched(client, "street x", "v 1")["without_predictions"] == 2
    open_run = client.get(f"{run}/summary").json()
    assert (open_run["recall"], open_run["rows_without_predictions"]) == (1, 2)
    assert any("close the run" in note for note in open_run["notes"])
    said = {"dataset": "street x", "run": "v 1", "annotated": 3}
    for closed in (2, 0):
        answer = client.put(f"{run}/complete")
        position = answer.json()["position"]
        assert (answer.status_code, answer.json()) == (200, said | {"closed": closed, "position": position})
        query = {"at_least": position, "at_least_seconds": 25}
        progress = client.get(f"{run}/progress", params=query).json()
        assert (progress["pending"], progress["without_predictions"]) == (0, 0)
        found = client.get(f"{run}/summary").json()
        assert (found["rows"], found["tp"], found["fn"]) == (3, 1, 2)
        assert found["notes"] == []
    send(client, "street x", "v 1", replace("b", box("car"), predicted=True))
    wait_until_matched(client, "street x", "v 1")
    assert client.get(f"{run}/summary").json()["tp"] == 2


def test_who_may_not_write_may_not_close_and_nothing_annotated_is_told(client: TestClient) -> None:
    run = base("nowhere", "v1")
    refused = client.put(f"{run}/complete", headers={"Authorization": "Bearer reader"})
    assert refused.status_code == 403
    missing = client.put(f"{run}/complete")
    assert missing.status_code == 404
    assert "'nowhere' has no annotated data row yet" in missing.json()["detail"]
    send(client, "nowhere", "v1", replace("a", box("car"), predicted=True))
    assert client.put(f"{run}/complete").status_code == 404
