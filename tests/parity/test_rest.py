"""The service, fed real COCO files by upload, answers the reference's figures over REST."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from evalstream.events import event_lines
from evalstream.importers.coco import read_results, read_truth
from evalstream.importers.columns import annotation_events, prediction_events
from evalstream_embedded.app import make_app
from evalstream_embedded.settings import LocalSettings
from fastapi.testclient import TestClient

from tests.asking import asking

RUN = "/v1/datasets/coco/runs/fake/"
FIGURES = {
    "ap": "AP", "ap50": "AP50", "ap75": "AP75", "ap_small": "APs", "ap_medium": "APm", "ap_large": "APl",
    "ar_1": "AR1", "ar_10": "AR10", "ar_100": "AR100", "ar_small": "ARs", "ar_medium": "ARm", "ar_large": "ARl",
}  # fmt: skip


@pytest.fixture(scope="module")
def http(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    folder = real_data / "coco2014_100"
    coco = read_truth(folder / "instances_val2014_100.json")
    results = read_results(folder / "instances_val2014_fakebbox100_results.json", coco)
    truth = b"\n".join(event_lines(annotation_events(coco, "coco", 1)))
    found = b"\n".join(event_lines(prediction_events(results, coco, "coco", "fake", 1)))
    app = make_app(LocalSettings(data=tmp_path_factory.mktemp("coco"), _env_file=None))
    with asking(app) as client:
        assert client.post("/v1/datasets/coco/annotations", content=truth).json()["accepted"] == 100
        assert client.post(RUN + "predictions", content=found).json()["accepted"] == 100
        while client.get(RUN + "progress").json()["pending"]:
            time.sleep(0.1)
        yield client


def test_the_twelve_figures(http: TestClient, real_data: Path) -> None:
    expected = json.loads((real_data / "coco2014_100" / "expected.json").read_text())["bbox"]["pycocotools"]["stats"]
    found = http.get(RUN + "average-precision", params={"policy": "coco"}).json()
    for ours, theirs in FIGURES.items():
        assert found[ours] == pytest.approx(expected[theirs], abs=1e-9), ours


@pytest.mark.parametrize("policy", ["iou-greedy", "coco", "best-candidate"])
@pytest.mark.parametrize(("confidence", "iou"), [(0, 0.5), (0.4, 0.5), (0.7, 0.9), (0.236, 0)])
def test_the_sums_of_a_confusion_matrix_are_the_object_counts(
    http: TestClient, real_data: Path, policy: str, confidence: float, iou: float
) -> None:
    query = {"policy": policy, "confidence": confidence, "iou": iou}
    cells = http.get(RUN + "confusion-matrix", params=query).json()["cells"]
    folder = real_data / "coco2014_100"
    truth = json.loads((folder / "instances_val2014_100.json").read_text())
    results = json.loads((folder / "instances_val2014_fakebbox100_results.json").read_text())
    names = {category["id"]: category["name"] for category in truth["categories"]}
    actual = Counter(names[item["category_id"]] for item in truth["annotations"] if not item["iscrowd"])
    predicted = Counter(names[item["category_id"]] for item in results if item["score"] >= confidence)
    rows: Counter[str] = Counter()
    columns: Counter[str] = Counter()
    for cell in cells:
        rows[cell["actual"]] += cell["count"]
        columns[cell["predicted"]] += cell["count"]
    assert {label: count for label, count in rows.items() if label is not None} == actual
    counted = {label: count for label, count in columns.items() if label is not None}
    if policy != "iou-greedy":  # what lies over a crowd region is ignored, and no object there
        assert all(counted.get(label, 0) <= count for label, count in predicted.items())
    else:
        assert counted == predicted


def test_the_causes_of_errors(http: TestClient, real_data: Path) -> None:
    expected = json.loads((real_data / "coco2014_100" / "expected_tide.json").read_text())
    found = http.get(RUN + "errors", params={"policy": "coco"}).json()
    assert 100 * found["ap"] == pytest.approx(expected["ap50"], abs=1e-9)
    duplicates = http.get(RUN + "rows", params={"policy": "coco", "cause": "duplicate"}).json()["rows"]
    outcomes = [item for row in duplicates for item in row["predictions"] if item["cause"] == "duplicate"]
    assert len(outcomes) == found["causes"]["duplicate"]["count"] == 1
    options = {"policy": "best-candidate", "interpolation": "all-point", "empty_classes": "zero"}
    assert 0 < http.get(RUN + "average-precision", params=options).json()["at_iou"] < 1
    wrong = http.get(RUN + "average-precision", params={"policy": "coco", "group_of": "count"})
    assert wrong.status_code == 422
    assert "best-candidate" in wrong.text
