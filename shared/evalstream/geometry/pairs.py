"""Which predictions overlap which annotations, whatever their type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from evalstream.geometry.bbox import box_pairs
from evalstream.geometry.classification import answer_pairs
from evalstream.geometry.types import CODES
from evalstream.scenes import Code, Float, Pairs, Scenes

#: How each annotation type finds its pairs.
FINDERS: Final[dict[str, Callable[[Scenes, int], tuple[Code, Code, Float]]]] = {
    "bbox": box_pairs,
    "radio": answer_pairs,
}


def overlapping_pairs(scenes: Scenes) -> Pairs:
    """Find every pair of one scene and one annotation type that overlaps at all, ordered as ``Pairs`` says."""
    found = [
        finder(scenes, CODES[name]) for name, finder in FINDERS.items() if np.any(scenes.prediction_type == CODES[name])
    ]
    prediction = np.concatenate([columns[0] for columns in found] or [np.empty(0, np.int32)])
    annotation = np.concatenate([columns[1] for columns in found] or [np.empty(0, np.int32)])
    iou = np.concatenate([columns[2] for columns in found] or [np.empty(0)])
    if np.any(np.diff(prediction) < 0):
        order = np.lexsort((annotation, prediction))
        prediction, annotation, iou = prediction[order], annotation[order], iou[order]
    count = len(scenes.prediction_type)
    start = np.zeros(count + 1, np.int64)
    np.cumsum(np.bincount(prediction, minlength=count), out=start[1:])
    return Pairs(start, annotation, iou)
