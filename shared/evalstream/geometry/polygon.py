"""Overlap of polygons, with holes and in several pieces.

A polygon that crosses itself, or whose rings or pieces overlap, has no area that all would agree on. Each piece is
repaired by shapely's ``make_valid``, by which a region that the outline goes around twice is outside, and the pieces
are joined. Repaired objects are named by measure ``repaired``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import reduce
from typing import Final

import numpy as np
import shapely

from evalstream.geometry.bounds import bounds_meet
from evalstream.geometry.near import Geometries, numbers, of_type, ragged_positions
from evalstream.scenes import Batch, Code, Flag, Float, Found, Int, Measure, Shapes
from evalstream.types import CODES

#: Intersections made at once: each is a geometry of its own until its area is taken.
CHUNK: Final = 2**15


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
    found: Float = np.where((shapely.area(made) > 0)[:, None], shapely.bounds(made), np.nan)
    return found


def _iou(predicted: Geometries, annotated: Geometries, crowd: Flag) -> Float:
    own, other = shapely.area(predicted), shapely.area(annotated)
    intersection = shapely.area(shapely.intersection(predicted, annotated))
    same = shapely.equals_exact(predicted, annotated)  # exactly 1, which the way around might miss by its last digit
    intersection = np.where(same, own, np.minimum(intersection, np.minimum(own, other)))
    union = np.where(crowd, own, own + other - intersection)
    iou: Float = np.divide(intersection, union, out=np.zeros(len(union)), where=union > 0)
    return iou


def polygons(shapes: Shapes, chosen: Int | Code) -> tuple[Geometries, Flag]:
    """Return the chosen polygons, valid, and which of them had to be repaired."""
    made = as_sent(shapes, chosen)
    repaired = ~shapely.is_valid(made)
    made[repaired] = [_repaired(shape) for shape in made[repaired]]
    return made, repaired


def as_sent(shapes: Shapes, chosen: Int | Code) -> Geometries:
    """Return the chosen polygons as they were sent, as multipolygons."""
    value, _ = numbers(shapes, chosen)
    details = shapes.detail.take(np.asarray(chosen, np.int64)).to_pylist()
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
    found = []
    sides = (
        (batch.annotations, scenes.annotation_type, scenes.annotation_start, scenes.annotation_end),
        (batch.predictions, scenes.prediction_type, scenes.prediction_start, scenes.prediction_end),
    )
    for side, (shapes, types, start, end) in enumerate(sides):
        objects = ragged_positions(start, end - start)
        scene = np.repeat(np.arange(len(start)), end - start)
        some = types[objects] == CODES["polygon"]
        objects, scene = objects[some], scene[some]
        made, repaired = polygons(shapes, objects)
        objects = objects[repaired].astype(np.int32)
        nobody = np.full(len(objects), -1, np.int32)
        annotation, prediction = (objects, nobody) if side == 0 else (nobody, objects)
        if len(objects):
            area = shapely.area(made[repaired])[:, None]
            found.append(Measure("repaired", scene[repaired], annotation, prediction, area))
    return found
