"""The benchmark of importers runs, and each reads all that was made for it; how long it takes is not asked."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks.importers import WRITERS, measure, read, sizes


@pytest.mark.parametrize("name", WRITERS)
def test_every_importer_reads_what_is_made_for_it(tmp_path: Path, name: str) -> None:
    small, large = (WRITERS[name](tmp_path / part, made) for part, made in sizes(3, 4))
    found = read(name, small, large)
    assert found["objects"] == 12
    assert found["seconds"] > 0


def test_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    root = Path(__file__).resolve().parents[3]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(root), *filter(None, [os.environ.get("PYTHONPATH")])]))
    (cost,) = measure(images=2, per_image=3, names=["CSV"])
    assert (cost.name, cost.objects) == ("CSV", 6)
    assert str(cost).startswith("| CSV | 0.0 | 6 |")
