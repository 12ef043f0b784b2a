"""The embedded service, asked in this process."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
from evalstream_embedded.app import make_app
from evalstream_embedded.settings import LocalSettings
from fastapi.testclient import TestClient

from tests.asking import asking
from tests.feeding import with_tables

PATIENCE = 60

Post = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    data = tmp_path_factory.mktemp("data")
    with_tables(data / "engine")
    settings = LocalSettings(_env_file=None, data=data)
    with asking(make_app(settings)) as client:
        yield client


def base(dataset: str, run: str = "") -> str:
    path = f"/v1/datasets/{quote(dataset, safe='')}"
    return f"{path}/runs/{quote(run, safe='')}" if run else path


def send(client: TestClient, dataset: str, run: str, *events: dict[str, Any] | bytes) -> dict[str, Any]:
    """Upload events, of annotations where ``run`` is empty; bytes go as they are."""
    body = b"\n".join(event if isinstance(event, bytes) else json.dumps(event).encode() for event in events)
    answer = client.post(f"{base(dataset, run)}/{'predictions' if run else 'annotations'}", content=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def replace(data_row: str, *objects: dict[str, Any], predicted: bool = False, **more: Any) -> dict[str, Any]:
    side = "predictions" if predicted else "annotations"
    return {"data_row": data_row, "operation": "replace", side: list(objects), **more}


def box(feature: str, x: float = 0, **more: Any) -> dict[str, Any]:
    return {"type": "bbox", "feature": feature, "bbox": [x, 0, 10, 10], **more}


def wait_until_matched(client: TestClient, dataset: str, run: str) -> dict[str, Any]:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        progress = client.get(f"{base(dataset, run)}/progress").json()
        if not progress["pending"]:
            return progress
        time.sleep(0.05)  # to ask takes 20 ms of CPU, which the matcher can use better
    raise AssertionError(f"still pending: {progress}")
