"""Rectangles of nested answers against the rule, at every threshold where anything can change."""

from __future__ import annotations

import json
import math
import random
from typing import Any

import numpy as np
import pytest
from evalstream.events import AnnotationEvent, PredictionEvent, Reader, Record, decode, events_table
from evalstream.matching import POLICIES
from evalstream.matching.area import by_range
from evalstream.pipeline.match import match
from evalstream.storage.results import MATCHES, of_policy
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import some_examples
from tests.oracles import matching
from tests.oracles import nested as oracle
from tests.oracles.nested import Node


def results(*scenes: tuple[list[Node], list[Node]]) -> dict[str, list[dict[str, Any]]]:
    """The rows of results of each policy, a scene each."""
    received = []
    for reader, side, run in (
        (Reader(AnnotationEvent), 1, {}),
        (Reader(PredictionEvent), 0, {"run": "m"}),
    ):
        name = "annotations" if side else "predictions"
        events = [
            {"dataset": "d", "data_row": str(k), "operation": "replace", **run}
            | {name: [oracle.as_object(node, name) for node in scene[side]]}
            for k, scene in enumerate(scenes)
        ]
        found = decode([Record(json.dumps(event).encode(), k, 1) for k, event in enumerate(events)], reader)
        assert not found.rejected
        received += found.received
    events_of_rows = events_table(received)
    order = sorted(
        range(len(received)),
        key=lambda i: (events_of_rows["data_row"][i].as_py(), events_of_rows["run"][i].as_py()),
    )
    table = match("d", events_of_rows.take(order), list(POLICIES)).to_pylist()
    rows = sorted(table, key=lambda row: int(row["data_row"]))
    return {
        policy: [row | {f"match_{name}": row[of_policy(policy, name)] for name in MATCHES} for row in rows]
        for policy in POLICIES
    }


def live(row: dict[str, Any], c: float, t: float) -> tuple[set[tuple[int, int]], set[int]]:
    """The pairs that count, and the predictions that are matched to what does not."""
    assert row["error"] == ""
    columns = ("prediction", "annotation", "confidence_low", "confidence_high", "iou_low", "iou_high")
    counted, ignored = [], set()
    rectangles = zip(*(row[f"match_{name}"] for name in (*columns, "area_range", "ignored")), strict=True)
    for p, a, c_low, c_high, t_low, t_high, area, is_ignored in rectangles:
        if area == 0 and c_low < c <= c_high and t_low < t <= t_high:
            if is_ignored:
                ignored.add(p)
            else:
                counted.append((p, a))
    assert len(set(counted)) == len(counted), "two rectangles of one pair overlap"
    assert len({p for p, _ in counted}) == len(counted) == len({a for _, a in counted}), "matched twice"
    return set(counted), ignored


def thresholds(found: list[Node], true: list[Node]) -> tuple[list[float], list[float]]:
    boxes = [[oracle.as_box(node) for node in side if node.type == "bbox"] for side in (found, true)]
    confidences = {part.confidence for part in oracle.parts(found)}
    ious = {matching.iou(p, a) for p in boxes[0] for a in boxes[1]}
    return around(confidences), around(ious)


def around(values: set[float]) -> list[float]:
    near = {v for value in values for v in (math.nextafter(value, -1), value, math.nextafter(value, 2))}
    return sorted(v for v in near | {0.0, 0.5, 1.0} if 0 <= v <= 1)


@some_examples(0.4)
@given(seed=st.integers(0, 2**32))
def test_nested_answers_are_matched_within_their_parents_match(seed: int) -> None:
    rng = random.Random(seed)
    scenes = [(oracle.random_side(rng, "predictions"), oracle.random_side(rng, "annotations")) for _ in range(3)]
    for policy, rows in results(*scenes).items():
        for (found, true), row in zip(scenes, rows, strict=True):
            assert row["prediction_label"] == [labelled(part) for part in oracle.parts(found)]
            texts = {i for i, part in enumerate(oracle.parts(found)) if part.node.type in ("text", "number")}
            confidences, ious = thresholds(found, true)
            for c in confidences:
                for t in rng.sample(ious, min(len(ious), 6)):
                    pairs, ignored = oracle.matches(policy, found, true, c, t)
                    ours, ours_ignored = live(row, c, t)
                    assert ours == pairs, (policy, c, t)
                    present = {i for i in ignored if oracle.parts(found)[i].confidence >= c}
                    assert ours_ignored == present - texts, (policy, c, t)


def labelled(part: oracle.Part) -> str:
    return part.label.partition("=")[0] if part.node.type in ("text", "number") else part.label


@pytest.mark.parametrize("policy", list(POLICIES))
def test_answers_of_parents_that_differ_are_not_compared(policy: str) -> None:
    answer = Node("radio", "colour", "red")
    same = [Node("bbox", "a", children=(answer,))]
    other = [Node("bbox", "b", children=(answer,))]
    assert live(results((same, same))[policy][0], 0.0, 0.5)[0] == {(0, 0), (1, 1)}
    parents = {(0, 0)} if policy == "iou-greedy" else set()
    assert live(results((same, other))[policy][0], 0.0, 0.5)[0] == parents


def test_what_is_nested_counts_where_its_object_does() -> None:
    """The area, the rank and the kind of object are those of the outermost object."""
    answer = Node("radio", "colour", "red", children=(Node("radio", "state", "old"),))
    big = Node("bbox", "a", box=(0.0, 0.0, 40.0, 40.0), children=(answer,), crowd=True)
    row = results(([big._replace(crowd=False)], [big]))["coco"][0]
    assert row["annotation_area"] == [1600.0] * 3
    assert row["prediction_area"] == by_range(np.array([1600.0] * 3)).tolist()
    assert row["annotation_crowd"] == [1] * 3
    assert live(row, 0.0, 0.5) == (set(), {0, 1, 2})
    many = [
        Node("bbox", "a", "", k / 1000, (Node("radio", "colour", "red", 1 - k / 1000),), (10.0 * k, 0.0, 8.0, 8.0))
        for k in range(120)
    ]
    row = results((many, []))["coco"][0]
    assert row["prediction_rank"][0::2] == row["prediction_rank"][1::2] == list(range(119, -1, -1))
