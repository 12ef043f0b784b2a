"""Shapes on the ground: from degrees of longitude and latitude, or coordinates far from their origin, to local metres.

Two maps of the earth (the ellipsoid WGS 84) serve here, both true to area:

- Boxes, whose edges are parallels and meridians, go on a cylindrical map, where they are boxes again and their overlap
  is exact. The map is cut along a meridian that runs through none of them: the antimeridian is like any other.
- Everything else goes on an azimuthal map (Lambert's) about the middle of the scene's shapes, which knows neither
  antimeridian nor poles. Distances there are off by about d² / (8 R²) at d from the middle: 3e-7 at 10 km, 3e-3 at
  1,000 km. Edges are straight on it, which is to say the shortest way on the ground, or very nearly.

Where boxes may face polygons, they go on the azimuthal map too, as polygons with points along their edges.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa

from evalstream.geometry.errors import GeometryError
from evalstream.geometry.mask import joined
from evalstream.geometry.near import of_type, ragged_positions
from evalstream.geometry.rotated_box import corners, rotated_box_pairs, rotated_boxes
from evalstream.scenes import Batch, Code, Flag, Float, Found, Int, Shapes
from evalstream.types import CODES, NESTED, POLE_SLACK

#: Coordinates beyond are counted from the scene's own corner. No image is so large; metres of a map are.
FAR: Final = 2.0**20
#: An edge of a box that becomes a polygon has a point every so many degrees, and at least and at most so many.
STEP: Final = 0.01
STEPS: Final = (4, 1_000)

_BBOX, _ROTATED_BOX, _POLYGON, _POLYLINE, _POINT, _KEYPOINTS, _MASK = (
    CODES[name] for name in ("bbox", "rotated_box", "polygon", "polyline", "point", "keypoints", "mask")
)
#: The ellipsoid WGS 84: its larger half axis in metres, and its eccentricity squared.
_RADIUS: Final = 6378137.0
_E2: Final = 0.00669437999014133


class _Side(NamedTuple):
    """The annotations or the predictions of a batch: columns of our own, to be written into."""

    name: str
    shapes: Shapes
    type: Code
    area: Float
    box: Float
    scene: Int  # of each object
    lonlat: Flag  # of each object


class _Points(NamedTuple):
    """Points of shapes: whose they are, and where in the values their x stands; their y comes right after it."""

    object: Int
    place: Int


def localised(batch: Batch) -> Batch:
    """Return the batch with its shapes in local coordinates, metres where the scene is in degrees.

    Areas become square metres, except those that an annotation came with. What lies far from the origin is moved to it
    by whole units, so without rounding. Boxes that have no sides on the ground become polygons: turned ones, which keep
    their type, and, where boxes may face polygons, all.

    Raises
    ------
    GeometryError
        If a point in degrees is not on the earth, or if the shapes of one scene do not go on one map.
    """
    values = batch.annotations.value, batch.predictions.value
    if not np.any(batch.lonlat) and all(len(v) == 0 or max(v.max(), -v.min()) <= FAR for v in values):
        return batch
    annotations, predictions = _sides(batch)
    _move_to_origin((annotations, predictions), batch.lonlat)
    if np.any(batch.lonlat):
        for side in (annotations, predictions):
            _check(batch, side)
        across = batch.ontology.across_types
        if across:
            _check_masks((annotations, predictions))
        annotations, predictions = _with_polygons(annotations, across), _with_polygons(predictions, across)
        _cylindrical((annotations, predictions), len(batch.lonlat))
        _azimuthal((annotations, predictions))
    return batch._replace(
        annotations=annotations.shapes,
        predictions=predictions.shapes,
        scenes=batch.scenes._replace(
            annotation_type=annotations.type,
            annotation_area=annotations.area,
            annotation_box=annotations.box,
            prediction_type=predictions.type,
            prediction_area=predictions.area,
            prediction_box=predictions.box,
        ),
    )


def turned_box_pairs(batch: Batch, code: int) -> Found:
    """Find every prediction and annotation of type ``code`` in one scene whose IoU is above 0.

    Turned boxes in degrees are polygons on the ground: :func:`localised` has made them such.
    """
    if not np.any(batch.lonlat):
        return rotated_box_pairs(batch, code)
    from evalstream.geometry.polygon import polygons, shapes_pairs  # with shapely, which takes a while

    scenes = batch.scenes
    predictions, annotations = of_type(scenes, code)
    predictions = predictions[batch.lonlat[_scene_of(scenes.prediction_start, predictions)]]
    annotations = annotations[batch.lonlat[_scene_of(scenes.annotation_start, annotations)]]
    predicted, _ = polygons(batch.predictions, predictions)
    annotated, _ = polygons(batch.annotations, annotations)
    ground = shapes_pairs(batch, predictions, annotations, predicted, annotated)
    prediction_type, annotation_type = scenes.prediction_type.copy(), scenes.annotation_type.copy()
    prediction_type[predictions], annotation_type[annotations] = NESTED, NESTED
    others = scenes._replace(prediction_type=prediction_type, annotation_type=annotation_type)
    flat = rotated_box_pairs(batch._replace(scenes=others), code)
    return joined([flat, ground])


def _scene_of(start: Int, objects: Int) -> Int:
    return np.asarray(np.searchsorted(start, objects, side="right") - 1, np.int64)


def _sides(batch: Batch) -> tuple[_Side, _Side]:
    scenes, lonlat = batch.scenes, batch.lonlat
    truth = scenes.annotation_type, scenes.annotation_area, scenes.annotation_box
    predicted = scenes.prediction_type, scenes.prediction_area, scenes.prediction_box
    return (
        _side("annotation", batch.annotations, *truth, scenes.annotation_start, lonlat),
        _side("prediction", batch.predictions, *predicted, scenes.prediction_start, lonlat),
    )


def _side(name: str, shapes: Shapes, types: Code, area: Float, box: Float, start: Int, lonlat: Flag) -> _Side:
    shapes = shapes._replace(value=shapes.value.copy())
    scene = _scene_of(start, np.arange(len(types)))
    return _Side(name, shapes, types.copy(), area.copy(), box.copy(), scene, lonlat[scene])


def _points(side: _Side, chosen: Flag, first: int, every: int | None) -> _Points:
    """The points of the chosen shapes, of which there is one every so many numbers; or just one, the first."""
    objects = np.flatnonzero(chosen)
    start, end = side.shapes.start[objects], side.shapes.start[objects + 1]
    count = (end - start - first) // every if every else np.ones(len(objects), np.int64)
    nth = ragged_positions(np.zeros(len(objects), np.int64), count)
    return _Points(np.repeat(objects, count), np.repeat(start + first, count) + (every or 0) * nth)


def _all_points(side: _Side, chosen: Flag) -> _Points:
    """Every point of the chosen shapes; of a box its corner, or its centre if it is turned."""
    types = side.type
    points = [
        _points(side, chosen & np.isin(types, (_BBOX, _ROTATED_BOX)), 0, None),
        _points(side, chosen & np.isin(types, (_POLYGON, _POLYLINE, _POINT)), 0, 2),
        *_keypoints(side, chosen),
    ]
    return _joined(points)


def _joined(parts: Sequence[_Points]) -> _Points:
    return _Points(np.concatenate([one.object for one in parts]), np.concatenate([one.place for one in parts]))


def _keypoints(side: _Side, chosen: Flag) -> list[_Points]:
    """Of skeletons the keypoints, and of annotated ones the corner of their box before. Not labelled: nowhere."""
    skeletons = chosen & (side.type == _KEYPOINTS)
    if side.name == "prediction":
        return [_points(side, skeletons, 0, 3)]
    box, points = _points(side, skeletons, 0, None), _points(side, skeletons, 4, 3)
    labelled = side.shapes.value[points.place + 2] > 0
    has_box = np.any(side.shapes.value[box.place[:, np.newaxis] + np.arange(4)] != 0, axis=1)
    return [_Points(box.object[has_box], box.place[has_box]), _Points(points.object[labelled], points.place[labelled])]


# --- coordinates in the millions ------------------------------------------------------------------------------------


def _move_to_origin(sides: tuple[_Side, _Side], lonlat: Flag) -> None:
    """Move what lies far from the origin of its scene there: what follows then loses no digits."""
    points = [_all_points(side, ~side.lonlat) for side in sides]
    fixed = lonlat.copy()
    for side in sides:
        fixed[side.scene[side.type == _MASK]] = True  # pixels stay where they are, and so does what may face them
    for axis in (0, 1):
        least, most = np.full(len(lonlat), np.inf), np.full(len(lonlat), -np.inf)
        for side, (objects, places) in zip(sides, points, strict=True):
            np.minimum.at(least, side.scene[objects], side.shapes.value[places + axis])
            np.maximum.at(most, side.scene[objects], side.shapes.value[places + axis])
        far = ~fixed & (np.maximum(-least, most) > FAR)
        # Towards the origin and by whole units, so that every difference can be written exactly.
        origin = np.where(far & (least > 0), np.floor(least), np.where(far & (most < 0), np.ceil(most), 0.0))
        for side, (objects, places) in zip(sides, points, strict=True):
            side.shapes.value[places + axis] -= origin[side.scene[objects]]
            boxes = np.flatnonzero(side.type == _BBOX)
            side.box[boxes, axis] -= origin[side.scene[boxes]]


# --- degrees --------------------------------------------------------------------------------------------------------


def _check(batch: Batch, side: _Side) -> None:
    """Refuse what is not on the earth."""
    objects, places = _all_points(side, side.lonlat)
    lon, lat = side.shapes.value[places], side.shapes.value[places + 1]
    _refuse(side, objects, lon, np.abs(lon) > 180, "a longitude of {:.10g}: they go from -180 to 180")
    _refuse(side, objects, lat, np.abs(lat) > 90, "a latitude of {:.10g}: they go from -90 to 90")
    boxes = np.flatnonzero(side.lonlat & (side.type == _BBOX))
    top, width = side.box[boxes, 1] + side.box[boxes, 3], side.box[boxes, 2]
    _refuse(side, boxes, top, top > 90 + POLE_SLACK, "an edge at latitude {:.10g}, beyond the pole")
    _refuse(side, boxes, width, width > 360, "a width of {:.10g} degrees: the earth has 360")
    turned = np.flatnonzero(side.lonlat & (side.type == _ROTATED_BOX))
    longest = rotated_boxes(side.shapes, turned)[:, 2:4].max(axis=1)
    _refuse(side, turned, longest, longest > 360, "a side of {:.10g} degrees: the earth has 360")
    if batch.ontology.boxes == "pixels":
        _refuse(
            side, boxes, width, width >= 0, "no pixels, for it is in degrees, and boxes are declared to be `pixels`"
        )


def _check_masks(sides: tuple[_Side, _Side]) -> None:
    """Refuse masks where other types may face them."""
    outlined = np.concatenate([side.scene[np.isin(side.type, (_BBOX, _ROTATED_BOX, _POLYGON))] for side in sides])
    for side in sides:
        masks = np.flatnonzero(side.lonlat & (side.type == _MASK) & np.isin(side.scene, outlined))
        _refuse(side, masks, masks, masks >= 0, "pixels, and what it may face (`across_types`) has degrees")


def _refuse(side: _Side, objects: Int, value: Float | Int, wrong: Flag, reason: str) -> None:
    if np.any(wrong):
        k = int(np.argmax(wrong))
        raise GeometryError(f"{side.name} {side.shapes.id[int(objects[k])].as_py()!r} has {reason.format(value[k])}")


def _with_polygons(side: _Side, across: bool) -> _Side:
    """Make polygons, still in degrees, of turned boxes, and of boxes if they may face other types."""
    turned = np.flatnonzero(side.lonlat & (side.type == _ROTATED_BOX))
    outlines = dict(zip(turned.tolist(), corners(rotated_boxes(side.shapes, turned)), strict=True))
    if across:
        boxes = np.flatnonzero(side.lonlat & (side.type == _BBOX))
        outlines |= {int(i): _outline(side.box[i]) for i in boxes}
    if not outlines:
        return side
    start, value = side.shapes.start, side.shapes.value
    detail = side.shapes.detail.to_pylist()
    flat = [value[start[i] : start[i + 1]] for i in range(len(detail))]
    for i, outline in outlines.items():
        lat = outline[:, 1]
        beyond = np.abs(lat) > 90 + POLE_SLACK
        _refuse(side, np.full(len(lat), i), lat, beyond, "a corner at latitude {:.10g}, beyond the pole")
        flat[i], detail[i] = outline.ravel(), f"[[{len(outline)}]]"
    types = side.type.copy()
    if across:
        types[list(outlines)] = _POLYGON
    starts = np.concatenate(([0], np.cumsum([len(one) for one in flat]))).astype(np.int64)
    shapes = Shapes(side.shapes.id, starts, np.concatenate(flat), pa.array(detail, pa.string()))
    return side._replace(shapes=shapes, type=types, area=_to_be_measured(side, outlines))


def _outline(box: Float) -> Float:
    """The outline of a box of degrees, with points along its edges."""
    x, y, width, height = box
    steps = np.clip(np.ceil(box[2:] / STEP), *STEPS).astype(int)
    along, up = (np.arange(n) / n for n in steps)
    lon = np.concatenate((along, np.ones(steps[1]), 1 - along, np.zeros(steps[1])))
    lat = np.concatenate((np.zeros(steps[0]), up, np.ones(steps[0]), 1 - up))
    return np.stack((x + width * lon, y + height * lat), axis=1)


def _to_be_measured(side: _Side, outlines: dict[int, Float]) -> Float:
    """The areas, with none where it is not given but width times height in degrees."""
    area = side.area.copy()
    for i in outlines:
        start = side.shapes.start[i]
        width, height = side.shapes.value[start + 2 : start + 4]
        if area[i] == width * height:
            area[i] = np.nan
    return area


# --- the cylindrical map --------------------------------------------------------------------------------------------


def _cylindrical(sides: tuple[_Side, _Side], scenes: int) -> None:
    """Put the boxes on a cylindrical map, and measure them."""
    chosen = [np.flatnonzero(side.lonlat & (side.type == _BBOX)) for side in sides]
    degrees = np.concatenate([side.box[own] for side, own in zip(sides, chosen, strict=True)])
    scene = np.concatenate([side.scene[own] for side, own in zip(sides, chosen, strict=True)])
    order = np.argsort(scene, kind="stable")
    edge = np.searchsorted(scene[order], np.arange(scenes + 1))
    metres = np.empty_like(degrees)
    for s in np.unique(scene):
        own = order[edge[s] : edge[s + 1]]
        metres[own] = cylindrical_boxes(degrees[own])
    for side, own, boxes in zip(sides, chosen, np.split(metres, [len(chosen[0])]), strict=True):
        sent = side.area[own] == side.box[own, 2] * side.box[own, 3]
        side.area[own] = np.where(sent, boxes[:, 2] * boxes[:, 3], side.area[own])
        side.box[own] = boxes
        places = side.shapes.start[own]
        for column in range(4):
            side.shapes.value[places + column] = boxes[:, column]


def cylindrical_boxes(boxes: Float) -> Float:
    """Map boxes of one scene from degrees to metres, true to area: Lambert's cylindrical map of the ellipsoid.

    Parameters
    ----------
    boxes : (n, 4) float64
        Longitude and latitude of the south-western corner, width and height, in degrees.

    Returns
    -------
    (n, 4) float64
        x, y, width, height in metres; x from the cut, y from the southernmost edge.

    Raises
    ------
    GeometryError
        If the boxes reach all the way round the earth, so that a cut would go through one of them.
    """
    west = (boxes[:, 0] - _cut(boxes)) % 360.0
    south = np.deg2rad(boxes[:, 1])
    lowest = south.min()
    edges = np.stack(
        (
            _RADIUS * np.deg2rad(west),
            _northward(south, lowest),
            _RADIUS * np.deg2rad(west + boxes[:, 2]),
            _northward(np.deg2rad(boxes[:, 1] + boxes[:, 3]), lowest),
        ),
        axis=1,
    )
    # Sides as differences of edges, so that to add them to one edge and subtract it again changes nothing.
    return np.concatenate((edges[:, :2], edges[:, 2:] - edges[:, :2]), axis=1)


def _cut(boxes: Float) -> float:
    """The western edge of a box before which there is the widest gap, all the way round the earth."""
    order = np.argsort(boxes[:, 0] % 360.0, kind="stable")
    west = boxes[order, 0] % 360.0
    east = west + boxes[order, 2]
    west, first = np.unique(west, return_index=True)
    before = np.concatenate(([-np.inf], np.maximum.accumulate(east)))[first]
    gap = west - np.maximum(before, east.max() - 360.0)
    widest = int(np.argmax(gap))
    if gap[widest] < 0:
        raise GeometryError(
            "the boxes of this data row reach all the way round the earth, without a meridian between them"
        )
    return float(west[widest])


def _northward(latitude: Float, origin: float) -> Float:
    """Compute how far north of a parallel another lies on the cylindrical map, where areas are true.

    The integral of the ellipsoid's radii, a (1 − e²) / 2 · [s / (1 − e² s²) + artanh(e s) / e] with s the sine of the
    latitude (Snyder 1987, Map Projections, equations 3-12 and 10-15), as a difference from the start: between large
    numbers the small ones of a box near the pole would be lost.
    """
    e2 = _E2
    e = np.sqrt(e2)
    s, s0 = np.sin(latitude), np.sin(origin)
    rise = 2 * np.cos((latitude + origin) / 2) * np.sin((latitude - origin) / 2)
    straight = rise * (1 + e2 * s * s0) / ((1 - e2 * s**2) * (1 - e2 * s0**2))
    return np.asarray(_RADIUS * (1 - e2) / 2 * (straight + np.arctanh(e * rise / (1 - e2 * s * s0)) / e))


# --- the azimuthal map ----------------------------------------------------------------------------------------------


def _azimuthal(sides: tuple[_Side, _Side]) -> None:
    """Put everything that is not a box on an azimuthal map, and measure it."""
    for side in sides:
        _box_to_corners(side)
    points = [_ground_points(side) for side in sides]
    values = [side.shapes.value for side in sides]
    lon, lat = (
        np.concatenate([value[own.place + axis] for value, own in zip(values, points, strict=True)]) for axis in (0, 1)
    )
    scene = np.concatenate([side.scene[own.object] for side, own in zip(sides, points, strict=True)])
    xy = np.empty((len(lon), 2))
    order = np.argsort(scene, kind="stable")
    here, begin = np.unique(scene[order], return_index=True)
    for one in np.split(order, begin[1:]) if len(here) else []:
        xy[one] = azimuthal_points(lon[one], lat[one])
    for value, own, there in zip(values, points, np.split(xy, [len(points[0].place)]), strict=True):
        value[own.place], value[own.place + 1] = there.T
    for side in sides:
        _corners_to_box(side)
        _measure(side)


def azimuthal_points(lon: Float, lat: Float) -> Float:
    """Map points of one scene from degrees to metres: Lambert's azimuthal map about their middle.

    Parameters
    ----------
    lon, lat : (n,) float64
        Degrees.

    Returns
    -------
    (n, 2) float64
        Metres east and north of the middle.

    Raises
    ------
    GeometryError
        If they lie on more than half the earth.
    """
    lat = np.clip(lat, -90, 90)
    across, up = np.deg2rad(lon), np.deg2rad(lat)
    unit = np.stack((np.cos(up) * np.cos(across), np.cos(up) * np.sin(across), np.sin(up)), axis=1)
    middle = unit.sum(axis=0)
    if np.any(unit @ middle <= 0):
        raise GeometryError(
            "the shapes of this data row lie more than 90 degrees from their middle: too far apart for one map"
        )
    lon_0, lat_0 = np.rad2deg((np.arctan2(middle[1], middle[0]), np.arctan2(middle[2], np.hypot(*middle[:2]))))
    from pyproj import Proj  # takes a while, and few datasets are on the ground

    project = Proj(proj="laea", lon_0=float(lon_0), lat_0=float(lat_0), ellps="WGS84")
    return np.stack(project(lon, lat), axis=1)


def _ground_points(side: _Side) -> _Points:
    points = [
        # Turned boxes are polygons by now.
        _points(side, side.lonlat & np.isin(side.type, (_ROTATED_BOX, _POLYGON, _POLYLINE, _POINT)), 0, 2),
        *_keypoints(side, side.lonlat),
    ]
    if side.name == "annotation":
        corner = points[1]
        points.append(_Points(corner.object, corner.place + 2))  # the box's other corner
    return _joined(points)


def _skeleton_boxes(side: _Side) -> tuple[Int, Int]:
    """Annotated skeletons, and where the four numbers of each one's box stand, ``(n, 4)``."""
    some = side.lonlat & (side.type == _KEYPOINTS) & (side.name == "annotation")
    skeletons = np.flatnonzero(some)
    return skeletons, side.shapes.start[skeletons][:, np.newaxis] + np.arange(4)


