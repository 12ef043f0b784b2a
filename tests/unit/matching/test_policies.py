"""Match rectangles against the rules themselves, at every threshold where anything can change, and on either side."""

from __future__ import annotations

import math
from itertools import chain, product
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pytest
from evalstream.geometry.pairs import overlapping_pairs
from evalstream.matching import AREA_RANGES, MAX_IOU_THRESHOLD, POLICIES
from evalstream.ontology import NOTHING_DECLARED
from evalstream.scenes import Batch, Scenes, Shapes
from evalstream.selection import Selection
from evalstream.types import CODES
from hypothesis import given
from hypothesis import strategies as st

from tests.oracles import matching as oracle
from tests.oracles.matching import Box

# Few distinct values, so that equal confidences, equal overlaps and identical boxes are the rule, not the exception.
sides = st.sampled_from([0.0, 4.0, 8.0, 30.0, 40.0, 100.0])
places = st.sampled_from([0.0, 1.0, 2.0, 4.0, 10.0, 24.5])
boxes = st.tuples(places, places, sides, sides)
features = st.sampled_from("ab")
confidences = st.sampled_from([-0.5, 0.0, 0.25, 0.5, 0.5, 0.9, 1.0]) | st.floats(0, 1)
predictions = st.lists(st.builds(Box, features, boxes, confidences), max_size=9)
annotations = st.lists(
    st.builds(
        Box,
        features,
        boxes,
        crowd=st.sampled_from([False, False, False, True]),
        area=st.none() | st.sampled_from([0.0, 1024.0, 1025.0, 9216.0, 20000.0, 1e11]),
        difficult=st.sampled_from([False, False, False, True]),
    ),
    max_size=9,
)
scenes_of_boxes = st.lists(st.tuples(predictions, annotations), min_size=1, max_size=4)


def as_scenes(batch: list[tuple[list[Box], list[Box]]]) -> Scenes:
    found = [box for scene, _ in batch for box in scene]
    true = [box for _, scene in batch for box in scene]
    names = sorted({box.feature for box in found + true})
    found_end = np.cumsum([len(scene) for scene, _ in batch])
    true_end = np.cumsum([len(scene) for _, scene in batch])
    return Scenes(
        annotation_start=np.concatenate(([0], true_end[:-1])).astype(np.int64),
        annotation_end=true_end.astype(np.int64),
        prediction_start=np.concatenate(([0], found_end[:-1])).astype(np.int64),
        prediction_end=found_end.astype(np.int64),
        annotation_type=np.full(len(true), CODES["bbox"], np.int32),
        annotation_feature=np.array([names.index(box.feature) for box in true], np.int32),
        annotation_area=np.array([box.size for box in true], np.float64),
        annotation_crowd=np.array([box.crowd for box in true], np.bool_),
        annotation_difficult=np.array([box.difficult and not box.crowd for box in true], np.bool_),
        annotation_box=np.array([box.box for box in true], np.float64).reshape(-1, 4),
        prediction_type=np.full(len(found), CODES["bbox"], np.int32),
        prediction_feature=np.array([names.index(box.feature) for box in found], np.int32),
        prediction_confidence=np.array([box.confidence for box in found], np.float64),
        prediction_area=np.array([box.size for box in found], np.float64),
        prediction_box=np.array([box.box for box in found], np.float64).reshape(-1, 4),
    )


def as_batch(scenes: Scenes) -> Batch:
    """Boxes are all in the scenes' columns: there are no other shapes."""
    nothing = Shapes(pa.array([], pa.string()), np.zeros(1, np.int64), np.empty(0), pa.array([], pa.string()))
    return Batch(scenes, nothing, nothing, [], np.zeros(len(scenes.annotation_start), np.bool_), NOTHING_DECLARED)


class Rectangle(NamedTuple):
    """One rectangle, with positions within its scene."""

    prediction: int
    annotation: int
    confidence_low: float
    confidence_high: float
    iou_low: float
    iou_high: float
    area_range: int
    ignored: bool


def rectangles_of(policy: str, batch: list[tuple[list[Box], list[Box]]]) -> list[list[Rectangle]]:
    """Match; give the rectangles of each scene, plain, for they are looked at at thousands of thresholds."""
    scenes = as_scenes(batch)
    rectangles = POLICIES[policy](scenes, overlapping_pairs(as_batch(scenes)))
    of_scene = np.searchsorted(scenes.prediction_end, rectangles["prediction"], side="right")
    found: list[list[Rectangle]] = [[] for _ in batch]
    for scene, *values in zip(
        of_scene.tolist(), *(rectangles[name].tolist() for name in Rectangle._fields), strict=True
    ):
        one = Rectangle(*values)
        own = one.prediction - scenes.prediction_start[scene], one.annotation - scenes.annotation_start[scene]
        found[scene].append(one._replace(prediction=int(own[0]), annotation=int(own[1])))
    return found


def matched_at(
    rectangles: list[Rectangle], c: float, t: float, area: int = 0, ignored: bool = False
) -> set[tuple[int, int]]:
    pairs = [
        (prediction, annotation)
        for prediction, annotation, c_low, c_high, t_low, t_high, own_area, own_ignored in rectangles
        if c_low < c <= c_high and t_low < t <= t_high and own_area == area and own_ignored == ignored
    ]
    assert len(set(pairs)) == len(pairs), "two rectangles of one pair overlap"
    return set(pairs)


