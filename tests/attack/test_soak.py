"""Edits and deletions without end, and the service killed in the middle, again and again.

Memory stays where it was, and in the end every result is that of a process to which nothing happened.
"""

from __future__ import annotations

import json
import random
import signal
import time
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx
import pytest
from evalstream.events import Record
from evalstream.pipeline.delete import delete
from evalstream.pipeline.ingest import ingest
from evalstream.pipeline.reconcile import reconcile
from evalstream.storage.deletions import Scope
from evalstream.storage.migrate import migrate

from tests.attack.conftest import Attack, Tell
from tests.attack.helpers import FULL, rss_mb
from tests.attack.test_kill import wait_until_matched
from tests.faults.service import PATIENCE, Service, running
from tests.faults.workload import DATASET, POLICIES, RUNS, Part, differences, opened, results

pytestmark = pytest.mark.faults

ROUNDS: Final = 6 if FULL else 2
#: Of each round, before the kill; at least :data:`LEAST` changes are made, however busy the machine is.
SECONDS: Final = 60 if FULL else 0
LEAST: Final = 12 if FULL else 8
ROWS: Final = 200 if FULL else 12
#: How much more memory than in the first rounds is no growth: what the engine keeps varies.
SLACK: Final = 1.3


class Deletion(NamedTuple):
    scope: Scope
    version: int


Change = Part | Deletion


def change(rng: random.Random, version: int) -> Change:
    """An upload of some edits of one side, or now and then a deletion of a data row or a run up to the version."""
    if rng.random() < 0.1:
        row = rng.random() < 0.8
        scope = Scope(DATASET, data_row=_row(rng)) if row else Scope(DATASET, run=rng.choice(RUNS))
        return Deletion(scope, version)
    run = rng.choice(["", *RUNS])
    rows = rng.sample(range(ROWS), 8)
    return Part(run, [json.dumps(_edit(rng, run, f"row-{row}", version)).encode() for row in rows])


def _row(rng: random.Random) -> str:
    return f"row-{rng.randrange(ROWS)}"


def _edit(rng: random.Random, run: str, row: str, version: int) -> dict[str, Any]:
    side = "predictions" if run else "annotations"
    known = {"data_row": row, "version": version}
    kind = rng.choice(["replace", "upsert", "upsert", "delete"])
    if kind == "delete":
        return known | {"operation": kind, "ids": [f"o{rng.randrange(4)}"]}
    objects = []
    for number in rng.sample(range(4), rng.randint(1, 3)):
        corner = [rng.choice([0, 5, 10]), rng.choice([0, 5, 10])]
        one = {"id": f"o{number}", "type": "bbox", "feature": rng.choice(["car", "bus"]), "bbox": [*corner, 20, 20]}
        objects.append(one | {"confidence": rng.choice([0.25, 0.5, rng.random()])} if run else one)
    return known | {"operation": kind, side: objects}


def make(http: httpx.Client, wanted: Change) -> bool:
    """Make a change; say whether it was acknowledged."""
    try:
        if isinstance(wanted, Part):
            answer = http.post(wanted.route, content=b"\n".join(wanted.lines))
        else:
            scope = wanted.scope
            path = f"/v1/datasets/{DATASET}/" + (f"runs/{scope.run}" if scope.run else f"rows/{scope.data_row}")
            answer = http.delete(path, params={"version": wanted.version})
    except httpx.TransportError:
        return False
    assert answer.status_code == 200, answer.text
    return True


def test_memory_is_flat_and_figures_are_those_of_a_clean_run(tmp_path: Path, tell: Tell) -> None:
    seed = random.SystemRandom().randrange(2**32)
    rng = random.Random(seed)
    made: list[Change] = [Part(run, [_first(rng, run, row) for row in range(ROWS)]) for run in ("", *RUNS)]
    memory: list[float] = []
    with running(tmp_path / "soaked") as service:
        with httpx.Client(base_url=service.url, timeout=PATIENCE) as http:
            assert all(make(http, one) for one in made)
        for _ in range(ROUNDS):
            made += _round(service, rng, len(made))
            memory += filter(None, [rss_mb(service.pid)])
            assert service.end(signal.SIGKILL) == -signal.SIGKILL  # whatever matching is in hand
            service.start()
            with httpx.Client(base_url=service.url, timeout=PATIENCE) as http:
                assert make(http, made[-1])  # perhaps it was there before it was acknowledged
        wait_until_matched(service)
        assert service.end(signal.SIGTERM) == 0
    with opened(service.engine) as client:
        reconcile(client, POLICIES)  # erases what came late
        found = results(client)
    expected = _clean(tmp_path / "clean", made)
    wrong = differences(found, expected)
    tell(Attack("edits, deletions and kills", len(made), 0, len(wrong), None, max(memory, default=None)))
    assert not wrong, f"seed {seed}"
    if FULL and memory:
        assert max(memory[-2:]) < SLACK * max(memory[:2]), memory


def _first(rng: random.Random, run: str, row: int) -> bytes:
    event = {"data_row": f"row-{row}", "version": 1, "operation": "replace"}
    return json.dumps(event | {"predictions" if run else "annotations": []}).encode()


def _round(service: Service, rng: random.Random, version: int) -> list[Change]:
    made: list[Change] = []
    end = time.monotonic() + SECONDS
    with httpx.Client(base_url=service.url, timeout=PATIENCE) as http:
        while len(made) < LEAST or time.monotonic() < end:
            made.append(change(rng, version + len(made)))
            assert make(http, made[-1])
    return made


def _clean(folder: Path, made: list[Change]) -> dict[tuple[str, str, str, str], dict[str, Any]]:
    with opened(folder) as client:
        migrate(client)
        for one in made:
            if isinstance(one, Part):
                ingest(client, [Record(line, n, 0) for n, line in enumerate(one.lines, 1)], one.reader, "test")
            else:
                delete(client, one.scope, one.version)
        reconcile(client, POLICIES)
        return results(client)
