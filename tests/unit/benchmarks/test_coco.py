"""The benchmark of COCO evaluation runs, and its peers agree; how long it takes is not asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import coco

#: Each peer runs once, and each kind against one at least: tests/parity holds all kinds against pycocotools.
PEERS = {
    "bbox": ["vernier", "hotcoco"],
    "segm": ["ultrafast-pycocotools", "faster-coco-eval"],
    "keypoints": ["pycocotools"],
}


def test_every_peer_and_kind_is_there() -> None:
    assert PEERS.keys() == coco.FIGURES.keys()
    assert {peer for peers in PEERS.values() for peer in peers} == coco.PEERS.keys()


@pytest.fixture(autouse=True)
def _once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coco, "_RUNS", 1)


def test_of_some_runs_the_best_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coco, "_RUNS", 3)
    seconds = iter([3.0, 1.0, 2.0])
    monkeypatch.setattr(coco, "process", lambda _command: ((0.1, next(seconds), 9.0), "said"))
    assert coco.best([], lambda took, _said: took[1]) == ((0.1, 1.0, 9.0), "said")


@pytest.mark.parametrize("kind", coco.FIGURES)
def test_a_small_form_of_it(tmp_path: Path, kind: str) -> None:
    peers = PEERS[kind]
    table = coco.run(tmp_path, images=40, per_image=20, kind=kind, peers=peers)
    assert f"{kind}: 40 images" in table
    for name in ("evalstream", *peers):
        (cells,) = (line.split("|")[2:-1] for line in table.splitlines() if line.startswith(f"| {name} "))
        assert len(cells) == 8, table
        assert all(cell.strip() for cell in cells[: 6 if name == "vernier" else 8]), table


def test_a_small_form_of_all_confusion_matrices(tmp_path: Path) -> None:
    table = coco.matrices(tmp_path, images=40, per_image=20)
    assert "101 by 101 thresholds: 40 images" in table
    for name in ("evalstream", "hotcoco"):
        assert table.count(f"\n| {name} ") == 1, table
