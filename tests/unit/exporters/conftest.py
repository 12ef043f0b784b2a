"""One dataset that all exporters are asked for: hits, wrong classes, false alarms, missed objects, crowds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import evalstream
import numpy as np
import pytest
from evalstream.client import Client

IMAGES = 23
NAMES = ("car", "bus", '=cmd, "quoted"')


def _coco() -> tuple[dict[str, Any], list[dict[str, Any]]]:
    random = np.random.default_rng(5)
    annotations: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    for image in range(1, IMAGES):  # the last image has nothing on it
        for _ in range(random.integers(1, 5)):
            x, y = map(float, random.integers(0, 60, 2))
            w, h = map(float, random.integers(8, 40, 2))
            label = int(random.integers(3))
            crowd = int(random.random() < 0.15)
            known = {"image_id": image, "category_id": label}
            own = {**known, "id": len(annotations) + 1, "bbox": [x, y, w, h], "area": w * h, "iscrowd": crowd}
            annotations.append(own)
            for _ in range(random.integers(0, 3)):
                guess = label if random.random() < 0.8 else int(random.integers(3))
                near = [x + float(random.integers(-3, 4)), y, w, h + float(random.integers(0, 6))]
                score = float(random.integers(1, 10)) / 10
                results.append({"image_id": image, "category_id": guess, "bbox": near, "score": score})
    images = [{"id": i, "file_name": f"{i}.jpg", "width": 100, "height": 100} for i in range(1, IMAGES + 1)]
    categories = [{"id": i, "name": name} for i, name in enumerate(NAMES)]
    return {"images": images, "categories": categories, "annotations": annotations}, results


@pytest.fixture(scope="module")
def files() -> tuple[dict[str, Any], list[dict[str, Any]]]:
    return _coco()


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, files: Any) -> Iterator[Client]:
    truth, results = files
    with evalstream.connect(tmp_path_factory.mktemp("exporters")) as client:
        client.upload("street", truth, predictions=results, run="v7")
        yield client
