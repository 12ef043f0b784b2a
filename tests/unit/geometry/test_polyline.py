"""Lines with a width, and distances between lines: against shapely, SciPy and the definitions written out."""

from __future__ import annotations

import math

import numpy as np
import pytest
import shapely
import similaritymeasures
from evalstream.geometry.polyline import (
    SAMPLES_LIMIT,
    Samples,
    distances,
    polyline_measures,
    polyline_pairs,
    samples,
)
from evalstream.ontology import Ontology, OntologyClass
from evalstream.types import CODES
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist, directed_hausdorff
from shapely import LineString

from tests.examples import some_examples
from tests.unit.geometry.shapes import Shape, batch_of

CODE = CODES["polyline"]
ONTOLOGY = Ontology(classes=[OntologyClass(name="b", tolerance=6.0)], tolerance=3.0)
TOLERANCE = {"a": 3.0, "b": 6.0}
NAMES = ("chamfer", "hausdorff", "frechet")

# Few coordinates, so that lines coincide, double back and shrink to a point.
coordinates = st.sampled_from([0.0, 1.0, 2.5, 6.0, 9.0, 12.0, 40.0])
lines = st.builds(
    Shape,
    st.lists(st.tuples(coordinates, coordinates), min_size=2, max_size=5).map(lambda xy: [v for p in xy for v in p]),
    st.sampled_from(["a", "b"]),
)
scenes = st.lists(st.tuples(st.lists(lines, max_size=3), st.lists(lines, max_size=3)), max_size=3)


def as_line(shape: Shape) -> LineString:
    return LineString(np.reshape(shape.numbers, (-1, 2)))


def iou(found: Shape, true: Shape) -> float:
    """The definition, one pair at a time."""
    first, second = (as_line(shape).buffer(TOLERANCE[true.feature]) for shape in (found, true))
    return first.intersection(second).area / first.union(second).area


@some_examples(0.6)
@given(scenes)
def test_iou_is_that_of_the_widened_lines(scenes: list[tuple[list[Shape], list[Shape]]]) -> None:
    found = polyline_pairs(batch_of("polyline", scenes, ONTOLOGY), CODE)
    got = dict(zip(zip(found.prediction, found.annotation, strict=True), found.iou, strict=True))
    first_annotation = first_prediction = 0
    for true_ones, predictions in scenes:
        for p, one in enumerate(predictions):
            for a, other in enumerate(true_ones):
                value = got.pop((first_prediction + p, first_annotation + a), 0.0)
                assert value == pytest.approx(iou(one, other), abs=1e-9)
        first_annotation += len(true_ones)
        first_prediction += len(predictions)
    assert not got, "pairs across scenes"
    assert [*zip(found.prediction, found.annotation, strict=True)] == sorted(
        zip(found.prediction, found.annotation, strict=True)
    )


def measured(one: Shape, other: Shape, ontology: Ontology = ONTOLOGY) -> dict[str, float]:
    batch = batch_of("polyline", [([other], [one])], ontology)
    first = np.zeros(1, np.int32)
    found = {measure.name: float(measure.value[0, 0]) for measure in polyline_measures(batch, first, first)}
    assert tuple(found) == NAMES
    return found


def by_definition(a: np.ndarray, b: np.ndarray) -> dict[str, float]:
    """Chamfer and Fréchet written out, Hausdorff by SciPy, of two rows of points."""
    apart = cdist(a, b)
    reached = np.empty_like(apart)
    for i in range(len(a)):
        for j in range(len(b)):
            before = [reached[k, m] for k, m in ((i - 1, j), (i, j - 1), (i - 1, j - 1)) if k >= 0 and m >= 0]
            reached[i, j] = max(min(before, default=0.0), apart[i, j])
    return {
        "chamfer": (apart.min(axis=1).mean() + apart.min(axis=0).mean()) / 2,
        "hausdorff": max(directed_hausdorff(a, b)[0], directed_hausdorff(b, a)[0]),
        "frechet": reached[-1, -1],
    }


@some_examples(0.3)
@given(lines, lines)
def test_distances_are_those_of_points_along_the_lines(one: Shape, other: Shape) -> None:
    found = measured(one, other)
    tolerance = TOLERANCE[other.feature]
    a, b = (along(as_line(shape), tolerance) for shape in (one, other))
    assert found == pytest.approx(by_definition(a, b), abs=1e-9)
    assert found["frechet"] == pytest.approx(similaritymeasures.frechet_dist(a, b), abs=1e-9)
    assert found["hausdorff"] == pytest.approx(
        shapely.hausdorff_distance(shapely.MultiPoint(a), shapely.MultiPoint(b)), abs=1e-9
    )


def along(line: LineString, tolerance: float) -> np.ndarray:
    """Points at equal distances, a fifth of the tolerance at most, as the definition says."""
    count = max(math.ceil(line.length / (tolerance / 5) - 1e-9), 1)
    return np.array([line.interpolate(i / count, normalized=True).coords[0] for i in range(count + 1)])


