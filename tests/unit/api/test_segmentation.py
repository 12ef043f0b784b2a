"""Question ``segmentation`` over HTTP."""

from __future__ import annotations

from typing import Any

from fastapi.testclient import TestClient

from tests.unit.api.embedded import base, client, replace, send, wait_until_matched

__all__ = ["client"]

DATASET, RUN = "streets", "unet-3"


def mask(feature: str, *counts: int, **more: Any) -> dict[str, Any]:
    return {"type": "mask", "feature": feature, "mask": {"size": [4, 3], "counts": list(counts)}, **more}


def test_segmentation(client: TestClient) -> None:
    send(client, DATASET, "", replace("1", mask("road", 0, 6, 6), mask("sky", 6, 3, 3)))
    send(
        client,
        DATASET,
        RUN,
        replace("1", mask("road", 0, 5, 7, confidence=0.9), mask("car", 5, 7, confidence=0.6), predicted=True),
    )
    wait_until_matched(client, DATASET, RUN)
    url = f"{base(DATASET, RUN)}/segmentation"
    answer = client.get(url, params={"over": "annotated"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["mean_iou"] == (5 / 6 + 0) / 2
    assert client.get(url).json()["mean_iou"] == (5 / 6 + 0 + 0) / 3
    assert client.get(url, params={"confidence": 0.7}).json()["cells"] == [
        {"actual": "road", "predicted": "road", "pixels": 5},
        {"actual": "sky", "predicted": None, "pixels": 3},
        {"actual": "road", "predicted": None, "pixels": 1},
    ]
    refused = client.get(url, params={"policy": "coco", "area": "small"})
    assert refused.status_code == 422
    assert "leave out `area`" in refused.text
    assert client.get(url, params={"over": "all"}).status_code == 422
