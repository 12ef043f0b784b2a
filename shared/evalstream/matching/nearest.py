"""The annotations that each prediction overlaps most, of its own label and of any other, whatever the policy.

What became of a prediction is the policy's word; why it was wrong is read off these (see ``scoring/causes.py``).
"""

from __future__ import annotations

from typing import NamedTuple

from evalstream.native import compiled
from evalstream.scenes import Code, Flag, Float, Int, Pairs


class Nearest(NamedTuple):
    """For each prediction of a batch a position among the annotations (−1: it overlaps none) and how much."""

    own: Code
    own_iou: Float
    other: Code
    other_iou: Float


def nearest(pairs: Pairs, prediction_label: Code, annotation_label: Code, region: Flag) -> Nearest:
    """Find the annotation of highest IoU, of equal ones the last, among those of equal and those of other labels.

    The last, because policy ``coco`` prefers it: of two identical annotations it is the one that is matched.

    Parameters
    ----------
    prediction_label, annotation_label : (predictions,) and (annotations,) int32
        Codes with one meaning across both sides.
    region : (annotations,) bool
        Crowd regions, which are no objects.
    """
    return Nearest(*_nearest(pairs.start, pairs.annotation, pairs.iou, prediction_label, annotation_label, region))


@compiled
def _nearest(
    start: Int, annotation: Code, iou: Float, prediction_label: Code, annotation_label: Code, region: Flag
) -> tuple[Code, Float, Code, Float]: ...
