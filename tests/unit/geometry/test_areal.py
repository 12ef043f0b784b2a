"""Shapes that cover an area: every pair against shapely's objects and arrays of pixels, one pair at a time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import shapely
from evalstream.geometry import bounds
from evalstream.geometry.areas import fill_areas
from evalstream.geometry.errors import GeometryError
from evalstream.geometry.polygon import polygon_measures
from evalstream.ontology import NOTHING_DECLARED, Ontology
from hypothesis import assume, given
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from tests.oracles.shapes import iou, outline
from tests.unit.geometry.areal import (
    BBOXES,
    MASKS,
    OF_TYPE,
    POLYGONS,
    ROTATED_BOXES,
    SIDES,
    Objects,
    batch_of,
    ious,
    mask,
    only,
    scenes_of,
)

ACROSS = Ontology(across_types=True)
PIXELS = Ontology(boxes="pixels")
TOLERANCE = 1e-9  # to whole shapes of some tens of units; masks are exact


def check_every_pair(
    scenes: list[tuple[Objects, Objects]], ontology: Ontology = NOTHING_DECLARED, tolerance: float = TOLERANCE
) -> None:
    found = ious(batch_of(scenes, ontology))
    assert all(0 < value <= 1 for value in found.values())
    first_p = first_a = 0
    for true, claimed in scenes:
        for p, prediction in enumerate(claimed, first_p):
            for a, annotation in enumerate(true, first_a):
                expected = 0.0
                if ontology.across_types or prediction["type"] == annotation["type"]:
                    expected = iou(prediction, annotation, one=float(ontology.boxes == "pixels"))
                assert found.pop((p, a), 0.0) == pytest.approx(expected, abs=tolerance), (prediction, annotation)
        first_p, first_a = first_p + len(claimed), first_a + len(true)
    assert not found  # nothing across scenes


@given(scenes_of(BBOXES))
def test_boxes_and_boxes_of_pixels(scenes: Any) -> None:
    check_every_pair(scenes)
    check_every_pair(scenes, PIXELS)


@given(scenes_of(ROTATED_BOXES))
def test_rotated_boxes(scenes: Any) -> None:
    check_every_pair(scenes)


@given(scenes_of(POLYGONS))
def test_polygons(scenes: Any) -> None:
    check_every_pair(scenes)


@given(scenes_of(MASKS))
def test_masks(scenes: Any) -> None:
    check_every_pair(scenes, tolerance=0)


@given(scenes_of(st.one_of(*OF_TYPE.values())))
def test_types_that_may_not_match_each_other_and_that_may(scenes: Any) -> None:
    check_every_pair(scenes)
    check_every_pair(scenes, ACROSS)


@given(scenes_of(st.one_of(BBOXES, POLYGONS, MASKS)))
def test_boxes_of_pixels_beside_other_types(scenes: Any) -> None:
    check_every_pair(scenes, Ontology(across_types=True, boxes="pixels"))


# --- properties -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", OF_TYPE)
@given(data=st.data())
def test_which_side_is_which_makes_no_difference_and_a_shape_overlaps_itself(kind: str, data: st.DataObject) -> None:
    """Wholly, or has no area; and to move both changes nothing."""
    a, b = data.draw(OF_TYPE[kind]), data.draw(OF_TYPE[kind])
    scenes = [([a], [b]), ([b], [a]), ([a], [a])]
    if kind != "mask":
        x, y = data.draw(st.integers(-8192, 8192)), data.draw(st.integers(-8192, 8192))
        scenes.append(([moved(a, x, y)], [moved(b, x, y)]))
    batch = batch_of(scenes)
    fill_areas(batch)
    found = ious(batch)
    expected, turned_round, itself, elsewhere = (found.get((place, place), 0.0) for place in range(4))
    assert expected == pytest.approx(turned_round, abs=1e-12)
    assert itself == (1.0 if batch.scenes.prediction_area[2] > 0 else 0.0)
    if kind != "mask":
        assert elsewhere == pytest.approx(expected, abs=1e-6)  # to shapes of some hundredths of a unit, at most


@given(BBOXES, BBOXES)
def test_boxes_written_as_other_shapes_are_the_same(a: Any, b: Any) -> None:
    forms = (as_polygon, as_rotated_box)
    found = ious(batch_of([([a], [b]), *(([form(a)], [form(b)]) for form in forms)]))
    across = ious(batch_of([([form(a)], [b]) for form in forms], ACROSS))
    expected = found.get((0, 0), 0.0)
    for place in range(2):
        assert found.get((place + 1, place + 1), 0.0) == pytest.approx(expected, abs=1e-12)
        assert across.get((place, place), 0.0) == pytest.approx(expected, abs=1e-12)


@given(PLACE := st.floats(-20, 20), PLACE, SIDES, SIDES, st.floats(-360, 360))
def test_to_turn_both_boxes_changes_nothing(x: float, y: float, width: float, height: float, angle: float) -> None:
    straight = only(batch_of([([turned(0, 0, 8, 5, 0)], [turned(x, y, width, height, 20)])]))
    turn = math.radians(angle)
    along, across = x * math.cos(turn) - y * math.sin(turn), x * math.sin(turn) + y * math.cos(turn)
    assume(-340 <= angle <= 340)
    found = only(batch_of([([turned(0, 0, 8, 5, angle)], [turned(along, across, width, height, 20 + angle)])]))
    assert found == pytest.approx(straight, abs=1e-9)


def turned(*box: float) -> dict[str, Any]:
    return {"type": "rotated_box", "rotated_box": list(box)}


def as_polygon(box: Any) -> dict[str, Any]:
    x, y, width, height = box["bbox"]
    ring = [[x, y], [x + width, y], [x + width, y + height], [x, y + height]]
    return {"type": "polygon", "polygon": [ring]}


def as_rotated_box(box: Any) -> dict[str, Any]:
    x, y, width, height = box["bbox"]
    return turned(x + width / 2, y + height / 2, width, height, 0)


def moved(shape: Any, x: int, y: int) -> dict[str, Any]:
    if "polygon" in shape:
        return shape | {"polygon": [[[a + x, b + y] for a, b in ring] for ring in shape["polygon"]]}
    if "multipolygon" in shape:
        pieces = [[[[a + x, b + y] for a, b in ring] for ring in rings] for rings in shape["multipolygon"]]
        return shape | {"multipolygon": pieces}
    kind = shape["type"]
    first, second, *rest = shape[kind]
    return shape | {kind: [first + x, second + y, *rest]}


# --- single cases ---------------------------------------------------------------------------------------------------

SQUARE = [[0, 0], [40, 0], [40, 40], [0, 40]]
HOLE = [[10, 10], [30, 10], [30, 30], [10, 30]]
BOWTIE = [[0, 0], [40, 40], [40, 0], [0, 40]]


def test_what_lies_in_a_hole_does_not_overlap() -> None:
    ring = {"type": "polygon", "polygon": [SQUARE, HOLE]}
    within = {"type": "polygon", "polygon": [[[12, 12], [28, 12], [28, 28], [12, 28]]]}
    assert ious(batch_of([([ring], [within])])) == {}
    assert only(batch_of([([ring], [{"type": "polygon", "polygon": [SQUARE]}])])) == 1200 / 1600


def test_areas_of_polygons_are_worked_out_unless_given() -> None:
    ring = {"type": "polygon", "polygon": [SQUARE, HOLE]}
    two = {"type": "polygon", "multipolygon": [[SQUARE], [[[50, 0], [60, 0], [60, 10]]]]}
    batch = batch_of([([ring, ring | {"area": 7}, two], [{"type": "polygon", "polygon": [BOWTIE]}])])
    fill_areas(batch)
    assert batch.scenes.annotation_area.tolist() == [1200, 7, 1650]
    assert batch.scenes.prediction_area.tolist() == [800]


def test_what_was_repaired_is_named() -> None:
    good, bad = {"type": "polygon", "polygon": [SQUARE]}, {"type": "polygon", "polygon": [BOWTIE]}
    flat = {"type": "polygon", "polygon": [[[0, 0], [5, 5], [9, 9]]]}
    box = {"type": "bbox", "bbox": [0, 0, 1, 1]}
    batch = batch_of([([good], [box, bad]), ([bad, good, box], [good, flat])])
    annotations, predictions = polygon_measures(batch)
    assert {annotations.name, predictions.name} == {"repaired"}
    assert (annotations.scene.tolist(), annotations.annotation.tolist()) == ([1], [1])
    assert (predictions.scene.tolist(), predictions.prediction.tolist()) == ([0, 1], [1, 3])
    assert annotations.prediction.tolist() == [-1]
    assert predictions.value.tolist() == [[800.0], [0.0]]
    assert polygon_measures(batch_of([([good], [box])])) == []


def test_a_closed_ring_is_the_open_one() -> None:
    closed = {"type": "polygon", "polygon": [[*SQUARE, SQUARE[0]]]}
    batch = batch_of([([closed], [{"type": "polygon", "polygon": [SQUARE]}])])
    assert only(batch) == 1.0
    assert polygon_measures(batch) == []


def test_many_shapes_in_one_scene(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    shapes = [turned(*rng.uniform(0, 100, 2), *rng.uniform(1, 9, 2), rng.uniform(0, 90)) for _ in range(200)]
    polygons = [
        {"type": "polygon", "polygon": [shapely.get_coordinates(outline(shape))[:-1].tolist()]} for shape in shapes
    ]
    scenes = [(polygons[:100], polygons[100:]), (polygons[:3], polygons[:2])]
    compared = ious(batch_of(scenes))
    monkeypatch.setattr(bounds, "MANY", 50)
    assert ious(batch_of(scenes)) == compared
    assert len(compared) > 50


@given(st.lists(MASKS, min_size=1, max_size=5), st.lists(st.tuples(MASKS, st.booleans()), min_size=1, max_size=5))
def test_masks_overlap_as_in_pycocotools(predictions: list[Any], annotations: list[tuple[Any, bool]]) -> None:
    sent = [one | {"crowd": crowd} for one, crowd in annotations]
    rles = [[coco_mask.frPyObjects(one["mask"], *one["mask"]["size"]) for one in side] for side in (predictions, sent)]
    expected = coco_mask.iou(*rles, [crowd for _, crowd in annotations])
    found = ious(batch_of([([], predictions), (sent, predictions), (sent, [])]))
    n = len(predictions)
    pairs = {(n + int(p), int(a)): float(expected[p, a]) for p, a in zip(*np.nonzero(expected > 0), strict=True)}
    assert found == pairs


def test_masks_that_are_no_run_lengths_are_an_error() -> None:
    one = mask(np.ones((3, 4)))
    batch = batch_of([([one], [one])])
    for counts in ("0", "0405", "", "d0"):
        detail = f'{{"size":[3,4],"counts":"{counts}"}}'
        with pytest.raises(GeometryError, match="run lengths"):
            ious(batch._replace(predictions=batch.predictions._replace(detail=pa.array([detail]))))


def test_masks_of_different_sizes_are_an_error_that_names_them() -> None:
    a, b = mask(np.ones((3, 4))), mask(np.ones((4, 3)))
    expected = r"one size \(height x width\): annotation 'a1' is 3 x 4, prediction 'p0' is 4 x 3"
    with pytest.raises(GeometryError, match=expected):
        ious(batch_of([([{"type": "bbox", "bbox": [0, 0, 1, 1]}, a], [b])]))
    assert ious(batch_of([([a], [a]), ([b], [b])])) == {(0, 0): 1.0, (1, 1): 1.0}  # of two rows they may be


def test_a_box_far_larger_than_the_image_is_drawn_as_far_as_it_is_on_it() -> None:
    box = {"type": "bbox", "bbox": [-1e12, -1e12, 2e12, 2e12]}
    pixels = np.zeros((20, 30))
    pixels[5:10, 5:10] = 1
    assert only(batch_of([([mask(pixels)], [box])], ACROSS)) == 25 / 600
    far = {"type": "rotated_box", "rotated_box": [1e9, 1e9, 5, 5, 3]}
    assert only(batch_of([([mask(pixels)], [far])], ACROSS)) == 0
    with_hole = {"type": "polygon", "polygon": [[[-1e9, -1e9], [1e9, -1e9], [1e9, 1e9], [-1e9, 1e9]], HOLE]}
    assert only(batch_of([([mask(np.ones((20, 30)))], [with_hole])], ACROSS)) == 400 / 600


def test_pixels_of_an_outline_are_those_whose_centres_lie_within() -> None:
    """Nearly: COCO's rules decide at the edge. Against shapely, and so not against the rules that are used."""
    rng = np.random.default_rng(1)
    x, y = np.meshgrid(np.arange(120) + 0.5, np.arange(100) + 0.5)
    for _ in range(20):
        box = turned(*rng.uniform(20, 80, 2), *rng.uniform(20, 60, 2), rng.uniform(0, 90))
        shape = outline(box)
        other = mask(shapely.contains_xy(shape, x, y))
        assert only(batch_of([([other], [box])], ACROSS)) > 0.93
        assert only(batch_of([([box], [other])], ACROSS)) > 0.93


def test_a_box_of_pixels_covers_its_first_pixel_and_its_last() -> None:
    """VOCevaldet.m: boxes [1 1 10 10] and [6 1 15 10] have 5 x 10 pixels in common, of 150."""
    a, b = ({"type": "bbox", "bbox": [left, 1, 9, 9]} for left in (1, 6))
    assert only(batch_of([([a], [b])], PIXELS)) == 50 / 150
    assert only(batch_of([([a], [b])])) == 36 / 126
    beside = {"type": "bbox", "bbox": [10, 1, 9, 9]}
    assert only(batch_of([([a], [beside])], PIXELS)) == 10 / 190
    assert only(batch_of([([a], [beside])])) == 0
