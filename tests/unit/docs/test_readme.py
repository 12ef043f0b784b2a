"""Blocks of Python in README.md run, on small files and with an engine of their own in the place of the service."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.docs.blocks import blocks, printed

BLOCKS = [script for script, _ in blocks("../README.md")]
#: What the blocks take for granted: two files, a service with a dataset and a run, and what a model has found.
GIVEN = """
import json
from pathlib import Path
import evalstream

truth = {"images": [{"id": 1, "width": 64, "height": 64}], "categories": [{"id": 1, "name": "car"}]}
truth["annotations"] = [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [4, 4, 20, 20], "area": 400, "iscrowd": 0}]
results = [{"image_id": 1, "category_id": 1, "bbox": [4, 4, 20, 18], "score": 0.9}]
Path("instances.json").write_text(json.dumps(truth))
Path("results.json").write_text(json.dumps(results))
boxes, labels, scores = [[4, 4, 24, 22]], ["car"], [0.9]
"""
SERVED = """
with evalstream.connect("engine") as client:
    client.upload("coco", truth, predictions=results, run="yolo-s")
"""


@pytest.mark.parametrize("i", range(len(BLOCKS)))
def test_a_block_runs(i: int, tmp_path: Path) -> None:
    script = BLOCKS[i]
    if "connect(" in script:
        assert 'connect("http://127.0.0.1:8000")' in script
        script = SERVED + script.replace("http://127.0.0.1:8000", "engine")
    printed(GIVEN + script, tmp_path)
