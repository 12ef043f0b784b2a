"""kill -9 at random moments, each time other ones: no acknowledged event is lost, and every figure is the same."""

from __future__ import annotations

import random
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import httpx
import pytest
from evalstream.events import decode

from tests.attack.conftest import Attack, Tell
from tests.attack.helpers import FULL, peak_mb
from tests.faults.service import PATIENCE, Service, running
from tests.faults.test_embedded_kill import Stream
from tests.faults.workload import (
    DATASET,
    RUNS,
    clean_results,
    differences,
    event_key,
    event_keys,
    make_parts,
    opened,
    results,
)

pytestmark = pytest.mark.faults

KILLS: Final = 20 if FULL else 1
PARTS: Final = None if FULL else 12


def test_random_kills_lose_nothing(tmp_path: Path, tell: Tell) -> None:
    seed = random.SystemRandom().randrange(2**32)
    rng = random.Random(seed)
    parts = make_parts(seed)[:PARTS]
    moments = sorted(rng.choices(range(1, len(parts)), k=KILLS))
    memory: list[float] = []
    with running(tmp_path / "killed") as service, ThreadPoolExecutor(1) as pool:
        stream = Stream(service.url, parts)
        done = pool.submit(stream.send)
        for moment in moments:
            stream.wait_for(moment)
            time.sleep(rng.random() * 0.2)  # into whatever is going on by then
            memory += filter(None, [peak_mb(service.pid)])
            assert service.end(signal.SIGKILL) == -signal.SIGKILL
            service.start()
        done.result()
        wait_until_matched(service)
        memory += filter(None, [peak_mb(service.pid)])
        assert service.end(signal.SIGTERM) == 0
    with opened(service.engine) as client:
        kept, found = event_keys(client), results(client)
    sent = {event_key(item) for part in parts for item in decode(part.records, part.reader).received}
    lost = len(sent - set(kept))
    tell(Attack("kill -9", KILLS, 0, lost, None, max(memory, default=None)))
    assert sorted(kept) == sorted(sent), f"seed {seed}"
    assert not differences(found, clean_results(tmp_path / "clean", parts)), f"seed {seed}"


def wait_until_matched(service: Service) -> None:
    deadline = time.monotonic() + PATIENCE * 2
    with httpx.Client(base_url=f"{service.url}/v1/datasets/{DATASET}", timeout=PATIENCE) as http:
        while any(http.get(f"/runs/{run}/progress").json().get("pending") for run in RUNS):
            assert time.monotonic() < deadline, service.log
            time.sleep(0.05)
