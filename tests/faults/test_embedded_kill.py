"""kill -9 at any moment: afterwards every row is that of a run that was never killed."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from clickhouse_connect.driver.client import Client
from evalstream.events import AnnotationEvent, PredictionEvent, Reader, Record, decode
from evalstream.pipeline.ingest import ingest
from evalstream.pipeline.reconcile import reconcile
from evalstream.storage.engine import open_embedded
from evalstream.storage.migrate import migrate
from evalstream_local.settings import LocalSettings

from tests.faults.service import COMMAND, PATIENCE, Service, environment, running

pytestmark = pytest.mark.faults

DATASET = "street"
RUNS = ("first", "second")
DATA_ROWS = 300
UPLOAD_LINES = 12
KILLS = 5

Key = tuple[str, str, str, int, str]
ResultRow = dict[str, Any]


class Part(NamedTuple):
    """One upload: events of one kind. ``run`` is empty for annotations."""

    run: str
    lines: list[bytes]

    @property
    def route(self) -> str:
        return f"/v1/datasets/{DATASET}" + (f"/runs/{self.run}/predictions" if self.run else "/annotations")

    @property
    def reader(self) -> Reader:
        known = {"dataset": DATASET}
        return Reader(PredictionEvent, known | {"run": self.run}) if self.run else Reader(AnnotationEvent, known)

    @property
    def records(self) -> list[Record]:
        return [Record(line, number, 0) for number, line in enumerate(self.lines, 1)]


def make_parts(seed: int) -> list[Part]:
    """A set for each row and side, then changes of all kinds, in small uploads that are not in order of version."""
    rng = random.Random(seed)
    events: dict[str, list[bytes]] = {"": [], **{run: [] for run in RUNS}}
    for number in range(DATA_ROWS):
        for run, lines in events.items():
            side = "predictions" if run else "annotations"
            ids = [f"o{i}" for i in range(rng.randint(1, 6))]
            history: list[dict[str, Any]] = [{"operation": "replace", side: [_object(rng, run, name) for name in ids]}]
            if rng.random() < 0.5:
                history.append({"operation": "upsert", side: [_object(rng, run, rng.choice([*ids, "new"]))]})
            if rng.random() < 0.3:
                history.append({"operation": "delete", "ids": [rng.choice(ids)]})
            if rng.random() < 0.1:
                history.append({"operation": "replace", side: [_object(rng, run, "only")]})
            if not run:
                history[-1]["row"] = {"split": rng.choice(["train", "test"]), "metadata": {"number": number}}
            for version, change in enumerate(history, 1):
                lines.append(json.dumps({"data_row": f"row-{number}", "version": version, **change}).encode())
    parts = []
    for run, lines in events.items():
        rng.shuffle(lines)
        parts += [Part(run, lines[i : i + UPLOAD_LINES]) for i in range(0, len(lines), UPLOAD_LINES)]
    rng.shuffle(parts)
    return parts


def _object(rng: random.Random, run: str, name: str) -> dict[str, Any]:
    corner = [rng.choice([0, 8, 16]) + rng.random(), rng.choice([0, 8, 16]) + rng.random()]
    box = {"id": name, "type": "bbox", "feature": rng.choice(["car", "bus"]), "bbox": [*corner, 20, 20]}
    return box | {"confidence": rng.choice([0.25, 0.5, rng.random()])} if run else box


class Stream:
    """Sends every part until it is acknowledged, and counts."""

    def __init__(self, url: str, parts: list[Part]) -> None:
        self._url = url
        self._parts = parts
        self._news = threading.Condition()
        self._acknowledged = 0
        self.repeated = 0

    def send(self) -> None:
        with httpx.Client(base_url=self._url, timeout=PATIENCE) as http:
            for part in self._parts:
                while not self._sent(http, part):
                    self.repeated += 1
                    time.sleep(0.05)
                with self._news:
                    self._acknowledged += 1
                    self._news.notify_all()

    def _sent(self, http: httpx.Client, part: Part) -> bool:
        try:
            answer = http.post(part.route, content=b"\n".join(part.lines))
        except httpx.TransportError:
            return False
        assert answer.status_code == 200, answer.text
        assert answer.json() == {"accepted": len(part.lines), "rejected": 0, "errors": []}
        return True

    def wait_for(self, count: int) -> None:
        with self._news:
            assert self._news.wait_for(lambda: self._acknowledged >= count, PATIENCE), "the stream has come to a halt"


def test_kill_at_any_moment_changes_nothing(tmp_path: Path) -> None:
    parts = make_parts(seed=1)
    rng = random.Random(2)
    moments = sorted(rng.sample(range(1, len(parts)), KILLS))
    with running(tmp_path / "killed") as service, ThreadPoolExecutor(1) as pool:
        stream = Stream(service.url, parts)
        done = pool.submit(stream.send)
        for moment in moments:
            stream.wait_for(moment)
            time.sleep(rng.random() * 0.05)  # into whatever is going on by then
            assert service.end(signal.SIGKILL) == -signal.SIGKILL
            service.start()
        done.result()
        service.end(signal.SIGKILL)  # and once with everything acknowledged and not everything matched
        service.start()
        for run in RUNS:
            _wait_until_matched(service, run)
        assert service.end(signal.SIGTERM) == 0
    assert stream.repeated > 0, "no upload was hit by a kill: the test tests nothing"

    with _opened(service.engine) as client:
        kept, found = _event_keys(client), _results(client)
    with _opened(tmp_path / "clean") as client:
        migrate(client)
        for part in parts:
            ingest(client, part.records, part.reader, "test")
        policies = LocalSettings(_env_file=None).policies
        reconcile(client, policies)
        expected = _results(client)

    sent = {_key(item) for part in parts for item in decode(part.records, part.reader).received}
    assert set(kept) == sent, "an acknowledged event is lost, or there is one that nobody sent"
    assert len(kept) == len(sent), "an event is there twice"
    assert len(expected) == DATA_ROWS * len(RUNS) * len(policies)
    assert found.keys() == expected.keys()
    different = {
        key: {name: (found[key][name], value) for name, value in row.items() if found[key][name] != value}
        for key, row in expected.items()
        if found[key] != row
    }
    assert not different


def test_second_service_on_one_folder_is_refused(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        second = subprocess.run(
            [COMMAND, "up", "--port", "0", "--data", service.folder / "data"],
            cwd=tmp_path,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert second.returncode == 2
        assert "another process has it open; name another folder with --data" in second.stderr
        assert "Traceback" not in second.stderr
        assert httpx.get(f"{service.url}/health").json() == {"status": "ok"}, "the first one must not suffer"


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_stop_it_ends_cleanly(tmp_path: Path, by: signal.Signals) -> None:
    with running(tmp_path) as service:
        assert service.end(by) == 0
        assert "Traceback" not in service.log


def _wait_until_matched(service: Service, run: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        progress = httpx.get(f"{service.url}/v1/datasets/{DATASET}/runs/{run}/progress").json()
        if not progress["pending"]:
            assert progress == {"rows": DATA_ROWS, "done": DATA_ROWS, "pending": 0, "failed": 0, "state": "complete"}
            return
        time.sleep(0.05)
    raise AssertionError(f"still pending: {progress}\n{service.log}")


@contextmanager
def _opened(folder: Path) -> Iterator[Client]:
    client = open_embedded(folder)
    try:
        yield client
    finally:
        client.close()


def _key(item: Any) -> Key:
    event = item.event
    return event.dataset, event.data_row, getattr(event, "run", ""), item.version, item.event_id


def _event_keys(client: Client) -> list[Key]:
    rows = client.query("SELECT dataset, data_row, run, version, event_id FROM events FINAL").result_rows
    return [tuple(row) for row in rows]


def _results(client: Client) -> dict[tuple[str, str, str, str], ResultRow]:
    rows = client.query_arrow("SELECT * FROM row_results FINAL").to_pylist()
    found = {(row["dataset"], row["run"], row["policy"], row["data_row"]): row for row in rows}
    assert len(found) == len(rows)
    return found
