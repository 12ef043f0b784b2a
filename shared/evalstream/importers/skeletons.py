"""COCO's keypoints to skeletons: numbers as columns of events hold them, and what is to be known of each."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalstream.events.base import COORDINATE_LIMIT
from evalstream.importers.coco_columns import Numbers
from evalstream.native import compiled
from evalstream.scenes import Flag, Float, Int


class Skeletons(NamedTuple):
    """Skeletons as columns; those that are left out have no numbers."""

    start: Int
    value: Float  # of annotations the box, then x, y and v of each keypoint; of detections the latter alone
    area: Float  # of the box, or of that around the keypoints where there is none
    wrong: Flag  # a number that is not finite, or too large
    wrong_box: Flag
    negative: Flag  # a box with a negative side, which is none here
    unlabelled: Flag  # an annotation without a labelled keypoint
    fractional: Flag  # an annotation with a visibility that is not 0, 1 or 2


class Boxes(NamedTuple):
    """Boxes of annotations: which of them have one, and those ``(n, 4)``."""

    given: Flag
    value: Float


#: What the kernel says of each.
_NUMBERS, _BOX, _NEGATIVE, _UNLABELLED, _FRACTIONAL = (1 << bit for bit in range(5))
_NONE: Final = Boxes(np.empty(0, np.bool_), np.empty(0))


def annotated_skeletons(numbers: Numbers, kept: Flag, boxes: Boxes, uncounted: Flag) -> Skeletons:
    """Read skeletons of annotations.

    As pycocotools: whatever is seen above 0 is labelled, and nothing is where the file counts no keypoints, so that the
    annotation is ignored.

    Parameters
    ----------
    numbers : Numbers
        x, y and visibility of each keypoint.
    kept : (n,) bool
        Which to read; the others are left out.
    boxes : Boxes
        Without one it is the box around the labelled keypoints, or all where none is.
    uncounted : (n,) bool
        Of which the file says that they have 0 keypoints.
    """
    state, area, start, value = _read(*numbers, kept, *boxes, uncounted, True, COORDINATE_LIMIT)
    return _told(Numbers(start, value), area, state)


def found_skeletons(numbers: Numbers, kept: Flag) -> Skeletons:
    """Read skeletons of detections: x, y and a number that is not used of each keypoint."""
    state, area, _, _ = _read(*numbers, kept, *_NONE, _NONE.given, False, COORDINATE_LIMIT)
    kept = kept & (state == 0)
    if np.all(kept):  # then a copy would only take memory
        return _told(numbers, area, state)
    count = np.diff(numbers.start)
    start = np.concatenate((np.zeros(1, np.int64), np.cumsum(count * kept)))
    return _told(Numbers(start, numbers.value[np.repeat(kept, count)]), area, state)


def _told(numbers: Numbers, area: Float, state: NDArray[np.uint8]) -> Skeletons:
    said = ((state & bit) > 0 for bit in (_NUMBERS, _BOX, _NEGATIVE, _UNLABELLED, _FRACTIONAL))
    return Skeletons(*numbers, area, *said)


@compiled
def _read(  # type: ignore[empty-body]
    start: Int,
    value: Float,
    kept: Flag,
    boxed: Flag,
    given: Float,
    unlabelled: Flag,
    annotated: bool,
    limit: float,
) -> tuple[NDArray[np.uint8], Float, Int, Float]:
    """Give what is to be known of each, its area, and of annotations its numbers."""
