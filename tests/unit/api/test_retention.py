"""Retention over REST and from the command line: who may set it, what it deletes by itself, and what is told of it."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from evalstream.client import Client
from evalstream_cli import retention
from evalstream_cli.main import app
from evalstream_embedded.app import make_app
from evalstream_embedded.settings import LocalSettings
from evalstream_service.backend import backend_in
from fastapi.testclient import TestClient
from pydantic import SecretStr
from typer.testing import CliRunner, Result

from tests.asking import asking
from tests.feeding import with_tables
from tests.unit.api.embedded import PATIENCE, base, box, replace, send, wait_until_matched

NOTHING_KEPT = 1e-7  # days: what is older than some milliseconds
ALL = {"days": None, "runs": None}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    keys = SecretStr("admin=read+write+admin,writer=read+write")
    with_tables(tmp_path / "engine")
    settings = LocalSettings(_env_file=None, data=tmp_path, api_keys=keys)
    with asking(make_app(settings)) as client:
        client.headers["Authorization"] = "Bearer admin"
        yield client


def fill(client: TestClient) -> None:
    for run in ("v1", "v2"):
        send(client, "street", run, *(replace(row, box("car"), predicted=True) for row in "abc"))
        wait_until_matched(client, "street", run)


def path(dataset: str = "street") -> str:
    return f"{base(dataset)}/retention"


def wait_for(client: TestClient, **wanted: Any) -> dict[str, Any]:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = client.get(path()).json()
        if wanted.items() <= found.items():
            return found
        time.sleep(0.05)
    raise AssertionError(f"{wanted} never came: {found}")


def audited(caplog: pytest.LogCaptureFixture, count: int) -> list[dict[str, Any]]:
    """What is in the audit log, once there are so many lines: each is written after what it tells of is done."""
    deadline = time.monotonic() + PATIENCE
    while len(found := [one.getMessage() for one in caplog.records if one.name == "evalstream.audit"]) < count:
        assert time.monotonic() < deadline, found
        time.sleep(0.01)
    return [json.loads(line) for line in found]


def test_what_is_over_is_deleted_by_itself_and_told(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    fill(client)
    asked = client.put(path(), json={"days": NOTHING_KEPT, "runs": 1}, params={"dry_run": True}).json()
    assert (asked["over_rows"], asked["over_runs"], asked["set_at"]) == (3, ["v1"], None)
    assert client.get(path()).json()["days"] is None
    with caplog.at_level(logging.INFO, "evalstream.audit"):
        said = client.put(path(), json={"runs": 1}).json()
        assert (said["days"], said["runs"], said["over_runs"]) == (None, 1, ["v1"])
        wait_for(client, removed_runs=1, removed_rows=0)
        audited(caplog, 2)
        assert client.get(f"{base('street', 'v1')}/summary").status_code == 404
        client.put(path(), json={"days": NOTHING_KEPT})
        found = wait_for(client, removed_runs=1, removed_rows=3)
        lines = audited(caplog, 4)
    assert found["older_than"] is not None
    assert [(line["action"], line["key"], line.get("rows"), line.get("runs")) for line in lines] == [
        ("retention.set", "environment-1", None, 1),
        ("retention.apply", None, 0, 1),
        ("retention.set", "environment-1", None, None),
        ("retention.apply", None, 3, 0),
    ]
    client.put(path(), json=ALL)
    send(client, "street", "v2", replace("d", box("car"), predicted=True))
    wait_until_matched(client, "street", "v2")
    summary = client.get(f"{base('street', 'v2')}/summary").json()
    assert summary["rows"] == 1
    assert any(
        note.startswith("3 data rows of the dataset removed by retention, older than") for note in summary["notes"]
    )


def test_it_is_applied_at_the_next_start(tmp_path: Path) -> None:
    settings = LocalSettings(_env_file=None, data=tmp_path)
    with asking(make_app(settings)) as client:
        fill(client)
        intake = backend_in(client.app).intake
        assert intake is not None
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(intake, "retention_due", asyncio.Event())  # of which the service does not hear
            assert client.put(path(), json={"runs": 1}).json()["removed_runs"] == 0
    with asking(make_app(settings)) as client:
        wait_for(client, removed_runs=1, runs=1)


def test_it_is_for_administrators_and_must_mean_something(client: TestClient) -> None:
    writer = {"Authorization": "Bearer writer"}
    assert client.put(path(), json={"days": 1}, headers=writer).status_code == 403
    assert client.get(path(), headers=writer).json()["removed_rows"] == 0
    for wrong in ({"days": 0}, {"days": -1}, {"days": 1e9}, {"runs": 0}, {"runs": 1.5}, {"days": "old"}):
        assert client.put(path(), json=wrong).status_code == 422, wrong


@pytest.fixture
def cli(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """The service, where the command line looks for one."""

    @contextmanager
    def service(_url: str, _api_key: str) -> Iterator[Client]:
        with Client("http://testserver", "admin", client._transport) as ours:
            yield ours

    monkeypatch.setattr(retention, "service", service)
    return client


def invoke(*words: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(app, ["retention", "street", *words], input=answer, terminal_width=200)


def plain(result: Result) -> str:
    return " ".join(result.output.split())


def test_the_command_says_what_goes_and_asks(cli: TestClient) -> None:
    fill(cli)
    assert "street keeps all data rows, and all runs" in plain(invoke())
    refused = invoke("--runs", "1", answer="n\n")
    assert refused.exit_code == 1
    assert "Delete of street now: 0 data rows, 1 run (v1)?" in plain(refused)
    assert cli.get(path()).json()["runs"] is None
    done = invoke("--runs", "1", "--days", "30", "--yes")
    assert done.exit_code == 0, done.output
    assert "street keeps data rows heard of in the last 30 days, and the run heard of last" in plain(done)
    wait_for(cli, removed_runs=1)
    assert "removed by retention: 0 data rows, 1 run" in plain(invoke())
    assert "goes with neither" in plain(invoke("--keep-all", "--days", "3"))
    assert json.loads(invoke("--keep-all", "--json").output)["days"] is None
