"""The shapes of COCO records as columns: boxes, segmentations, skeletons."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from evalstream.events.base import COORDINATE_LIMIT
from evalstream.importers.coco_columns import Numbers, Plain
from evalstream.importers.columns import CocoType, Images
from evalstream.importers.problems import Problem
from evalstream.importers.skeletons import Boxes, annotated_skeletons, found_skeletons
from evalstream.scenes import Flag, Float, Int


class Checks:
    """The records of one file, and which of them are left out."""

    def __init__(self, source: str, names: Callable[[int], str], count: int, problems: list[Problem]) -> None:
        self.kept = np.ones(count, np.bool_)
        self._source, self._names, self._problems = source, names, problems

    def leave_out(self, wrong: Flag, field: str, reason: Callable[[int], str]) -> None:
        """Leave out the records that are wrong and were not left out before."""
        for i in np.flatnonzero(wrong & self.kept).tolist():
            self._problems.append(Problem(self._source, self._names(i), field, reason(i)))
        self.kept &= ~wrong


class Shapes(NamedTuple):
    """Shapes of a file's records: parallel columns."""

    start: Int
    values: Float
    area: Float
    detail: pa.Array | None  # strings
    negative: Flag  # a box with a negative side
    unlabelled: Flag  # a skeleton without a labelled keypoint
    fractional: Flag  # a skeleton with a visibility between 0, 1 and 2
    thin: Flag  # an outline of less than three points


def shapes(
    records: Sequence[Any], row: Int, images: Images, iou_type: CocoType, checks: Checks, *, annotated: bool
) -> Shapes:
    """Read what the records look like, and leave out those that look like nothing."""
    if iou_type == "bbox":
        return _boxes(records, checks)
    if iou_type == "segm":
        return _masks(records, row, images, checks)
    return _skeletons(records, checks, annotated=annotated)


def check_numbers(checks: Checks, given: Flag, values: Float, field: str, shown: Callable[[int], Any]) -> None:
    """Leave out records with a number that is not finite or too large."""
    if np.min(values, initial=0) >= -COORDINATE_LIMIT and np.max(values, initial=0) <= COORDINATE_LIMIT:
        return  # as nearly always, and quickly seen
    with np.errstate(invalid="ignore"):
        wrong = np.any(given & ~(np.abs(values) <= COORDINATE_LIMIT), axis=1)
    checks.leave_out(wrong, field, lambda i: f"must be finite, and at most {COORDINATE_LIMIT:g} (got {shown(i)!r})")


def _boxes(records: Sequence[Any], checks: Checks) -> Shapes:
    if isinstance(records, Plain):
        box = records.bbox
    else:
        flat = chain.from_iterable(map(attrgetter("bbox"), records))
        box = np.fromiter(flat, np.float64, 4 * len(records)).reshape(-1, 4)
    check_numbers(checks, np.ones((1, 1), np.bool_), box, "bbox", lambda i: list(records[i].bbox))
    if not np.all(checks.kept):
        box = np.where(checks.kept[:, None], box, 0)
    area = box[:, 2] * box[:, 3]
    negative = (box[:, 2] < 0) | (box[:, 3] < 0)
    if np.any(negative):
        box = np.where(negative[:, None] & np.array([False, False, True, True]), 0, box)
    none = np.zeros(len(records), np.bool_)
    return Shapes(4 * np.arange(len(records) + 1), box.ravel(), area, None, negative, none, none, none)


def _masks(records: Sequence[Any], row: Int, images: Images, checks: Checks) -> Shapes:
    from evalstream.importers.segmentations import segmentations, written  # of masks only, and takes a while

    # The last size stands for the image that is not there.
    height, width = (np.array([*side, 0], np.int64)[row] for side in (images.height, images.width))
    own = records.segmentation if isinstance(records, Plain) else written([one.segmentation for one in records])
    read = segmentations(own, height, width, lambda i: records[i].segmentation)
    wrong = np.zeros(len(records), np.bool_)
    wrong[list(read.reasons)] = True
    checks.leave_out(wrong, "segmentation", read.reasons.__getitem__)
    none = np.zeros(len(records), np.bool_)
    start = np.zeros(len(records) + 1, np.int64)
    return Shapes(start, np.empty(0), read.area, read.rle, none, none, none, read.thin)


def _skeletons(records: Sequence[Any], checks: Checks, *, annotated: bool) -> Shapes:
    numbers = _numbers(records)
    count = np.diff(numbers.start)
    checks.leave_out(
        (count == 0) | (count % 3 > 0) | (count > 3000),
        "keypoints",
        lambda _: "must be a list [x, y, v, x, y, v, …] of 1 to 1,000 keypoints",
    )
    if annotated:
        boxes = _given_boxes(records)
        read = annotated_skeletons(numbers, checks.kept, boxes, _uncounted(records))
        reason = "bbox must consist of finite numbers (got {})"
        box_reasons = {i: reason.format(boxes.value[i].tolist()) for i in np.flatnonzero(read.wrong_box).tolist()}
    else:
        read, box_reasons = found_skeletons(numbers, checks.kept), {}
    checks.leave_out(
        read.wrong | read.wrong_box, "keypoints", lambda i: box_reasons.get(i, "must consist of finite numbers")
    )
    none = np.zeros(len(records), np.bool_)
    return Shapes(read.start, read.value, read.area, None, read.negative, read.unlabelled, read.fractional, none)


def _numbers(records: Sequence[Any]) -> Numbers:
    if isinstance(records, Plain):
        return records.keypoints
    start = np.zeros(len(records) + 1, np.int64)
    np.cumsum([len(record.keypoints) for record in records], out=start[1:])
    flat = chain.from_iterable(map(attrgetter("keypoints"), records))
    return Numbers(start, np.fromiter(flat, np.float64, int(start[-1])))


def _given_boxes(records: Sequence[Any]) -> Boxes:
    if isinstance(records, Plain):
        return Boxes(~np.isnan(records.bbox[:, 0]), records.bbox)
    given = np.array([record.bbox is not None for record in records], np.bool_)
    flat = chain.from_iterable(record.bbox or (0.0, 0.0, 0.0, 0.0) for record in records)
    return Boxes(given, np.fromiter(flat, np.float64, 4 * len(records)).reshape(-1, 4))


def _uncounted(records: Sequence[Any]) -> Flag:
    if isinstance(records, Plain):
        return records.unlabelled
    return np.array([bool(record.num_keypoints == 0) for record in records], np.bool_)