@some_examples(0.6)
@given(lines, lines)
def test_distances_hold_together(one: Shape, other: Shape) -> None:
    one, other = one._replace(feature="a"), other._replace(feature="a")
    forth, back = measured(one, other), measured(other, one)
    assert forth == pytest.approx(back, abs=1e-9), "neither side is special"
    assert forth["chamfer"] <= forth["hausdorff"] + 1e-9
    assert forth["hausdorff"] <= forth["frechet"] + 1e-9
    # The true distance is between all points of the lines: within half a step, a tenth of the tolerance.
    both = [as_line(shape) for shape in (one, other)]
    if all(line.length for line in both):
        dense = [shapely.segmentize(line, 0.2) for line in both]
        assert forth["hausdorff"] == pytest.approx(shapely.hausdorff_distance(*dense), abs=3.0 / 10 + 0.1)


@some_examples(0.6)
@given(lines, lines, st.integers(-10_000, 10_000), st.integers(-10_000, 10_000))
def test_place_does_not_matter(one: Shape, other: Shape, dx: int, dy: int) -> None:
    moved = [
        shape._replace(numbers=(np.reshape(shape.numbers, (-1, 2)) + np.array([dx, dy])).ravel())
        for shape in (one, other)
    ]
    assert measured(*moved) == pytest.approx(measured(one, other), abs=1e-8)
    ious = [
        polyline_pairs(batch_of("polyline", [([b], [a])], ONTOLOGY), CODE).iou.tolist()
        for a, b in ((one, other), moved)
    ]
    assert sum(ious[0]) == pytest.approx(sum(ious[1]), abs=1e-8)


@given(lines)
def test_a_line_is_itself(line: Shape) -> None:
    found = polyline_pairs(batch_of("polyline", [([line], [line])], ONTOLOGY), CODE)
    assert found.iou.tolist() == [1.0]
    assert measured(line, line) == dict.fromkeys(NAMES, 0.0)


def test_the_other_way_round_is_the_same_line_to_all_but_frechet() -> None:
    line = Shape([0.0, 0.0, 10.0, 0.0, 10.0, 30.0], "a")
    back = Shape([10.0, 30.0, 10.0, 0.0, 0.0, 0.0], "a")
    found = polyline_pairs(batch_of("polyline", [([line], [back])], ONTOLOGY), CODE)
    assert found.iou[0] == pytest.approx(1, abs=1e-12)
    distances = measured(line, back)
    assert distances["chamfer"] == pytest.approx(0, abs=1e-12)
    assert distances["hausdorff"] == pytest.approx(0, abs=1e-12)
    assert distances["frechet"] == pytest.approx(math.hypot(10, 30))


def test_a_line_without_length_is_a_disc() -> None:
    one, other = Shape([5.0, 5.0] * 3, "a"), Shape([5.0, 5.0] * 2, "a")
    assert polyline_pairs(batch_of("polyline", [([one], [other])], ONTOLOGY), CODE).iou.tolist() == [1.0]
    apart = Shape([8.0, 9.0] * 2, "a")
    assert measured(one, apart) == dict.fromkeys(NAMES, 5.0)


def test_frechet_is_the_least_leash_even_where_shapely_finds_a_longer_one() -> None:
    """GEOS 3.14 is too long here (5.39), and shapely with it: along these lines a leash of √17 will do."""
    one = Shape([3.0, 2.0, 4.0, 1.0, 4.0, 4.0, 3.0, 5.0, 5.0, 0.0, 4.0, 3.0], "a")
    other = Shape([5.0, 2.0, 0.0, 4.0, 0.0, 2.0], "a")
    points = [np.reshape(shape.numbers, (-1, 2)) for shape in (one, other)]
    sampled = [Samples(xy, np.array([0, len(xy)])) for xy in points]
    assert distances(*sampled)[0, 2] == pytest.approx(math.sqrt(17))
    assert similaritymeasures.frechet_dist(*points) == pytest.approx(math.sqrt(17))
    assert shapely.frechet_distance(as_line(one), as_line(other)) >= math.sqrt(17)


def test_a_long_line_has_a_limited_number_of_points() -> None:
    found = samples(np.array([0.0, 0.0, 1e7, 0.0]), np.array([4]), np.array([1.0]))
    assert found.start.tolist() == [0, SAMPLES_LIMIT]
    assert found.xy[0].tolist() == [0, 0]
    assert found.xy[-1].tolist() == [1e7, 0]


def test_lines_so_far_out_that_their_width_vanishes() -> None:
    """At 10^15 a tolerance of 10^-9 is rounded away, and there is no area to divide by."""
    far, apart = (Shape([1e15, y, 1e15 + 8, y], "a") for y in (1e15, 1e15 + 8))
    batch = batch_of("polyline", [([far, apart], [far])], Ontology(tolerance=1e-9))
    assert polyline_pairs(batch, CODE).iou.tolist() == [1.0]
