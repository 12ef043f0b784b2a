"""The benchmark of many readers and writers in a small form: everybody gets an answer in the end, and none is wrong."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from benchmarks import load
from tests.attack.conftest import Attack, Tell
from tests.attack.helpers import FULL, p99, peak_mb
from tests.faults.service import PATIENCE, running

pytestmark = pytest.mark.faults

READERS, WRITERS, ROWS, EACH = (200, 4, 200, 10) if FULL else (12, 2, 20, 2)


def test_everybody_is_answered_in_the_end(tmp_path: Path, tell: Tell) -> None:
    with running(tmp_path, EVALSTREAM_QUESTIONS_UNDER_WAY="3", EVALSTREAM_QUESTIONS_AT_WORK="2") as service:
        found = asyncio.run(load.run(service.url, READERS, WRITERS, ROWS, EACH))
        progress = f"{service.url}/v1/datasets/{load.DATASET}/runs/{load.RUN}/progress"
        kept = httpx.get(progress, timeout=PATIENCE).json()["rows"]
        memory = peak_mb(service.pid)
    lost = ROWS + WRITERS * EACH - kept
    tell(
        Attack(
            "readers and writers at once", len(found.read), sum(found.failed.values()), lost, p99(found.read), memory
        )
    )
    assert (len(found.read), len(found.written), lost) == (READERS * EACH, WRITERS * EACH, 0)
    assert not found.failed
    assert found.shed > 0, "nobody was turned away: the test tests nothing"
    assert found.health
    assert "turned away (429)" in "\n".join(found.lines())
    assert "Traceback" not in service.log
