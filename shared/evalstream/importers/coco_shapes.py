"""The shapes of COCO records as columns: boxes, segmentations, skeletons."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from evalstream.events.base import COORDINATE_LIMIT
from evalstream.importers.coco_columns import Plain
from evalstream.importers.columns import CocoType, Images
from evalstream.importers.problems import Problem
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
    with np.errstate(invalid="ignore"):
        wrong = np.any(given & ~(np.abs(values) <= COORDINATE_LIMIT), axis=1)
    checks.leave_out(wrong, field, lambda i: f"must be finite, and at most {COORDINATE_LIMIT:g} (got {shown(i)!r})")


def _boxes(records: Sequence[Any], checks: Checks) -> Shapes:
    if isinstance(records, Plain):
        box = records.bbox.copy()
    else:
        flat = chain.from_iterable(map(attrgetter("bbox"), records))
        box = np.fromiter(flat, np.float64, 4 * len(records)).reshape(-1, 4)
    check_numbers(checks, np.ones_like(box, np.bool_), box, "bbox", lambda i: list(records[i].bbox))
    box[~checks.kept] = 0
    area = box[:, 2] * box[:, 3]
    negative = (box[:, 2] < 0) | (box[:, 3] < 0)
    box[negative, 2:] = 0
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
    count = np.array([len(record.keypoints) for record in records], np.int64)
    checks.leave_out(
        (count == 0) | (count % 3 > 0) | (count > 3000),
        "keypoints",
        lambda _: "must be a list [x, y, v, x, y, v, …] of 1 to 1,000 keypoints",
    )
    parts, areas = [], np.zeros(len(records))
    none = np.zeros(len(records), np.bool_)
    negative, unlabelled, fractional = none.copy(), none.copy(), none.copy()
    wrong: dict[int, str] = {}
    for i in np.flatnonzero(checks.kept).tolist():
        record = records[i]
        triples = np.array(record.keypoints, np.float64).reshape(-1, 3)
        if not np.all(np.abs(triples[:, :2]) <= COORDINATE_LIMIT) or not np.all(np.isfinite(triples)):
            wrong[i] = "must consist of finite numbers"
            continue
        if annotated:
            seen = triples[:, 2]
            fractional[i] = bool(np.any(seen != np.clip(np.rint(seen), 0, 2)))
            # As pycocotools: where the file counts no keypoints none is labelled, and the annotation is ignored.
            triples[:, 2] = 0 if record.num_keypoints == 0 else np.clip(np.ceil(seen), 0, 2)
            unlabelled[i] = not np.any(triples[:, 2])
        labelled = triples[triples[:, 2] > 0] if annotated and not unlabelled[i] else triples
        low, high = labelled[:, :2].min(axis=0), labelled[:, :2].max(axis=0)
        box = [*low, *(high - low)]
        areas[i] = box[2] * box[3]
        if annotated:
            if record.bbox is not None:
                box = list(record.bbox)
                if not all(abs(value) <= COORDINATE_LIMIT for value in box):
                    wrong[i] = f"bbox must consist of finite numbers (got {box})"
                    continue
                areas[i] = box[2] * box[3]
                negative[i] = box[2] < 0 or box[3] < 0
                box[2:] = max(box[2], 0), max(box[3], 0)
            parts.append(np.concatenate((box, triples.ravel())))
        else:
            parts.append(triples.ravel())
    is_wrong = none.copy()
    is_wrong[list(wrong)] = True
    checks.leave_out(is_wrong, "keypoints", wrong.__getitem__)
    length = np.zeros(len(records), np.int64)
    length[checks.kept] = [len(part) for part in parts]
    start = np.concatenate((np.zeros(1, np.int64), np.cumsum(length)))
    return Shapes(start, np.concatenate([np.empty(0), *parts]), areas, None, negative, unlabelled, fractional, none)
