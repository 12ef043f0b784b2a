"""Ids by the million to places among those that are known."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import repeat
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from evalstream.scenes import Int

#: Ids are counted where their range is at most so many times their number.
_CLOSE: Final = 8


def distinct(given: Int) -> tuple[Int, Int]:
    """Give the distinct values in order, and which of them each one is; by counting, where they lie close together."""
    low, high = (int(given.min()), int(given.max())) if len(given) else (0, -1)
    if high - low > _CLOSE * len(given):
        values, at = np.unique(given, return_inverse=True)
        return values, at
    there = np.zeros(high - low + 1, np.bool_)
    there[given - low] = True
    return np.flatnonzero(there) + low, (np.cumsum(there) - 1)[given - low]


def places(place: Mapping[Any, int], given: NDArray[Any] | list[Any]) -> Int:
    """Look up the place of each id, −1 of those that have none."""
    if isinstance(given, np.ndarray):
        values, position = distinct(given)
        return places(place, values.tolist())[position]
    return np.array(list(map(place.get, given, repeat(-1))), np.int64)