def _box_to_corners(side: _Side) -> None:
    skeletons, places = _skeleton_boxes(side)
    box = side.shapes.value[places]
    side.area[skeletons] = np.where(side.area[skeletons] == box[:, 2] * box[:, 3], np.nan, side.area[skeletons])
    side.shapes.value[places[:, 2:]] += box[:, :2]


def _corners_to_box(side: _Side) -> None:
    skeletons, places = _skeleton_boxes(side)
    one, other = side.shapes.value[places[:, :2]], side.shapes.value[places[:, 2:]]
    side.shapes.value[places[:, :2]] = np.minimum(one, other)
    side.shapes.value[places[:, 2:]] = np.abs(one - other)
    size = side.shapes.value[places[:, 2:]]
    side.area[skeletons] = np.where(np.isnan(side.area[skeletons]), size[:, 0] * size[:, 1], side.area[skeletons])


def _measure(side: _Side) -> None:
    """Measure turned boxes, which are polygons now, and predicted skeletons; polygons are measured later."""
    import shapely  # takes a while, and few datasets are on the ground

    from evalstream.geometry.polygon import as_sent

    turned = np.flatnonzero(side.lonlat & (side.type == _ROTATED_BOX) & np.isnan(side.area))
    side.area[turned] = shapely.area(as_sent(side.shapes, turned))
    if side.name == "prediction":
        for i in np.flatnonzero(side.lonlat & (side.type == _KEYPOINTS)):
            xy = side.shapes.value[side.shapes.start[i] : side.shapes.start[i + 1]].reshape(-1, 3)[:, :2]
            side.area[i] = np.prod(np.ptp(xy, axis=0))
