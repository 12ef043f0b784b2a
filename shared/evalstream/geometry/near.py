"""Common geometry of points and lines: shapes as arrays, tolerances, and which shapes lie near each other."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalstream.scenes import Batch, Code, Float, Int, Scenes, Shapes

#: An array of shapely's geometries.
Geometries = NDArray[Any]


def numbers(shapes: Shapes, chosen: Int | Code) -> tuple[Float, Int]:
    """Return the numbers of the chosen shapes, one after the other, and how many each of them has."""
    start = shapes.start[chosen]
    count = shapes.start[np.asarray(chosen, np.int64) + 1] - start
    return shapes.value[ragged_positions(start, count)], count


def ragged_positions(start: Int, count: Int) -> Int:
    """Return ``start[0], start[0] + 1, …`` (``count[0]`` of them), then those from ``start[1]``, and so on."""
    before = np.cumsum(count) - count
    return np.repeat(start - before, count) + np.arange(np.sum(count))


def tolerances(batch: Batch) -> Float:
    """Return the tolerance of each feature, by code: the class's own, or the dataset's (in the units of the shapes)."""
    declared = {item.name: item.tolerance for item in batch.ontology.classes if item.tolerance is not None}
    return np.array([declared.get(name, batch.ontology.tolerance) for name in batch.features], np.float64)


def scene_of(scenes: Scenes, prediction: Int | Code) -> Int:
    """Return the scene that each prediction is in."""
    return np.asarray(np.searchsorted(scenes.prediction_start, prediction, side="right") - 1, np.int64)


def of_type(scenes: Scenes, code: int) -> tuple[Int, Int]:
    """Return the positions of all predictions, and of all annotations, of type ``code``."""
    return np.flatnonzero(scenes.prediction_type == code), np.flatnonzero(scenes.annotation_type == code)


def within_reach(
    scenes: Scenes,
    predictions: Int,
    annotations: Int,
    predicted: Geometries,
    annotated: Geometries,
    reach: Float,
) -> tuple[Int, Int]:
    """Find the pairs of one scene that are at most so far apart, with a tree for each scene.

    Parameters
    ----------
    predictions, annotations : (n,), (m,) int64
        Positions in the scenes' flat columns, ascending.
    predicted, annotated : (n,), (m,) geometries
        Their shapes.
    reach : (m,) float64
        How far from each annotation a prediction may lie. Whoever needs the border exact has to give a little more.

    Returns
    -------
    i, j : int64 arrays
        Positions in ``predicted`` and ``annotated``, ordered by the first and then the second.
    """
    from shapely import STRtree  # of points and lines alone; masks and questions use the rest of this module

    first, last = (np.searchsorted(predictions, edge) for edge in (scenes.prediction_start, scenes.prediction_end))
    begin, end = (np.searchsorted(annotations, edge) for edge in (scenes.annotation_start, scenes.annotation_end))
    parts = [np.empty((2, 0), np.int64)]
    for s in np.flatnonzero((last > first) & (end > begin)):
        tree = STRtree(predicted[first[s] : last[s]])
        own = slice(begin[s], end[s])
        pairs = tree.query(annotated[own], predicate="dwithin", distance=reach[own])
        parts.append(pairs + np.array([[begin[s]], [first[s]]]))
    j, i = np.concatenate(parts, axis=1)
    order = np.lexsort((j, i))
    return i[order], j[order]
