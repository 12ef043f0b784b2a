"""Areas that an event could not give, because they take geometry to work out."""

from __future__ import annotations

import numpy as np

from evalstream.scenes import Batch
from evalstream.types import CODES


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
        chosen = np.flatnonzero(unknown & (types == CODES["polygon"]))
        if len(chosen):
            from evalstream.geometry.polygon import polygon_areas  # with shapely, which takes a while

            area[chosen] = polygon_areas(shapes, chosen)
