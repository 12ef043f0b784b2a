"""kill -9 at any moment: afterwards every row is that of a run that was never killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import evalstream
import httpx
import pytest
from evalstream.client import Client, files, steps
from evalstream.events import decode

from benchmarks.workload import coco_files
from tests.faults.service import PATIENCE, Service, environment, running
from tests.faults.workload import (
    DATA_ROWS,
    DATASET,
    ONTOLOGY,
    RUNS,
    Part,
    clean_results,
    differences,
    event_key,
    event_keys,
    make_parts,
    opened,
    results,
)
from tests.prefork import COMMAND

pytestmark = pytest.mark.faults

KILLS = 8 if os.environ.get("FAULTS") == "full" else 3


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
        assert (answer.json()["accepted"], answer.json()["errors"]) == (len(part.lines), [])
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
            if moment == moments[KILLS // 2]:
                _declare(service)  # acknowledged, and killed before every row is matched anew
            assert service.end(signal.SIGKILL) == -signal.SIGKILL
            service.start()
        done.result()
        service.end(signal.SIGKILL)  # and once with everything acknowledged and not everything matched
        service.start()
        with httpx.Client(base_url=service.url) as http:
            for run in RUNS:
                _wait_until_matched(service, http, run)
        assert service.end(signal.SIGTERM) == 0
    assert stream.repeated > 0, "no upload was hit by a kill: the test tests nothing"

    with opened(service.engine) as client:
        kept, found = event_keys(client), results(client)
    expected = clean_results(tmp_path / "clean", parts, ONTOLOGY)

    sent = {event_key(item) for part in parts for item in decode(part.records, part.reader).received}
    assert set(kept) == sent, "an acknowledged event is lost, or there is one that nobody sent"
    assert len(kept) == len(sent), "an event is there twice"
    assert len(expected) == DATA_ROWS * len(RUNS)
    assert not differences(found, expected)


def test_kills_while_a_file_is_uploaded_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images, failed, kills = 60, list[int](), list[Future[None]]()
    truth, found = coco_files(images, 20)
    monkeypatch.setattr(files, "PART_OBJECTS", 60)  # so that there are many parts
    monkeypatch.setattr(steps, "ATTEMPTS", 100)  # to start takes longer on a busy machine
    send = Client._send

    def counted(client: Client, request: steps.Request) -> httpx.Response:
        try:
            return send(client, request)
        except httpx.TransportError:
            failed.append(1)
            raise

    monkeypatch.setattr(Client, "_send", counted)
    with running(tmp_path) as service, Client(service.url) as client, ThreadPoolExecutor(1) as pool:

        def kill() -> None:
            assert service.end(signal.SIGKILL) == -signal.SIGKILL
            service.start()

        def on_progress(what: str, done: int, _total: int | None) -> None:
            if what == "uploading r" and done > 10 * len(kills) and len(kills) < KILLS:
                kills.append(pool.submit(kill))  # while the next parts are sent

        uploaded = client.upload("d", truth, predictions=found, run="r", wait=False, on_progress=on_progress)
        for one in kills:
            one.result()
        assert failed, "no request was hit by a kill: the test tests nothing"
        assert uploaded.accepted == 2 * images
        said = client.at_least(uploaded.position, seconds=30).summary("d", "r", policy="coco", confidence=0.25)
        expected = evalstream.evaluate(truth, found).summary(policy="coco", confidence=0.25)
        assert (said.rows, said.tp, said.fp, said.fn) == (images, expected.tp, expected.fp, expected.fn)
        assert client.position("d", "r").events == 2 * images


def test_a_second_service_on_one_folder_is_refused_and_the_first_ends_cleanly(tmp_path: Path) -> None:
    with running(tmp_path, command=[sys.executable, COMMAND]) as service:  # from the beginning: not forked
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
        assert service.end(signal.SIGTERM) == 0
        assert "Traceback" not in service.log


def test_interrupted_it_ends_cleanly(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        assert service.end(signal.SIGINT) == 0
        assert "Traceback" not in service.log


def _declare(service: Service) -> None:
    route = f"{service.url}/v1/datasets/{DATASET}/ontology"
    answer = httpx.put(route, params={"version": 1}, content=ONTOLOGY.model_dump_json(), timeout=PATIENCE)
    assert answer.json()["in_force"], answer.text


def _wait_until_matched(service: Service, http: httpx.Client, run: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        progress = http.get(f"/v1/datasets/{DATASET}/runs/{run}/progress").json()
        if not progress["pending"]:
            counts = {"rows": DATA_ROWS, "done": DATA_ROWS, "pending": 0, "failed": 0, "without_predictions": 0}
            assert progress == counts | {"state": "complete"}
            return
        time.sleep(0.05)
    raise AssertionError(f"still pending: {progress}\n{service.log}")
