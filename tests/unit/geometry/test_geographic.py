"""Shapes in degrees on local maps: areas and distances against geodesics, boxes against a fine grid."""

from __future__ import annotations

import json
import math
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import shapely
from evalstream.geometry.areas import fill_areas
from evalstream.geometry.bbox import box_iou
from evalstream.geometry.errors import GeometryError
from evalstream.geometry.geographic import azimuthal_points, cylindrical_boxes, localised
from evalstream.geometry.pairs import overlapping_pairs
from evalstream.ontology import NOTHING_DECLARED, Ontology
from evalstream.scenes import Batch, Float, Scenes, Shapes
from evalstream.types import CODES
from pyproj import Geod, Proj

EARTH = Geod(ellps="WGS84")
Thing = dict[str, Any]


def column(things: list[Thing], key: str, kind: type, missing: Any = 0) -> Any:
    return np.array([thing.get(key, missing) for thing in things], kind)


def batch_of(
    annotations: list[Thing], predictions: list[Thing], *, lonlat: bool = True, ontology: Ontology = NOTHING_DECLARED
) -> Batch:
    """One scene. A thing has a type and its numbers, a polygon the sizes of its rings, anything an area."""

    def side(things: list[Thing]) -> tuple[Any, Any, Any, Shapes]:
        value = [np.array(thing["value"], np.float64) for thing in things]
        start = np.concatenate(([0], np.cumsum([len(one) for one in value]))).astype(np.int64)
        box = np.zeros((len(things), 4))
        area = np.full(len(things), np.nan)
        for i, thing in enumerate(things):
            if thing["type"] == "bbox":
                box[i] = value[i]
            if thing["type"] in ("bbox", "rotated_box", "keypoints"):
                area[i] = value[i][2] * value[i][3]
            area[i] = thing.get("area", area[i])
        detail = [
            json.dumps([[len(one) // 2]]) if t["type"] == "polygon" else ""
            for t, one in zip(things, value, strict=True)
        ]
        shapes = Shapes(
            pa.array([f"#{i}" for i in range(len(things))], pa.string()),
            start,
            np.concatenate([*value, np.empty(0)]),
            pa.array(detail, pa.string()),
        )
        return np.array([CODES[t["type"]] for t in things], np.int32), area, box, shapes

    a_type, a_area, a_box, a_shapes = side(annotations)
    p_type, p_area, p_box, p_shapes = side(predictions)
    scenes = Scenes(
        np.array([0]), np.array([len(annotations)]), np.array([0]), np.array([len(predictions)]),
        a_type, np.zeros(len(annotations), np.int32), a_area, np.zeros(len(annotations), np.bool_),
        np.zeros(len(annotations), np.bool_), a_box,
        p_type, np.zeros(len(predictions), np.int32), np.ones(len(predictions)), p_area, p_box,
    )  # fmt: skip
    return Batch(scenes, a_shapes, p_shapes, ["thing"], np.array([lonlat]), ontology)


def ious(batch: Batch) -> dict[tuple[int, int], float]:
    local = localised(batch)
    fill_areas(local)
    pairs = overlapping_pairs(local)
    prediction = np.repeat(np.arange(len(pairs.start) - 1), np.diff(pairs.start))
    return {(int(p), int(a)): float(v) for p, a, v in zip(prediction, pairs.annotation, pairs.iou, strict=True)}


def thing(kind: str, *value: float, **more: Any) -> Thing:
    return {"type": kind, "value": value, **more}


def ring(box: tuple[float, float, float, float]) -> list[float]:
    x, y, width, height = box
    return [x, y, x + width, y, x + width, y + height, x, y + height]


# --- boxes ----------------------------------------------------------------------------------------------------------


@cache  # of each box and its overlaps again and again
def true_area(west: float, south: float, east: float, north: float) -> float:
    """The area of a box of degrees, as a polygon with many points along its parallels, on the ellipsoid."""
    share = np.linspace(0, 1, 4001)
    lon = np.concatenate((west + (east - west) * share, east - (east - west) * share))
    lat = np.repeat((south, north), len(share))
    return abs(EARTH.polygon_area_perimeter(lon, lat)[0])


def true_iou(one: Float, other: Float) -> float:
    west, south = np.maximum(one[:2], other[:2])
    east, north = np.minimum(one[:2] + one[2:], other[:2] + other[2:])
    if east <= west or north <= south:
        return 0.0
    both = true_area(west, south, east, north)
    own, others = (true_area(x, y, x + w, y + h) for x, y, w, h in (one, other))
    return both / (own + others - both)


@pytest.mark.parametrize("latitude", [-89.9, -60, -0.1, 0, 37, 80, 89.8])
def test_boxes_overlap_as_on_the_ellipsoid(latitude: float) -> None:
    rng = np.random.default_rng(1)
    for size in (0.15, 0.01):
        x, y = 20 + rng.random(6) * size, latitude + rng.random(6) * size / 2
        boxes = np.column_stack((x, y, size * rng.uniform(0.3, 0.8, 6), size * rng.uniform(0.05, 0.55, 6)))
        boxes[:, 3] = np.minimum(boxes[:, 3], 90 - boxes[:, 1])
        local = cylindrical_boxes(boxes)
        for i in range(6):
            area = true_area(boxes[i, 0], boxes[i, 1], boxes[i, 0] + boxes[i, 2], boxes[i, 1] + boxes[i, 3])
            assert local[i, 2] * local[i, 3] == pytest.approx(area, rel=1e-7)
            for j in range(6):
                wanted = true_iou(boxes[i], boxes[j])
                assert box_iou(local[i], local[j], False) == pytest.approx(wanted, rel=1e-6, abs=1e-12)


def test_the_cylindrical_map_is_projs() -> None:
    project = Proj(proj="cea", ellps="WGS84")
    rng = np.random.default_rng(2)
    west, south = rng.uniform(-180, -90, 50), rng.uniform(-90, 80, 50)
    boxes = np.column_stack((west, south, rng.uniform(0, 90, 50), rng.uniform(0, 10, 50)))
    local = cylindrical_boxes(boxes)
    x, y = project(boxes[:, 0], boxes[:, 1])
    _, top = project(boxes[:, 0], boxes[:, 1] + boxes[:, 3])
    # x is counted from the cut: whatever it is, differences are the same.
    np.testing.assert_allclose(local[:, 0] - local[0, 0], np.array(x) - x[0], atol=1e-6)
    np.testing.assert_allclose(local[:, 1], np.array(y) - np.min(y), atol=1e-6)
    np.testing.assert_allclose(local[:, 3], np.array(top) - y, atol=1e-6)


def test_equal_boxes_have_an_iou_of_exactly_1() -> None:
    rng = np.random.default_rng(3)
    for scale in (1e-6, 1e-3, 1.0, 20.0):
        for near in (1.0, 100.0):  # the cut, and each other
            corner = np.array([[-100], [40.0]]) + np.minimum(scale * near, 30) * rng.random((2, 2000))
            boxes = np.column_stack((*corner, *(scale * rng.uniform(0.1, 1, (2, 2000)))))
            assert all(box_iou(box, box, False) == 1 for box in cylindrical_boxes(boxes))


def test_a_box_of_a_third_of_a_metre_keeps_its_digits_near_the_pole() -> None:
    """At 89.99 degrees, 0.3 m are 2.7e-6 degrees of latitude: one box half above another."""
    height = 0.3 / 111_694
    for latitude in (0.0, 60.0, 89.0, 89.99):
        width = height / math.cos(math.radians(latitude))
        one, other = (np.array([10.0, south, width, height]) for south in (latitude, latitude + height / 2))
        local = cylindrical_boxes(np.stack((one, other)))
        share = true_share(latitude, height)
        assert box_iou(local[0], local[1], False) == pytest.approx(share, rel=3e-6)


def true_share(south: float, height: float) -> float:
    """IoU of a box with itself half its height further north, which is narrower there by the cosine."""
    middle = [math.cos(math.radians(south + height * part)) for part in (0.25, 0.75, 1.25)]
    return middle[1] / sum(middle)


def test_boxes_across_the_antimeridian_are_like_any_others() -> None:
    here = np.array([[1.0, 10, 2, 1], [2.0, 10, 2, 1], [-1.0, 10, 3, 1]])
    there = here.copy()
    there[:, 0] = (here[:, 0] + 178 + 180) % 360 - 180
    assert there[0, 0] == 179  # to 181
    assert there[1, 0] == -180  # to -178
    for i in range(3):
        for j in range(3):
            one, other = (box_iou(*cylindrical_boxes(boxes)[[i, j]], False) for boxes in (here, there))
            assert one == pytest.approx(other, rel=1e-9)
            assert (one == 1) == (i == j)


def test_boxes_all_round_the_earth_need_a_meridian_between_them() -> None:
    tiles = np.array([[lon, 0.0, 60, 10] for lon in range(-180, 180, 60)])
    local = cylindrical_boxes(tiles)
    assert np.allclose(local[:, 2], 2 * math.pi * EARTH.a / 6)
    assert all(box_iou(local[i], local[j], False) == (i == j) for i in range(6) for j in range(6))
    with pytest.raises(GeometryError, match="all the way round"):
        cylindrical_boxes(tiles + np.array([0, 0, 1, 0]))


# --- everything else ------------------------------------------------------------------------------------------------


def some_places(rng: np.random.Generator, reach: float) -> tuple[Float, Float]:
    """A star of points around anywhere on earth, in order."""
    lon, lat = rng.uniform(-180, 180), np.rad2deg(np.arcsin(rng.uniform(-1, 1)))
    azimuth, far = np.sort(rng.uniform(0, 360, 8)), reach * rng.uniform(0.4, 1, 8)
    lons, lats, _ = EARTH.fwd(np.full(8, lon), np.full(8, lat), azimuth, far)
    return np.array(lons), np.array(lats)


@pytest.mark.parametrize(
    ("reach", "of_area", "of_distance"), [(100, 1e-6, 1e-7), (5e3, 1e-5, 1e-6), (25e3, 5e-5, 1e-5)]
)
def test_areas_and_distances_are_those_of_geodesics(reach: float, of_area: float, of_distance: float) -> None:
    rng = np.random.default_rng(4)
    for _ in range(100):
        lon, lat = some_places(rng, reach)
        xy = azimuthal_points(lon, lat)
        area = abs(EARTH.geometry_area_perimeter(shapely.Polygon(np.column_stack((lon, lat))))[0])
        assert shapely.Polygon(xy).area == pytest.approx(area, rel=of_area)
        distance = EARTH.inv(lon[:4], lat[:4], lon[4:], lat[4:])[2]
        np.testing.assert_allclose(np.hypot(*(xy[:4] - xy[4:]).T), distance, rtol=of_distance)


def test_a_polygon_around_the_pole() -> None:
    lon, lat = np.arange(-180.0, 180, 10), np.full(36, 89.5)
    area = abs(EARTH.polygon_area_perimeter(lon, lat)[0])
    assert shapely.Polygon(azimuthal_points(lon, lat)).area == pytest.approx(area, rel=1e-6)


def test_shapes_on_both_sides_of_the_earth_do_not_go_on_one_map() -> None:
    with pytest.raises(GeometryError, match="too far apart"):
        azimuthal_points(np.array([0.0, 180]), np.array([0.0, 0]))


def test_every_type_overlaps_on_the_ground() -> None:
    """At 60 degrees north a degree of longitude is half a degree of latitude: there shapes are narrow."""
    north = 60.0
    metre = 1 / 111_412  # of latitude, in degrees, at 60 degrees
    box, half = (7.0, north, 100 * metre, 100 * metre), (7.0, north, 100 * metre, 50 * metre)
    found = ious(
        batch_of([thing("polygon", *ring(box))], [thing("polygon", *ring(half)), thing("polygon", *ring(box))])
    )
    assert found == {(0, 0): pytest.approx(0.5, rel=1e-4), (1, 0): 1}
    turned = [(x + w / 2, y + h / 2, w, h, 0.0) for x, y, w, h in (box, half)]
    found = ious(batch_of([thing("rotated_box", *turned[0])], [thing("rotated_box", *one) for one in turned]))
    assert found == {(0, 0): 1, (1, 0): pytest.approx(0.5, rel=1e-4)}
    # A box turned by 90 degrees has its sides swapped in degrees, as on the picture of a map.
    x, y, _, _, _ = turned[1]
    found = ious(
        batch_of([thing("rotated_box", *turned[1])], [thing("rotated_box", x, y, 50 * metre, 100 * metre, 90.0)])
    )
    assert found == {(0, 0): pytest.approx(1, abs=1e-9)}
    away = (7.0, north + 4 * metre)
    found = ious(batch_of([thing("point", 7.0, north)], [thing("point", *away), thing("point", 7 + 11 * metre, north)],
                          ontology=Ontology(tolerance=8)))  # fmt: skip
    assert found == {(0, 0): pytest.approx(2 - 4 / 8, abs=1e-4), (1, 0): pytest.approx(2 - 5.5 / 8, abs=3e-3)}


def test_points_of_every_type_lie_as_far_apart_as_on_the_ground() -> None:
    lon, lat = (179.99, -179.98), (60.0, 60.01)
    flat = [lon[0], lat[0], lon[1], lat[1]]
    things = [
        thing("polyline", *flat),
        thing("polygon", *flat, 179.0, 60.0),
        thing("keypoints", *flat[:2], 0.5, *flat[2:], 0.5),
    ]
    shapes = localised(batch_of([thing("keypoints", -179.99, 60, 0.01, 0.01, *flat[:2], 2, *flat[2:], 2)], things))
    second = np.array([2, 2, 3])
    start = shapes.predictions.start[:3]
    found = [
        (shapes.predictions.value[s : s + 2], shapes.predictions.value[s + k : s + k + 2])
        for s, k in zip(start, second, strict=True)
    ]
    found.append((shapes.annotations.value[4:6], shapes.annotations.value[7:9]))
    for one, other in found:
        assert math.dist(one, other) == pytest.approx(EARTH.inv(lon[0], lat[0], lon[1], lat[1])[2], rel=1e-5)
    assert shapes.predictions.value[start[2] + 2] == 0.5  # a score is no place
    assert shapes.scenes.prediction_area[2] > 0


def test_areas_are_square_metres_unless_the_annotation_has_its_own() -> None:
    box = (7.0, 60.0, 0.001, 0.002)
    area = true_area(7, 60, 7.001, 60.002)
    kinds = [
        thing("bbox", *box),
        thing("polygon", *ring(box)),
        thing("rotated_box", 7.0005, 60.001, 0.001, 0.002, 0),
        thing("keypoints", *box, 7.0002, 60.0002, 2, 0, 0, 0),
    ]
    local = localised(batch_of([*kinds, *(one | {"area": 5.0} for one in kinds)], []))
    fill_areas(local)
    assert local.scenes.annotation_area[:4] == pytest.approx(np.full(4, area), rel=1e-4)
    assert local.scenes.annotation_area[0] == pytest.approx(area, rel=1e-9)
    assert local.scenes.annotation_area[4:].tolist() == [5.0] * 4


def test_keypoints_that_are_not_labelled_are_nowhere() -> None:
    """They stand at 0, 0, which in degrees is a place in the Atlantic."""
    metre = 1 / 110_574
    value = (100.0, 0.0, 50 * metre, 50 * metre, 100.0, 0.0, 2.0, 0.0, 0.0, 0.0)
    found = localised(batch_of([thing("keypoints", *value)], [thing("keypoints", 100.0, 3 * metre, 1, 100.0, 0.0, 1)]))
    annotated, predicted = found.annotations.value, found.predictions.value
    assert annotated[7:].tolist() == [0, 0, 0]
    assert math.dist(annotated[4:6], predicted[:2]) == pytest.approx(3, rel=1e-4)
    assert annotated[2:4] == pytest.approx([50, 50], rel=1e-2)


def test_boxes_and_polygons_face_each_other_where_types_may() -> None:
    both = Ontology(across_types=True)
    box = (-0.4, 50.0, 0.8, 0.4)
    share = np.linspace(0, 1, 500, endpoint=False)
    fine = [v for i in range(4) for s in share for v in _between(ring(box), i, s)]
    found = ious(batch_of([thing("bbox", *box), thing("polygon", *fine)], [thing("bbox", *box)], ontology=both))
    assert found == {(0, 0): 1, (0, 1): pytest.approx(1, abs=1e-6)}


def _between(corners: list[float], side: int, share: float) -> tuple[float, float]:
    x, y, to_x, to_y = (corners * 2)[2 * side : 2 * side + 4]
    return x + (to_x - x) * share, y + (to_y - y) * share


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (thing("point", 180.5, 0), "prediction '#0' has a longitude of 180.5: they go from -180 to 180"),
        (thing("polygon", 0, 89, 1, 91, 1, 89), "prediction '#0' has a latitude of 91: they go from -90 to 90"),
        (thing("bbox", 0, 89, 1, 2), "prediction '#0' has an edge at latitude 91, beyond the pole"),
        (thing("bbox", 0, 0, 361, 2), "prediction '#0' has a width of 361 degrees: the earth has 360"),
        (thing("rotated_box", 0, 89, 1, 4, 0), "prediction '#0' has a corner at latitude 91, beyond the pole"),
        (thing("rotated_box", 0, 0, 1e6, 1, 0), "prediction '#0' has a side of 1000000 degrees: the earth has 360"),
    ],
)
def test_what_is_not_on_the_earth_is_refused_by_its_name(wrong: Thing, reason: str) -> None:
    with pytest.raises(GeometryError) as error:
        localised(batch_of([thing("point", 0, 0)], [wrong]))
    assert str(error.value) == reason


def test_boxes_of_pixels_are_not_boxes_of_degrees() -> None:
    with pytest.raises(GeometryError, match="declared to be `pixels`"):
        localised(batch_of([thing("bbox", 0, 0, 1, 1)], [], ontology=Ontology(boxes="pixels")))


def test_a_box_may_reach_to_the_pole() -> None:
    height = 0.07 + 3e-14
    assert 89.93 + height > 90  # as may be if it was worked out
    for kind in ("bbox", "rotated_box"):
        corner = (10.0, 89.93) if kind == "bbox" else (10.5, 89.965)
        box = thing(kind, *corner, 1.0, height, *([0.0] if kind == "rotated_box" else []))
        assert ious(batch_of([box], [box])) == {(0, 0): 1}


def test_masks_do_not_face_degrees() -> None:
    both = Ontology(across_types=True)
    with pytest.raises(GeometryError, match="annotation '#0' has pixels, and what it may face"):
        localised(batch_of([thing("mask")], [thing("bbox", 0, 0, 1, 1)], ontology=both))
    localised(batch_of([thing("mask")], [thing("point", 0, 0)], ontology=both))
    localised(batch_of([thing("mask")], [thing("bbox", 0, 0, 1, 1)]))


def test_pixels_stay_as_they_are() -> None:
    batch = batch_of([thing("bbox", 181, 91, 5, 5)], [thing("point", 2.0, 500)], lonlat=False)
    assert localised(batch) is batch
