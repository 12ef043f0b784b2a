"""Polylines: the overlap of lines that are given a width, and how far apart they run."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import shapely
from numba import njit

from evalstream.geometry.near import (
    Geometries,
    numbers,
    of_type,
    scene_of,
    tolerances,
    within_reach,
)
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
    values = _distances(predicted, annotated)
    return [
        Measure(name, scene, annotation, prediction, values[:, k : k + 1])
        for k, name in enumerate(("chamfer", "hausdorff", "frechet"))
    ]


@njit(cache=True, nogil=True)
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
    length = np.zeros(len(count), np.float64)
    start = np.zeros(len(count) + 1, np.int64)
    end = 0
    for i in range(len(count)):
        begin, end = end, end + count[i]
        for k in range(begin + 2, end, 2):
            length[i] += np.sqrt((values[k] - values[k - 2]) ** 2 + (values[k + 1] - values[k - 1]) ** 2)
        # A length that is a multiple but for rounding is one, wherever the line lies.
        pieces = np.ceil(length[i] / tolerance[i] * SAMPLES_PER_TOLERANCE - 1e-9)
        start[i + 1] = start[i] + 1 + int(min(max(pieces, 1.0), SAMPLES_LIMIT - 1.0))
    xy = np.empty((start[-1], 2), np.float64)
    end = 0
    for i in range(len(count)):
        begin, end = end, end + count[i]
        pieces = start[i + 1] - start[i] - 1
        k, passed, own = begin, 0.0, 0.0  # the segment from k: what lies before it, and its own length
        for n in range(pieces):
            place = length[i] * n / pieces
            while k == begin or (passed + own < place and k + 2 < end):
                k, passed = k + 2, passed + own
                own = np.sqrt((values[k] - values[k - 2]) ** 2 + (values[k + 1] - values[k - 1]) ** 2)
            share = (place - passed) / own if own > 0 else 0.0
            xy[start[i] + n, 0] = values[k - 2] + share * (values[k] - values[k - 2])
            xy[start[i] + n, 1] = values[k - 1] + share * (values[k + 1] - values[k - 1])
        xy[start[i + 1] - 1, 0], xy[start[i + 1] - 1, 1] = values[end - 2], values[end - 1]
    return Samples(xy, start)


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


@njit(cache=True, nogil=True)
def _distances(first: Samples, second: Samples) -> Float:
    """Chamfer, Hausdorff and discrete Fréchet distance of each pair of sampled lines, ``(pairs, 3)``."""
    pairs = len(first.start) - 1
    out = np.empty((pairs, 3), np.float64)
    apart = np.empty(SAMPLES_LIMIT, np.float64)  # of a point of the first line from each of the second, squared
    nearest = np.empty(SAMPLES_LIMIT, np.float64)  # of each point of the second line, the least of these so far
    leash = np.empty(SAMPLES_LIMIT, np.float64)  # how long it has to be for two to come here, squared
    for pair in range(pairs):
        a = first.xy[first.start[pair] : first.start[pair + 1]]
        b = second.xy[second.start[pair] : second.start[pair + 1]]
        x, y = b[:, 0].copy(), b[:, 1].copy()
        nearest[: len(b)] = np.inf
        leash[: len(b)] = np.inf
        diagonal = -np.inf  # before the first point of both, nothing was asked of the leash
        forth = farthest = 0.0
        for i in range(len(a)):
            for j in range(len(b)):
                apart[j] = (a[i, 0] - x[j]) ** 2 + (a[i, 1] - y[j]) ** 2
            # Comparisons and not `min`, which would have to look for NaN: half the time.
            own = np.inf
            for j in range(len(b)):
                own = apart[j] if apart[j] < own else own
                nearest[j] = apart[j] if apart[j] < nearest[j] else nearest[j]
            forth += np.sqrt(own)
            farthest = max(farthest, own)
            before = np.inf
            for j in range(len(b)):
                above = leash[j]
                least = above if above < diagonal else diagonal
                least = before if before < least else least
                before = apart[j] if apart[j] > least else least
                leash[j] = before
                diagonal = above
            diagonal = np.inf
        back = 0.0
        for j in range(len(b)):
            back += np.sqrt(nearest[j])
            farthest = max(farthest, nearest[j])
        out[pair, 0] = (forth / len(a) + back / len(b)) / 2
        out[pair, 1] = np.sqrt(farthest)
        out[pair, 2] = np.sqrt(leash[len(b) - 1])
    return out
