"""Requests made from the OpenAPI document, right and wrong ones: each is answered as the document says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import httpx
import pytest

from tests.attack.conftest import Attack, Tell
from tests.attack.helpers import FULL, p99, peak_mb
from tests.faults.service import PATIENCE, running
from tests.faults.workload import make_parts

pytestmark = pytest.mark.faults

HERE: Final = Path(__file__).resolve().parent
#: The short form is bounded by its requests, for on a busy machine a few seconds may be over before the first one.
HOW_MUCH: Final = "--max-examples 1000 --max-time 180" if FULL else "--max-examples 1 --phases fuzzing"
#: What a request means is more than JSON Schema can say (conditions, hierarchies, what belongs to which policy): such
#: requests are answered 422, and tests/unit/api says which.
NOT_CHECKED: Final = "positive_data_acceptance"
COMMAND: Final = ("-W", "ignore", "-m", "schemathesis.cli", "--config-file", str(HERE / "schemathesis.toml"), "run")
OPTIONS: Final = (
    f"--no-color --seed 1 --generation-database none --exclude-checks {NOT_CHECKED} --report har {HOW_MUCH}"
).split()
#: Answers that say that the service is at its end with what was asked.
CRASHES: Final = (0, 500, 502)


def test_every_answer_is_as_the_document_says(tmp_path: Path, tell: Tell) -> None:
    har = tmp_path / "requests.har"
    key = {"Authorization": "Bearer attack"}
    with running(tmp_path / "service", EVALSTREAM_API_KEYS="attack=read+write+admin") as service:
        for part in make_parts(seed=4)[:10]:
            sent = httpx.post(service.url + part.route, content=b"\n".join(part.lines), headers=key, timeout=PATIENCE)
            assert sent.status_code == 200, sent.text
        done = subprocess.run(
            [sys.executable, *COMMAND, f"{service.url}/openapi.json", *OPTIONS, "--report-har-path", har],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE.parents[1]), *sys.path])},
            capture_output=True,
            text=True,
            timeout=500,
        )
        memory = peak_mb(service.pid)
        alive = httpx.get(f"{service.url}/health", timeout=PATIENCE).status_code == 200
    assert alive
    requests = json.loads(har.read_text(encoding="utf-8"))["log"]["entries"]
    crashed = [one["request"] for one in requests if one["response"]["status"] in CRASHES]
    times = [one["time"] for one in requests]
    tell(Attack("requests from the OpenAPI document", len(requests), len(crashed), None, p99(times), memory))
    assert requests, done.stdout[-5000:] + done.stderr
    assert crashed == []
    assert done.returncode == 0, done.stdout[-20_000:]
    assert "Traceback" not in service.log
