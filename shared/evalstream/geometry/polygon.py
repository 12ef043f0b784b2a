"""Overlap of polygons, with holes and in several pieces.

A polygon that crosses itself, or whose rings or pieces overlap, has no area that all would agree on. Each piece is
repaired by shapely's ``make_valid``, by which a region that the outline goes around twice is outside, and the pieces
are joined. Repaired objects are named by measure ``repaired``.

Repair takes time that grows with the square of how often an outline crosses itself: points in shuffled order, 400 of
them, would keep it busy for minutes. So the crossings are counted first, and counting ends at a limit.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import reduce
from typing import Final

import numpy as np
import shapely

from evalstream.arrow import column
from evalstream.geometry.bounds import bounds_meet
from evalstream.geometry.errors import GeometryError
from evalstream.geometry.near import Geometries, numbers, of_type, ragged_positions
from evalstream.scenes import Batch, Code, Flag, Float, Found, Int, Measure, Shapes
from evalstream.types import CODES

#: Intersections made at once: each is a geometry of its own until its area is taken.
CHUNK: Final = 2**15
#: How often the outline of one polygon may cross itself: repair then takes 0.3 s at worst.
MOST_CROSSINGS: Final = 1_000
#: And how often all of those together whose data rows are matched at a time; a row that has more fails alone.
MOST_CROSSINGS_TOGETHER: Final = 20_000
#: Segments compared at a time while crossings are counted, which bounds the memory it takes.
_COMPARED: Final = 2**20


def polygon_pairs(batch: Batch, code: int) -> Found:
    """Find every prediction and annotation of type ``code`` in one scene whose IoU is above 0."""
    predictions, annotations = of_type(batch.scenes, code)
    predicted, _ = polygons(batch.predictions, predictions)
    annotated, _ = polygons(batch.annotations, annotations)
    return shapes_pairs(batch, predictions, annotations, predicted, annotated)


def shapes_pairs(
    batch: Batch,
    predictions: Int,
    annotations: Int,
    predicted: Geometries,
    annotated: Geometries,
    wanted: Callable[[Int, Int], Flag] | None = None,
) -> Found:
    """Find every pair of one scene whose IoU is above 0.

    Parameters
    ----------
    predictions, annotations : (n,), (m,) int64
        Positions in the scenes' flat columns, ascending.
    predicted, annotated : (n,), (m,) geometries
        Their shapes, valid.
    wanted : callable
        Says of pairs of positions in the flat columns which of them are to be looked at.
    """
    scenes = batch.scenes
    i, j = bounds_meet(scenes, predictions, annotations, _bounds(predicted), _bounds(annotated))
    if wanted is not None:
        kept = wanted(predictions[i], annotations[j])
        i, j = i[kept], j[kept]
    iou = np.concatenate(
        [
            _iou(
                predicted[i[at : at + CHUNK]],
                annotated[j[at : at + CHUNK]],
                scenes.annotation_crowd[annotations[j[at : at + CHUNK]]],
            )
            for at in range(0, len(i), CHUNK)
        ]
        or [np.empty(0)]
    )
    some = iou > 0
    return Found(predictions[i[some]].astype(np.int32), annotations[j[some]].astype(np.int32), iou[some])


def _bounds(made: Geometries) -> Float:
    bounds: Float = np.where((shapely.area(made) > 0)[:, None], shapely.bounds(made), np.nan)
    return bounds


def _iou(predicted: Geometries, annotated: Geometries, crowd: Flag) -> Float:
    own, other = shapely.area(predicted), shapely.area(annotated)
    intersection = shapely.area(shapely.intersection(predicted, annotated))
    same = shapely.equals_exact(predicted, annotated)  # exactly 1, which the way around might miss by its last digit
    intersection = np.where(same, own, np.minimum(intersection, np.minimum(own, other)))
    union = np.where(crowd, own, own + other - intersection)
    iou: Float = np.divide(intersection, union, out=np.zeros(len(union)), where=union > 0)
    return iou


def polygons(shapes: Shapes, chosen: Int | Code) -> tuple[Geometries, Flag]:
    """Return the chosen polygons, valid, and which of them had to be repaired.

    Raises
    ------
    GeometryError
        If an outline crosses itself so often that its repair would hold up everybody else.
    """
    made = as_sent(shapes, chosen)
    repaired = ~shapely.is_valid(made)
    _require_few_crossings(shapes, np.asarray(chosen)[repaired], made[repaired])
    made[repaired] = [_repaired(shape) for shape in made[repaired]]
    return made, repaired


def as_sent(shapes: Shapes, chosen: Int | Code) -> Geometries:
    """Return the chosen polygons as they were sent, as multipolygons."""
    value, _ = numbers(shapes, chosen)
    details = shapes.detail.take(column(np.asarray(chosen, np.int64))).to_pylist()
    of_object = json.loads(f"[{','.join(details)}]")
    size = np.array([n for pieces in of_object for rings in pieces for n in rings], np.int64)
    rings = [len(rings) for pieces in of_object for rings in pieces]
    pieces = [len(pieces) for pieces in of_object]
    # Every ring is closed once more; to be closed twice does no harm.
    begin = np.cumsum(size) - size
    closed = ragged_positions(begin, size + 1)
    closed[np.cumsum(size + 1) - 1] = begin
    offsets = tuple(np.concatenate(([0], np.cumsum(count))).astype(np.int64) for count in (size + 1, rings, pieces))
    made: Geometries = shapely.from_ragged_array(
        shapely.GeometryType.MULTIPOLYGON, value.reshape(-1, 2)[closed], offsets
    )
    return made


def _require_few_crossings(shapes: Shapes, chosen: Int | Code, made: Geometries) -> None:
    together = 0
    for position, shape in zip(chosen.tolist(), made, strict=True):
        crossings = max(count_crossings(piece, MOST_CROSSINGS) for piece in shapely.get_parts(shape))
        together += crossings
        if crossings > MOST_CROSSINGS:
            raise GeometryError(
                f"polygon {shapes.id[position].as_py()!r} crosses itself more than {MOST_CROSSINGS:,} times, which is"
                " too often to repair it: send the points of each ring in order, or a simpler outline"
            )
    if together > MOST_CROSSINGS_TOGETHER:
        raise GeometryError(
            f"the {len(made):,} polygons that cross themselves do so more than {MOST_CROSSINGS_TOGETHER:,} times in"
            " all, which is too often to repair them: send simpler outlines"
        )


def count_crossings(piece: shapely.Polygon, most: int) -> int:
    """Count the pairs of segments of a polygon's rings that touch, but for neighbours; stop soon above ``most``.

    Takes O(n log n) for n points, and memory for :data:`_COMPARED` pairs however they lie.
    """
    rings = [shapely.get_coordinates(ring) for ring in (piece.exterior, *piece.interiors)]
    segments = shapely.linestrings(np.concatenate([np.stack((ring[:-1], ring[1:]), axis=1) for ring in rings]))
    tree = shapely.STRtree(segments)
    crossings = 0
    step = max(1, _COMPARED // len(segments))
    for at in range(0, len(segments), step):
        one, other = tree.query(segments[at : at + step], predicate="intersects")
        crossings += int(np.count_nonzero(other > one + at + 1))
        if crossings > most:
            break
    return crossings


def _repaired(shape: shapely.Geometry) -> shapely.Geometry:
    pieces = [piece if piece.is_valid else _repaired_piece(piece) for piece in shapely.get_parts(shape)]
    return pieces[0] if len(pieces) == 1 else shapely.union_all(pieces)


def _repaired_piece(piece: shapely.Polygon) -> shapely.Geometry:
    try:
        return _areal(shapely.make_valid(piece))
    except shapely.GEOSException:  # where one ring is but a point or a line, and another is not
        rings = [shapely.Polygon(ring) for ring in (piece.exterior, *piece.interiors)]
        return reduce(shapely.symmetric_difference, [_areal(shapely.make_valid(ring)) for ring in rings])


def _areal(shape: shapely.Geometry) -> shapely.Geometry:
    """Leave out the lines and points to which parts of a shape may collapse."""
    parts = shapely.get_parts(shapely.get_parts(shape))  # a collection may hold multipolygons
    return shapely.multipolygons(parts[shapely.get_type_id(parts) == shapely.GeometryType.POLYGON])


def polygon_areas(shapes: Shapes, chosen: Int) -> Float:
    """Return the areas of the chosen polygons, repaired where they have to be."""
    return np.asarray(shapely.area(polygons(shapes, chosen)[0]))


def polygon_measures(batch: Batch) -> list[Measure]:
    """Name every polygon that had to be repaired: measure ``repaired``, whose value is the area after it."""
    scenes = batch.scenes
    measures = []
    sides = (
        (batch.annotations, scenes.annotation_type, scenes.annotation_start, scenes.annotation_end),
        (batch.predictions, scenes.prediction_type, scenes.prediction_start, scenes.prediction_end),
    )
    for side, (shapes, types, start, end) in enumerate(sides):
        objects = ragged_positions(start, end - start)
        scene = np.repeat(np.arange(len(start)), end - start)
        some = types[objects] == CODES["polygon"]
        if not np.any(some):
            continue
        objects, scene = objects[some], scene[some]
        made, repaired = polygons(shapes, objects)
        objects = objects[repaired].astype(np.int32)
        nobody = np.full(len(objects), -1, np.int32)
        annotation, prediction = (objects, nobody) if side == 0 else (nobody, objects)
        if len(objects):
            area = shapely.area(made[repaired])[:, None]
            measures.append(Measure("repaired", scene[repaired], annotation, prediction, area))
    return measures
