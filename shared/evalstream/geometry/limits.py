"""Limits of the work for data rows that are matched together.

Memory and time grow with the pairs of objects, of which one data row can have very many. Beyond these limits data rows
are matched apart, and one that is beyond them by itself fails with the reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from evalstream.geometry.errors import GeometryError
from evalstream.scenes import Flag, Int, Scenes

#: Pairs that overlap, of one type: 16 bytes each, and as much again for what the policies make of them.
MOST_PAIRS: Final = 5_000_000
#: Pairs that might overlap, of a type that looks at each: a row of 5,000 predictions and 5,000 annotations.
MOST_COMPARED: Final = 25_000_000


def require_few_pairs(count: int, name: str) -> None:
    """Refuse more pairs of a type than there may be.

    Raises
    ------
    GeometryError
        If there are more than :data:`MOST_PAIRS`.
    """
    if count > MOST_PAIRS:
        raise GeometryError(
            f"more than {MOST_PAIRS:,} pairs of a prediction and an annotation of type {name} overlap: send fewer"
            " objects a data row, or split it"
        )


def require_few_compared(scenes: Scenes, codes: Sequence[int], name: str) -> None:
    """Refuse what would have each prediction of some types compared with each annotation of them, of very many.

    Raises
    ------
    GeometryError
        If there are more than :data:`MOST_COMPARED` pairs in the scenes.
    """
    predictions = _count(np.isin(scenes.prediction_type, codes), scenes.prediction_start, scenes.prediction_end)
    annotations = _count(np.isin(scenes.annotation_type, codes), scenes.annotation_start, scenes.annotation_end)
    compared = int(np.sum(predictions * annotations))
    if compared > MOST_COMPARED:
        raise GeometryError(
            f"{compared:,} pairs of a prediction and an annotation of type {name} would have to be compared, and at"
            f" most {MOST_COMPARED:,} are: send fewer objects a data row, or split it"
        )


def _count(chosen: Flag, start: Int, end: Int) -> Int:
    """Count the chosen of each scene."""
    before = np.concatenate(([0], np.cumsum(chosen)))
    return before[end] - before[start]
