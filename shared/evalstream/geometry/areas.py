"""Areas that an event could not give, because they take geometry to work out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from evalstream.geometry.polygon import polygon_areas
from evalstream.scenes import Batch, Float, Int, Shapes
from evalstream.types import CODES

#: How the own area of shapes is worked out: called with the shapes of one side and positions among them.
AREAS: Final[dict[str, Callable[[Shapes, Int], Float]]] = {"polygon": polygon_areas}


def fill_areas(batch: Batch) -> None:
    """Write the areas of all objects that have none yet (NaN) into the scenes' columns."""
    scenes = batch.scenes
    sides = (
        (batch.annotations, scenes.annotation_type, scenes.annotation_area),
        (batch.predictions, scenes.prediction_type, scenes.prediction_area),
    )
    for shapes, types, area in sides:
        unknown = np.isnan(area)
        if not np.any(unknown):
            continue
        for name, areas in AREAS.items():
            chosen = np.flatnonzero(unknown & (types == CODES[name]))
            if len(chosen):
                area[chosen] = areas(shapes, chosen)
