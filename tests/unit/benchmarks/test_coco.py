"""The benchmark of COCO evaluation runs, and its peers agree; how long it takes is not asked."""

from __future__ import annotations

from pathlib import Path

from benchmarks import coco


def test_a_small_form_of_it(tmp_path: Path) -> None:
    table = coco.run(tmp_path, images=40, per_image=20)
    assert "40 images" in table
    for name in ("evalstream", *coco.PEERS):
        assert table.count(f"\n| {name} ") == 1, table
