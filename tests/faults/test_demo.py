"""The demo's workload through Kafka gives the bytes that the embedded mode gives."""

from __future__ import annotations

import time
from itertools import cycle
from pathlib import Path

import httpx
import pytest
from evalstream_demo.workload import Workload
from evalstream_embedded.app import make_app
from evalstream_embedded.settings import LocalSettings

from tests.asking import asking
from tests.faults.cluster import Cluster

pytestmark = pytest.mark.kafka

QUESTIONS = ("summary", "confusion-matrix", "classes", "pr-curve", "average-precision", "rows")
OF_TYPES = {
    "digits": ("classifications", "roc-curve", "texts", "regression"),
    "strokes": ("segmentation", "errors"),
    "notes": ("entities", "objects"),
}

SELECTIONS = (
    "policy=coco&confidence=0.37&iou=0.5",
    "policy=iou-greedy&confidence=0&iou=0.5&split=test&metadata=noise>=0.09",
    "policy=best-candidate&confidence=0.37&iou=0.8",
)


#: Of each file as many as tell whether both modes do the same.
ROWS = 24


def upload(http: httpx.Client, workload: Workload) -> None:
    base = f"/v1/datasets/{workload.dataset}"
    files = {f"{base}/annotations": workload.annotations}
    files |= {f"{base}/runs/{run}/predictions": path for run, path in workload.predictions.items()}
    for route, path in files.items():
        lines = path.read_bytes().splitlines()[:ROWS]
        answer = http.post(route, content=b"\n".join(lines)).raise_for_status().json()
        assert (answer["accepted"], answer["errors"]) == (ROWS, [])


def answers(http: httpx.Client, workload: Workload) -> dict[str, bytes]:
    found = {}
    for number, run in enumerate(workload.predictions):
        base = f"/v1/datasets/{workload.dataset}/runs/{run}"
        deadline = time.monotonic() + 60
        while True:
            progress = http.get(f"{base}/progress")
            if progress.is_success and progress.json()["rows"] == ROWS and not progress.json()["pending"]:
                break
            assert time.monotonic() < deadline, progress.text
            time.sleep(0.1)
        # Both are the same code over the same rows. So of the first dataset each question is asked by one policy of the
        # one run and by another of the next, at other thresholds and rows each time; of the others, by one.
        turns = cycle(SELECTIONS[number:] + SELECTIONS[:number] if workload.dataset == "digits" else SELECTIONS[:1])
        for question, selection in zip(QUESTIONS + OF_TYPES[workload.dataset], turns, strict=False):
            url = f"{base}/{question}?{selection}"
            found[url] = http.get(url).raise_for_status().content
    return found


def test_the_demo_through_kafka_is_the_demo(cluster: Cluster, demo: dict[str, Workload], tmp_path: Path) -> None:
    workloads = demo.values()
    with asking(make_app(LocalSettings(data=tmp_path / "embedded", _env_file=None))) as embedded:
        for workload in workloads:
            upload(embedded, workload)
        expected = {url: answer for workload in workloads for url, answer in answers(embedded, workload).items()}
    with httpx.Client(base_url=cluster.url("ingest"), timeout=60) as ingest:
        for workload in workloads:
            upload(ingest, workload)
    with httpx.Client(base_url=cluster.url("query"), timeout=60) as query:
        found = {url: answer for workload in workloads for url, answer in answers(query, workload).items()}
    assert found == expected
    assert any(b'"tp":0' not in answer for url, answer in found.items() if "summary" in url)
