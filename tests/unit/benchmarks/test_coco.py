"""The benchmark of COCO evaluation runs, and its peers agree; how long it takes is not asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import coco


@pytest.mark.parametrize("kind", coco.FIGURES)
def test_a_small_form_of_it(tmp_path: Path, kind: str) -> None:
    peers = list(coco.PEERS) if kind == "bbox" else ["hotcoco", "pycocotools"]
    table = coco.run(tmp_path, images=40, per_image=20, kind=kind, peers=peers)
    assert f"{kind}: 40 images" in table
    for name in ("evalstream", *peers):
        assert table.count(f"\n| {name} ") == 1, table
