"""Pair overlapping predictions and annotations, whatever their type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from evalstream.geometry.bbox import box_pairs
from evalstream.geometry.classification import answer_pairs
from evalstream.geometry.geographic import turned_box_pairs
from evalstream.geometry.keypoints import keypoint_pairs
from evalstream.geometry.limits import require_few_compared
from evalstream.geometry.mask import mask_pairs
from evalstream.geometry.span import span_pairs
from evalstream.scenes import Batch, Found, Pairs
from evalstream.types import CODES

#: The types that may match each other, where a dataset says so.
AREAL: Final = ("bbox", "rotated_box", "polygon", "mask")


# What needs shapely, which takes a while to import.
def _polygon_pairs(batch: Batch, code: int) -> Found:
    from evalstream.geometry.polygon import polygon_pairs

    return polygon_pairs(batch, code)


def _polyline_pairs(batch: Batch, code: int) -> Found:
    from evalstream.geometry.polyline import polyline_pairs

    return polyline_pairs(batch, code)


def _point_pairs(batch: Batch, code: int) -> Found:
    from evalstream.geometry.point import point_pairs

    return point_pairs(batch, code)


#: How each annotation type finds its pairs: those of the given type code in one scene that overlap at all.
FINDERS: Final[dict[str, Callable[[Batch, int], Found]]] = {
    "bbox": box_pairs,
    "rotated_box": turned_box_pairs,
    "polygon": _polygon_pairs,
    "mask": mask_pairs,
    "radio": answer_pairs,
    "question": answer_pairs,
    "text": answer_pairs,
    "number": answer_pairs,
    "polyline": _polyline_pairs,
    "point": _point_pairs,
    "keypoints": keypoint_pairs,
    "span": span_pairs,
}
#: Those that do not look at each pair that might overlap, and count those that do themselves.
_SWEEPING: Final = ("bbox",)


def overlapping_pairs(batch: Batch) -> Pairs:
    """Find every pair of one scene and one annotation type that overlaps at all, ordered as ``Pairs`` says.

    Raises
    ------
    GeometryError
        If shapes cannot be compared, or if they are too many: :mod:`evalstream.geometry.limits`.
    """
    types = batch.scenes.prediction_type
    used = [name for name in FINDERS if np.any(types == CODES[name])]
    for name in used:
        if name not in _SWEEPING:
            require_few_compared(batch.scenes, [CODES[name]], name)
    parts = [FINDERS[name](batch, CODES[name]) for name in used]
    if batch.ontology.across_types:
        require_few_compared(batch.scenes, [CODES[name] for name in AREAL], " or ".join(AREAL))
        from evalstream.geometry.across import across_pairs

        parts.append(across_pairs(batch))
    prediction = np.concatenate([one.prediction for one in parts] or [np.empty(0, np.int32)])
    annotation = np.concatenate([one.annotation for one in parts] or [np.empty(0, np.int32)])
    iou = np.concatenate([one.iou for one in parts] or [np.empty(0)])
    step = np.diff(prediction)
    if np.any(step < 0) or np.any((step == 0) & (np.diff(annotation) < 0)):
        order = np.lexsort((annotation, prediction))
        prediction, annotation, iou = prediction[order], annotation[order], iou[order]
    start = np.zeros(len(types) + 1, np.int64)
    np.cumsum(np.bincount(prediction, minlength=len(types)), out=start[1:])
    return Pairs(start, annotation, iou)
