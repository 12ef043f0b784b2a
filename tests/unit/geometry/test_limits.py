"""What would take too long, or too much memory, is refused before it begins, with a reason that names it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from evalstream.events import AnnotationEvent, PredictionEvent, Reader, Record, decode, events_table
from evalstream.geometry import limits, polygon
from evalstream.geometry.errors import GeometryError
from evalstream.geometry.pairs import overlapping_pairs
from evalstream.geometry.polygon import count_crossings, polygon_areas
from evalstream.matching import POLICIES
from evalstream.ontology import NOTHING_DECLARED, Ontology
from evalstream.pipeline.match import match
from evalstream.storage.results import of_policy
from hypothesis import given
from hypothesis import strategies as st
from shapely import LineString, Polygon

from tests.unit.geometry.areal import batch_of

Thing = dict[str, Any]


def shuffled_contour(points: int, seed: int = 1) -> list[list[float]]:
    """A circle whose points come in any order: as people send what they have read from a set."""
    turn = np.random.default_rng(seed).permutation(np.linspace(0, 2 * np.pi, points, endpoint=False))
    ring: list[list[float]] = np.column_stack((100 + 90 * np.cos(turn), 100 + 90 * np.sin(turn))).tolist()
    return ring


def thing(name: str, ring: list[list[float]]) -> Thing:
    return {"id": name, "type": "polygon", "feature": "f", "polygon": [ring]}


@pytest.mark.parametrize("points", [400, 3_000, 20_000])
def test_an_outline_in_shuffled_order_is_refused_and_named(points: int) -> None:
    batch = batch_of([([thing("contour", shuffled_contour(points))], [])])
    with pytest.raises(GeometryError, match=r"polygon 'a0' crosses itself more than 1,000 times.*in order"):
        polygon_areas(batch.annotations, np.array([0]))


def test_outlines_that_cross_themselves_often_together_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polygon, "MOST_CROSSINGS_TOGETHER", 500)
    batch = batch_of([([thing(str(i), shuffled_contour(30, i)) for i in range(10)], [])])
    with pytest.raises(GeometryError, match=r"the 10 polygons .* more than 500 times in all"):
        polygon_areas(batch.annotations, np.arange(10))


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=3, max_size=9, unique=True))
def test_crossings_are_counted_as_they_are(ring: list[tuple[int, int]]) -> None:
    closed = [*ring, ring[0]]
    segments = [LineString(closed[i : i + 2]) for i in range(len(ring))]
    expected = sum(
        one.intersects(other) for i, one in enumerate(segments) for j, other in enumerate(segments) if j > i + 1
    )
    assert count_crossings(Polygon(ring), 1_000) == expected


def test_counting_ends_soon_after_the_limit() -> None:
    assert 10 < count_crossings(Polygon(shuffled_contour(5_000)), 10) < 5_000_000


def test_too_many_pairs_to_compare_are_refused_before_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_COMPARED", 8)
    square = [[0, 0], [9, 0], [9, 9], [0, 9]]
    three = [thing(str(i), square) for i in range(3)]
    for ontology, name in ((NOTHING_DECLARED, "polygon"), (Ontology(across_types=True), "polygon")):
        with pytest.raises(GeometryError, match=f"9 pairs of a prediction and an annotation of type {name}"):
            overlapping_pairs(batch_of([(three, three)], ontology))
    assert len(overlapping_pairs(batch_of([(three, three[:2]), ([], three)])).iou) == 6
    boxes = [{"id": str(i), "type": "bbox", "feature": "f", "bbox": [0, 0, 9, 9]} for i in range(3)]
    with pytest.raises(GeometryError, match="of type bbox or rotated_box or polygon or mask"):
        overlapping_pairs(batch_of([([*three, *boxes], boxes)], Ontology(across_types=True)))


def test_only_pairs_of_boxes_that_overlap_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evalstream.geometry.bbox.MOST_PAIRS", 8)
    monkeypatch.setattr(limits, "MOST_PAIRS", 8)
    apart = [{"id": str(i), "type": "bbox", "feature": "f", "bbox": [20 * i, 0, 9, 9]} for i in range(8)]
    assert len(overlapping_pairs(batch_of([(apart, apart)])).iou) == 8
    over = [{"id": str(i), "type": "bbox", "feature": "f", "bbox": [i, 0, 9, 9]} for i in range(3)]
    with pytest.raises(GeometryError, match=r"more than 8 pairs .* of type bbox overlap"):
        overlapping_pairs(batch_of([(over, over)]))


def events(row: str, things: list[Thing]) -> tuple[Thing, Thing]:
    known = {"dataset": "d", "data_row": row, "operation": "replace"}
    said = [one | {"confidence": 0.5} for one in things]
    return known | {"annotations": things}, known | {"run": "m", "predictions": said}


def test_the_row_fails_alone() -> None:
    square = [[0, 0], [9, 0], [9, 9], [0, 9]]
    rows = {"bad": [thing("contour", shuffled_contour(400))]} | {f"r{i}": [thing("1", square)] for i in range(20)}
    received = []
    for name, things in sorted(rows.items()):
        for event, model in zip(events(name, things), (AnnotationEvent, PredictionEvent), strict=True):
            received += decode([Record(json.dumps(event).encode(), 0, 1)], Reader(model)).received
    results = match("d", events_table(received), list(POLICIES)).to_pylist()
    assert {row["data_row"] for row in results if row["error"]} == {"bad"}
    assert {row["error"].partition(" more")[0] for row in results if row["error"]} == {
        "polygon 'contour' crosses itself"
    }
    assert all(len(row[of_policy(policy, "iou")]) for row in results if not row["error"] for policy in POLICIES)


#: Matches one row of so many boxes a side and prints by how many MB the process grew, and how many results failed.
GROWS = """
import json, resource, sys
from evalstream.events import AnnotationEvent, PredictionEvent, Reader, Record, decode, events_table
from evalstream.matching import POLICIES
from evalstream.pipeline.match import match
from evalstream.storage.results import of_policy
count, step = int(sys.argv[1]), float(sys.argv[2])
boxes = [{"id": str(i), "type": "bbox", "feature": "f", "bbox": [i % 100 * step, i // 100 * step, 10, 10]}
         for i in range(count)]
row = {"dataset": "d", "data_row": "r", "operation": "replace"}
sides = (AnnotationEvent, row | {"annotations": boxes}), (PredictionEvent, row | {"run": "m", "predictions": boxes})
received = [one for model, event in sides
            for one in decode([Record(json.dumps(event).encode(), 0, 1)], Reader(model)).received]
table = events_table(received)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
results = match("d", table, list(POLICIES))
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print((after - before) // 1024, sum(map(bool, results["error"].to_pylist())))
"""


@pytest.mark.parametrize(("count", "step", "failed"), [(10_000, 20, 0), (10_000, 0.001, 1), (2_000, 0.001, 0)])
def test_a_row_of_very_many_boxes_stays_within_memory(count: int, step: float, failed: int) -> None:
    """Apart or upon each other: within 1 GB, or the row fails."""
    done = subprocess.run(
        [sys.executable, "-c", GROWS, str(count), str(step)], capture_output=True, text=True, check=True, timeout=300
    )
    grown, errors = map(int, done.stdout.split())
    assert grown < 1_000
    assert errors == failed