def around(values: set[float]) -> list[float]:
    """Each value, and the nearest number above it, within [0, 1]: from there to the next value nothing changes."""
    near = {v for value in values for v in (value, math.nextafter(value, 2))}
    return sorted(v for v in near | {0.0, 0.5, 1.0} if 0 <= v <= 1)


def thresholds(found: list[Box], true: list[Box]) -> tuple[list[float], list[float]]:
    return around({p.confidence for p in found}), around(set(chain.from_iterable(oracle.overlaps(found, true))))


# One test for several policies: to think of scenes takes longer than to match them.


@given(batch=scenes_of_boxes)
def test_rectangles_equal_the_rule_at_every_threshold(batch: list[tuple[list[Box], list[Box]]]) -> None:
    for policy, rule in oracle.RULES.items():
        if rule.limited:  # the next test's
            continue
        rectangles = rectangles_of(policy, batch)
        for scene, (found, true) in enumerate(batch):
            confidences, ious = thresholds(found, true)
            for c in confidences:
                for t in ious:
                    counted, ignored = rule.pairs(found, true, c, t, strict=rule.strict)
                    assert matched_at(rectangles[scene], c, t) == counted, (policy, c, t)
                    assert matched_at(rectangles[scene], c, t, ignored=True) == ignored, (policy, c, t)


@given(batch=scenes_of_boxes)
def test_coco_rectangles_equal_the_rule_in_every_area_range(batch: list[tuple[list[Box], list[Box]]]) -> None:
    rectangles = rectangles_of("coco", batch)
    for scene, (found, true) in enumerate(batch):
        confidences, ious = thresholds(found, true)
        for number, (name, area) in enumerate(AREA_RANGES.items()):
            for t in ious:
                for c in confidences[:: 1 if number == 0 else 4]:
                    counted, ignored = oracle.coco(found, true, c, t, area=name)
                    assert matched_at(rectangles[scene], c, t, number) == counted, (c, t)
                    if concerns(found, true, area):
                        assert matched_at(rectangles[scene], c, t, number, ignored=True) >= {
                            (i, j) for i, j in ignored if concerns(found, true, area, found[i].feature)
                        }, (c, t)


def concerns(found: list[Box], true: list[Box], area: tuple[float, float], feature: str | None = None) -> bool:
    """Whether anything of a class counts in an area range; where nothing does, ignored matches need not be kept."""
    inside = [b for b in found + true if area[0] <= b.size <= area[1] and not b.crowd]
    return area == AREA_RANGES["all"] or any(feature in (None, b.feature) for b in inside)


def test_coco_keeps_the_hundred_most_confident_of_a_class() -> None:
    crowded = [Box("a", (500.0, 0.0, 4.0, 4.0), 0.9)] * 100 + [Box("a", (0.0, 0.0, 4.0, 4.0), 0.1)]
    rectangles = rectangles_of("coco", [(crowded, [Box("a", (0.0, 0.0, 4.0, 4.0))])])
    assert matched_at(rectangles[0], 0.0, 0.5) == set()
    rectangles = rectangles_of("coco", [(crowded[1:], [Box("a", (0.0, 0.0, 4.0, 4.0))])])
    assert matched_at(rectangles[0], 0.0, 0.5) == {(99, 0)}


@pytest.mark.parametrize("policy", list(POLICIES))
def test_large_scenes_agree_with_the_rule(policy: str) -> None:
    """Segments above the size where the kernels change their sorting method."""
    rng = np.random.default_rng(3)

    def some(count: int) -> list[Box]:
        return [
            Box("ab"[rng.integers(2)], (*rng.uniform(0, 8, 2).round(1), *rng.uniform(20, 40, 2).round()), c)
            for c in rng.uniform(0, 1, count).round(1)
        ]

    found, true = some(90), some(80)
    rectangles = rectangles_of(policy, [(found, true)])
    rule = oracle.RULES[policy]
    for c in (0.0, 0.3, 0.7):
        for t in (0.0, 0.3, 0.5, 0.7, 0.9):
            expected, _ = rule.pairs(found, true, c, t, strict=rule.strict)
            assert matched_at(rectangles[0], c, t) == expected


@pytest.mark.parametrize("policy", list(POLICIES))
def test_nothing_to_match(policy: str) -> None:
    for batch in ([([], [])], [([Box("a", (0.0, 0.0, 1.0, 1.0))], [])], [([], [Box("a", (0.0, 0.0, 1.0, 1.0))])]):
        assert rectangles_of(policy, batch) == [[]]


@given(batch=scenes_of_boxes)
def test_an_overlap_exactly_at_the_threshold_matches_or_not_as_asked(batch: list[tuple[list[Box], list[Box]]]) -> None:
    """At the neighbouring float the rectangles say what the rule says with the other comparison."""
    for policy, (strict, choice) in product(POLICIES, ((False, "match"), (True, "no-match"))):
        rectangles = rectangles_of(policy, batch)
        rule = oracle.RULES[policy]
        selection = Selection(dataset="d", run="m", policy=policy, at_threshold=choice)
        for scene, (found, true) in enumerate(batch):
            confidences, ious = thresholds(found, true)
            for t in ious:
                if rule.limited and not strict and t > MAX_IOU_THRESHOLD:
                    continue  # pycocotools' guard for t = 1
                for c in confidences[::3]:
                    at = selection.threshold(t)
                    expected, _ = rule.pairs(found, true, c, t, strict=strict)
                    assert matched_at(rectangles[scene], c, at) == expected, (policy, c, t)
