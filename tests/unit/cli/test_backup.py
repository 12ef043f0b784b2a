"""A backup while the service works, restored elsewhere: every question has the same answer."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zipfile import ZipFile

import httpx
import pytest
import uvicorn
from evalstream.matching import POLICIES
from evalstream.pipeline.delete import delete
from evalstream.pipeline.reconcile import reconcile
from evalstream.storage.backup import TABLES
from evalstream.storage.deletions import Scope
from evalstream_cli.main import app
from evalstream_devcluster.kafka_process import free_ports
from evalstream_embedded.app import make_app
from evalstream_embedded.settings import LocalSettings
from evalstream_service.backend import backend_in
from fastapi import FastAPI
from pydantic import SecretStr
from typer.testing import CliRunner, Result

from tests.feeding import send
from tests.pipeline.awkward import AWKWARD
from tests.pipeline.test_every_question import QUESTIONS, needed

KEY = "both"
DATASETS = ("every type", "odd names", "metrics and metadata at their limits", "some rows failed")


@contextmanager
def serving(data: Path) -> Iterator[tuple[FastAPI, httpx.Client]]:
    (port,) = free_ports(1)
    keys = SecretStr(f"{KEY}=read+write+admin,reader=read,writer=write")
    settings = LocalSettings(_env_file=None, port=port, data=data, api_keys=keys)
    embedded = make_app(settings)
    server = uvicorn.Server(uvicorn.Config(embedded, host=settings.host, port=port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    url, headers = f"http://{settings.host}:{port}", {"Authorization": f"Bearer {KEY}"}
    with httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=60) as http:
        yield embedded, http
    server.should_exit = True
    thread.join()


def fill(embedded: FastAPI, http: httpx.Client) -> None:
    client = backend_in(embedded).clients()
    for name, data in AWKWARD.items():
        if name in DATASETS:
            runs = {data.run: data.predictions, "second": data.predictions, "deleted": data.predictions}
            send(client, data.name or name, data.annotations, runs, rows=data.rows, metrics=data.metrics)
    reconcile(client, list(POLICIES))
    delete(client, Scope("every type", run="deleted"), 1)
    http.put("/v1/datasets/every type/ontology", json={"classes": [{"name": "bbox", "parent": "x"}]}).raise_for_status()
    http.post("/v1/datasets/every type/annotations", content=b"\xff\x00{").raise_for_status()
    reconcile(client, list(POLICIES))


def answers(http: httpx.Client) -> dict[str, Any]:
    """Every answer about one of the datasets; those about the others follow from the same rows of the same tables."""
    found: dict[str, Any] = {"/v1/dead-letters": http.get("/v1/dead-letters").json()}
    for path in QUESTIONS:
        url = path.format(dataset=quote(DATASETS[0]), run=quote(AWKWARD[DATASETS[0]].run, safe=""))
        answer = http.get(url, params=needed(path))
        found[url] = answer.status_code, answer.json()
    return found


def stored(embedded: FastAPI) -> dict[str, list[str]]:
    """The rows of every table that a backup holds, of all datasets but the busy one, as text."""
    client = backend_in(embedded).clients()
    rows = {}
    for table in TABLES:
        own = "" if table == "dead_letters" else "WHERE dataset != 'zzz'"
        text = client.raw_query(f"SELECT * FROM {table} FINAL {own}", fmt="TabSeparated")
        rows[table] = sorted(text.decode(errors="replace").splitlines())
    return rows


def invoke(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def test_every_answer_is_the_same_after_a_backup_and_a_restore(tmp_path: Path) -> None:
    file, restored = tmp_path / "it's a backup.zip", tmp_path / "restored"
    line = json.dumps({"data_row": "r", "operation": "replace", "version": 1}).encode()
    with serving(tmp_path / "data") as (embedded, http):
        fill(embedded, http)
        before, kept = answers(http), stored(embedded)
        assert all(kept[table] for table in TABLES if table not in ("run_steps", "retentions"))
        words = ("backup", str(file), "--url", str(http.base_url), "--api-key")
        for key in ("reader", "writer"):
            assert "does not have the scope" in invoke(*words, key).output
        stop = threading.Event()

        def upload_on_and_on() -> None:
            while not stop.is_set():
                http.post("/v1/datasets/zzz/runs/busy/predictions", content=line).raise_for_status()

        busy = threading.Thread(target=upload_on_and_on)
        busy.start()
        try:
            said = invoke(*words, KEY)
        finally:
            stop.set()
            busy.join()
        assert said.exit_code == 0, said.output
        assert "already" in invoke(*words, KEY).output
        assert not list((tmp_path / "data" / "backups-under-way").iterdir())
        late = json.dumps({"data_row": "1", "operation": "replace", "version": 1, "event_id": "late"}).encode()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", file.name]

    done = invoke("restore", str(file), "--data", str(restored))
    assert done.exit_code == 0, done.output
    assert "already" in invoke("restore", str(file), "--data", str(restored)).output
    (restored / "backups-under-way" / "cut off").mkdir(parents=True)
    (restored / "backup-of-mine.zip").touch()
    with serving(restored) as (embedded, http):
        assert sorted(path.name for path in restored.iterdir()) == ["backup-of-mine.zip", "engine"]
        http.post("/v1/reconcile", json={}).raise_for_status()
        after = answers(http)
        assert stored(embedded) == kept
        gone = [after.pop("/v1/datasets"), before.pop("/v1/datasets")] if "/v1/datasets" in after else []
        assert after == before
        listed = [[own for own in found[1]["datasets"] if own["dataset"] != "zzz"] for found in gone]
        assert listed[0] == listed[1]
        # What was deleted is known to be.
        http.post("/v1/datasets/every type/runs/deleted/predictions", content=late).raise_for_status()
        assert http.get("/v1/datasets/every type/runs/deleted/summary").status_code == 404


@pytest.mark.parametrize("what", ["no archive", "cut off", "of a newer one", "with rows missing"])
def test_what_is_no_whole_backup_leaves_nothing(tmp_path: Path, what: str) -> None:
    file = tmp_path / "backup.zip"
    manifest = {
        "format": 1,
        "evalstream": "9",
        "created_at": "2026-01-01T00:00:00Z",
        "migrations": [999] if what == "of a newer one" else [],
        "rows": dict.fromkeys(TABLES, 0) if what == "cut off" else {"deletions": 2},
    }
    with ZipFile(file, "w") as archive:
        archive.writestr("manifest.json", json.dumps(manifest))
        archive.writestr("deletions.rows.zst", b"")
    if what == "no archive":
        file.write_bytes(b"PK")
    refused = invoke("restore", str(file), "--data", str(tmp_path / "data"))
    assert refused.exit_code == 2, refused.output
    assert "backup" in refused.output
    assert not (tmp_path / "data" / "engine").exists()
