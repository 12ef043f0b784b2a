"""Writing rectangles from inside a kernel."""

from __future__ import annotations

import numpy as np
from numba import njit

from evalstream.scenes import RECTANGLE, Rectangles


@njit(cache=True, nogil=True)
def emit(
    rectangles: Rectangles,
    count: int,
    prediction: int,
    annotation: int,
    iou: float,
    confidence_low: float,
    confidence_high: float,
    iou_low: float,
    iou_high: float,
    area_range: int,
    ignored: bool,
) -> Rectangles:
    """Write one rectangle at index ``count``; return the array, a longer one if it was full."""
    if count == len(rectangles):
        longer = np.empty(max(1024, 2 * count), RECTANGLE)
        longer[:count] = rectangles
        rectangles = longer
    at = rectangles[count]
    at.prediction = prediction
    at.annotation = annotation
    at.iou = iou
    at.confidence_low = confidence_low
    at.confidence_high = confidence_high
    at.iou_low = iou_low
    at.iou_high = iou_high
    at.area_range = area_range
    at.ignored = ignored
    return rectangles
