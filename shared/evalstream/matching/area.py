"""COCO's area ranges, both ends inclusive (pycocotools, ``Params.areaRng``)."""

from __future__ import annotations

from typing import Final

import numpy as np

AREA_RANGES: Final = {
    "all": (0.0, 1e10),
    "small": (0.0, 32.0**2),
    "medium": (32.0**2, 96.0**2),
    "large": (96.0**2, 1e10),
}
AREA_LOW = np.array([low for low, _ in AREA_RANGES.values()])
AREA_HIGH = np.array([high for _, high in AREA_RANGES.values()])
