"""Find shapes of one scene that can overlap at all: those whose bounding boxes do."""

from __future__ import annotations

from typing import Final

import numpy as np

from evalstream.native import compiled
from evalstream.scenes import Float, Int, Scenes

#: From so many possible pairs in one scene on, a tree is faster than to look at each.
MANY: Final = 2**22


def bounds_meet(
    scenes: Scenes, predictions: Int, annotations: Int, predicted: Float, annotated: Float
) -> tuple[Int, Int]:
    """Find the pairs of one scene whose bounding boxes overlap.

    Parameters
    ----------
    predictions, annotations : (n,), (m,) int64
        Positions in the scenes' flat columns, ascending.
    predicted, annotated : (n, 4), (m, 4) float64
        The least x and y and the greatest x and y of each; NaN overlaps nothing.

    Returns
    -------
    i, j : int64 arrays
        Positions in ``predictions`` and ``annotations``, in any order.
    """
    first, last = (np.searchsorted(predictions, edge) for edge in (scenes.prediction_start, scenes.prediction_end))
    begin, end = (np.searchsorted(annotations, edge) for edge in (scenes.annotation_start, scenes.annotation_end))
    many = (last - first) * (end - begin) > MANY
    few = np.flatnonzero(~many)
    pairs = [_compared(first[few], last[few], begin[few], end[few], predicted, annotated)]
    if np.any(many):
        import shapely  # takes a while, and few scenes are so large
    for s in np.flatnonzero(many):
        tree = shapely.STRtree(shapely.box(*annotated[begin[s] : end[s]].T))
        i, j = tree.query(shapely.box(*predicted[first[s] : last[s]].T))
        pairs.append((i + first[s], j + begin[s]))
    return np.concatenate([i for i, _ in pairs]), np.concatenate([j for _, j in pairs])


@compiled
def _compared(first: Int, last: Int, begin: Int, end: Int, predicted: Float, annotated: Float) -> tuple[Int, Int]: ...
