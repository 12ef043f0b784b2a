"""Points within a tolerance: against every pair, one by one."""

from __future__ import annotations

import math

import numpy as np
from evalstream.geometry.point import point_measures, point_pairs
from evalstream.ontology import Ontology, OntologyClass
from evalstream.types import CODES
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.geometry.shapes import Shape, batch_of

CODE = CODES["point"]
ONTOLOGY = Ontology(classes=[OntologyClass(name="b", tolerance=5.0), OntologyClass(name="unused")], tolerance=2.5)
TOLERANCE = {"a": 2.5, "b": 5.0}

# Whole numbers, so that many lie exactly on the border: 3, 4 and 5 make a right angle.
points = st.builds(
    Shape,
    st.tuples(st.integers(-6, 6), st.integers(-6, 6)),
    st.sampled_from(["a", "b"]),
)
scenes = st.lists(st.tuples(st.lists(points, max_size=5), st.lists(points, max_size=5)), max_size=4)


@given(scenes)
def test_pairs_are_those_within_the_tolerance(scenes: list[tuple[list[Shape], list[Shape]]]) -> None:
    batch = batch_of("point", scenes, ONTOLOGY)
    expected = []
    first_annotation = first_prediction = 0
    for true_ones, predictions in scenes:
        for p, found in enumerate(predictions):
            for a, true in enumerate(true_ones):
                distance, tolerance = math.dist(found.numbers, true.numbers), TOLERANCE[true.feature]
                if distance <= tolerance:
                    expected.append((first_prediction + p, first_annotation + a, distance, tolerance))
        first_annotation += len(true_ones)
        first_prediction += len(predictions)

    found = point_pairs(batch, CODE)
    assert [*zip(found.prediction, found.annotation, strict=True)] == [pair[:2] for pair in expected]
    np.testing.assert_allclose(found.iou, [2 - d / t for *_, d, t in expected], rtol=0, atol=1e-12)
    assert np.all((found.iou > 1) & (found.iou <= 2))

    (measure,) = point_measures(batch, found.prediction, found.annotation)
    np.testing.assert_allclose(measure.value[:, 0], [d for _, _, d, _ in expected], rtol=0, atol=1e-12)
    owners = [s for s, (_, predictions) in enumerate(scenes) for _ in predictions]
    assert measure.scene.tolist() == [owners[p] for p in found.prediction]


def test_the_border_belongs_to_the_tolerance_and_nothing_beyond_it() -> None:
    at = [Shape((3.0, 4.0), "b"), Shape((3.0, math.nextafter(4.0, 5.0)), "b")]
    found = point_pairs(batch_of("point", [([Shape((0.0, 0.0), "b")], at)], ONTOLOGY), CODE)
    assert found.prediction.tolist() == [0]
    assert found.iou[0] > 1, "above every IoU threshold, and no IoU itself"


@given(points, points, st.integers(-1000, 1000))
def test_neither_side_nor_place_matters(one: Shape, other: Shape, shift: int) -> None:
    one, other = one._replace(feature="a"), other._replace(feature="a")
    moved = [shape._replace(numbers=[x + shift for x in shape.numbers]) for shape in (one, other)]
    ways = [([one], [other]), ([other], [one]), ([moved[0]], [moved[1]])]
    found = [point_pairs(batch_of("point", [way], ONTOLOGY), CODE).iou.tolist() for way in ways]
    assert found[0] == found[1] == found[2]


def test_many_points_do_not_take_every_pair() -> None:
    rng = np.random.default_rng(0)
    xy = rng.uniform(0, 1e5, (20_000, 2))
    batch = batch_of("point", [([Shape(p) for p in xy], [Shape(p) for p in xy + 1.0])])
    found = point_pairs(batch, CODE)
    assert np.count_nonzero(found.prediction == found.annotation) == 20_000
