"""Measures and keypoints over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.unit.api.embedded import base, client, replace, send, wait_until_matched

__all__ = ["client"]

DATASET, RUN = "streets", "r-2"


@pytest.fixture(scope="module")
def asked(client: TestClient) -> TestClient:
    hand = {"type": "keypoints", "feature": "hand", "keypoints": [[0, 0, 2], [10, 0, 1], [0, 0, 0]]}
    seen = {"type": "keypoints", "feature": "hand", "keypoints": [[0, 0, 0.5], [10, 1, 0.5], [9, 9, 0.5]]}
    lane = {"type": "polyline", "feature": "lane", "polyline": [[0, 0], [100, 0]]}
    row = {"type": "polyline", "feature": "lane", "polyline": [[0, 3], [100, 3]], "confidence": 0.5}
    send(client, DATASET, "", replace("1", hand | {"area": 400}, lane), replace("2", lane))
    send(client, DATASET, RUN, replace("1", seen, row, predicted=True), replace("2", predicted=True))
    assert wait_until_matched(client, DATASET, RUN)["state"] == "complete"
    return client


def get(client: TestClient, question: str, **query: Any) -> dict[str, Any]:
    answer = client.get(f"{base(DATASET, RUN)}/{question}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_measures(asked: TestClient) -> None:
    found = {one["name"]: one for one in get(asked, "measures")["measures"]}
    assert set(found) == {"chamfer", "frechet", "hausdorff", "oks"}
    assert found["chamfer"]["count"] == 1
    assert found["chamfer"]["mean"] == found["chamfer"]["quantiles"]["0.5"] == pytest.approx(3)
    unsure = get(asked, "measures", confidence=0.6)
    assert set(unsure["undefined"]) == {"chamfer", "frechet", "hausdorff"}


def test_distribution_and_rows(asked: TestClient) -> None:
    assert get(asked, "distribution", metric="measure.chamfer", bins=3, low=0, high=6)["counts"] == [0, 1, 0]
    rows = get(asked, "rows", sort="measure.chamfer")["rows"]
    assert [row["metrics"]["measure.chamfer"] for row in rows] == [pytest.approx(3), None]


def test_keypoints(asked: TestClient) -> None:
    found = get(asked, "keypoints", alpha=[0, 0.1, 1], scale="unit")
    assert (found["alphas"], found["pairs"], found["labelled"]) == ([0, 0.1, 1], 1, 2)
    assert found["pck"] == [0.5, 0.5, 1.0]
    assert found["per_class"]["hand"]["keypoints"][2]["pck"] == [None, None, None]


@pytest.mark.parametrize(
    ("question", "query", "help_"),
    [
        ("keypoints", {"scale": "head"}, "'diagonal'"),
        ("keypoints", {"alpha": -1}, "greater than or equal to 0"),
        ("keypoints", {"alpha": "nan"}, "less than or equal to 1000000000"),
        ("rows", {"sort": "measure."}, "is not a measure"),
    ],
)
def test_wrong_question_is_told_what_is_wrong(
    asked: TestClient, question: str, query: dict[str, Any], help_: str
) -> None:
    answer = asked.get(f"{base(DATASET, RUN)}/{question}", params=query)
    assert answer.status_code == 422
    assert help_ in answer.text
