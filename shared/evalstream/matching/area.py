"""COCO's area ranges, both ends inclusive (pycocotools, ``Params.areaRng``)."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

AREA_RANGES: Final = {
    "all": (0.0, 1e10),
    "small": (0.0, 32.0**2),
    "medium": (32.0**2, 96.0**2),
    "large": (96.0**2, 1e10),
}
AREA_LOW = np.array([low for low, _ in AREA_RANGES.values()])
AREA_HIGH = np.array([high for _, high in AREA_RANGES.values()])

_BOUNDS: Final = np.array(sorted({bound for bounds in AREA_RANGES.values() for bound in bounds}))
_BETWEEN: Final = np.concatenate(([-1.0], (_BOUNDS[1:] + _BOUNDS[:-1]) / 2, [2 * _BOUNDS[-1]]))
#: An area before, at, between and after each of the bounds, in their order.
_EXAMPLES: Final = np.insert(_BETWEEN, np.arange(1, len(_BOUNDS) + 1), _BOUNDS)


def by_range(area: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give for each area one that lies in the same ranges, of which there are few: they take hardly any place."""
    # Twice the bounds below it, and one more at a bound; what is not a number is sorted behind all of them.
    place = np.searchsorted(_BOUNDS, area, "left") + np.searchsorted(_BOUNDS, area, "right")
    return np.where(np.isnan(area), area, _EXAMPLES[np.minimum(place, len(_EXAMPLES) - 1)])
