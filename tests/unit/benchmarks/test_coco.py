"""The benchmark against pycocotools and faster-coco-eval runs, and its peers agree; how long it takes is not asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import coco


def test_a_small_form_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    coco.run(tmp_path, images=40, per_image=20)
    said = capsys.readouterr().out
    assert "40 images" in said
    for name in ("evalstream", *coco.PEERS):
        assert said.count(f"\n{name} ") == 2, said
