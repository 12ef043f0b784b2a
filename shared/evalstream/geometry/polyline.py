"""Polylines: the overlap of lines that are given a width, and how far apart they run."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import shapely

from evalstream.geometry.near import (
    Geometries,
    numbers,
    of_type,
    scene_of,
    tolerances,
    within_reach,
)
from evalstream.native import compiled
from evalstream.scenes import Batch, Code, Float, Found, Int, Measure, Shapes

#: Segments of a quarter circle, at the ends and corners of a line with a width: what shapely's ``buffer`` takes.
QUARTER_SEGMENTS: Final = 16
#: Distances are measured between points along the lines, so many to one tolerance …
SAMPLES_PER_TOLERANCE: Final = 5
#: … and at most so many on one line.
SAMPLES_LIMIT: Final = 1_000

_SLACK: Final = 1 + 1e-9


class Samples(NamedTuple):
    """Points at equal distances along lines: those of line i are ``xy[start[i] : start[i + 1]]``."""

    xy: Float
    start: Int


def polyline_pairs(batch: Batch, code: int) -> Found:
    """Find every prediction and annotation of type ``code`` in one scene whose IoU, as lines with a width, is above 0.

    Both lines are widened by the tolerance of the annotation's class to either side, with round ends and corners
    (shapely's ``buffer``, as Labelbox does), so that a line whose points all coincide is a disc.
    """
    scenes = batch.scenes
    predictions, annotations = of_type(scenes, code)
    predicted = _or_point(_lines(batch.predictions, predictions))
    annotated = _or_point(_lines(batch.annotations, annotations))
    tolerance = tolerances(batch)[scenes.annotation_feature[annotations]]
    i, j = within_reach(scenes, predictions, annotations, predicted, annotated, 2 * tolerance * _SLACK)
    iou = _buffered_iou(predicted, annotated, i, j, tolerance)
    some = iou > 0
    return Found(predictions[i[some]].astype(np.int32), annotations[j[some]].astype(np.int32), iou[some])


def polyline_measures(batch: Batch, prediction: Code, annotation: Code) -> list[Measure]:
    """Measure ``chamfer``, ``frechet`` and ``hausdorff`` of pairs of lines.

    Each is a distance in the units of the shapes, measured between points at equal distances along the two lines
    (:func:`samples`). Chamfer: the mean distance from the points of one to the nearest of the other, not squared, the
    two directions averaged (MapTR). Hausdorff: the greatest such distance, of both directions. Fréchet: the discrete
    one (Eiter and Mannila 1994), which minds the direction of the lines.
    """
    tolerance = tolerances(batch)[batch.scenes.annotation_feature[annotation]]
    predicted = samples(*numbers(batch.predictions, prediction), tolerance)
    annotated = samples(*numbers(batch.annotations, annotation), tolerance)
    scene = scene_of(batch.scenes, prediction)
    values = distances(predicted, annotated)
    return [
        Measure(name, scene, annotation, prediction, values[:, k : k + 1])
        for k, name in enumerate(("chamfer", "hausdorff", "frechet"))
    ]


def samples(values: Float, count: Int, tolerance: Float) -> Samples:
    """Return points at equal distances along each line, its ends among them.

    The distance is at most a fifth of the tolerance, or what a thousand points leave if that is more. So a Hausdorff or
    Fréchet distance is off by at most half of it.

    Parameters
    ----------
    values : float64 array
        x, y of the points of all lines, one line after the other.
    count : (n,) int64
        How many numbers each line has.
    tolerance : (n,) float64
    """
    sampled = _samples(values, count, tolerance, SAMPLES_PER_TOLERANCE, SAMPLES_LIMIT)
    return sampled._replace(xy=sampled.xy.reshape(-1, 2))


@compiled
def _samples(values: Float, count: Int, tolerance: Float, per_tolerance: int, limit: int) -> Samples: ...


def _lines(shapes: Shapes, chosen: Int | Code) -> Geometries:
    values, count = numbers(shapes, chosen)
    of_line = np.repeat(np.arange(len(count)), count // 2)
    return np.asarray(shapely.linestrings(values.reshape(-1, 2), indices=of_line), object)


def _or_point(lines: Geometries) -> Geometries:
    """Put a point in the place of each line without length, which GEOS takes to be near nothing."""
    return np.where(shapely.length(lines) > 0, lines, shapely.get_point(lines, 0))


def _buffered_iou(predicted: Geometries, annotated: Geometries, i: Int, j: Int, tolerance: Float) -> Float:
    """IoU of the pairs ``predicted[i]``, ``annotated[j]``, both widened by ``tolerance[j]``."""
    wide_annotation = _widened(annotated, tolerance)[j]
    # A prediction that meets classes of several tolerances has as many widths.
    widths, which = np.unique(np.stack((i, tolerance[j]), axis=1), axis=0, return_inverse=True)
    line, width = widths[:, 0].astype(np.int64), np.asarray(widths[:, 1], np.float64)
    wide_prediction = _widened(predicted[line], width)[which.ravel()]
    intersection = shapely.area(shapely.intersection(wide_prediction, wide_annotation))
    union = shapely.area(wide_prediction) + shapely.area(wide_annotation) - intersection
    # So far out, a tolerance so small has no width left: two such lines overlap where they are the same, and not else.
    iou = np.minimum(np.divide(intersection, union, out=np.zeros_like(union), where=union > 0), 1.0)
    return np.asarray(np.where(shapely.equals_identical(wide_prediction, wide_annotation), 1.0, iou), np.float64)


def _widened(lines: Geometries, tolerance: Float) -> Geometries:
    return np.asarray(shapely.buffer(lines, tolerance, quad_segs=QUARTER_SEGMENTS), object)


def distances(first: Samples, second: Samples) -> Float:
    """Compute the chamfer, Hausdorff and discrete Fréchet distance of each pair of sampled lines, ``(pairs, 3)``."""
    return _distances(first, second, SAMPLES_LIMIT).reshape(-1, 3)


@compiled
def _distances(first: Samples, second: Samples, limit: int) -> Float: ...
