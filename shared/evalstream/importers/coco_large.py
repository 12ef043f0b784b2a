"""Results of boxes that are too many to be held: to a file of columns, and from there image by image.

What goes this way is what needs no word: records in the plain form, on images and of categories that the ground truth
lists, with boxes and scores as an event says them. At anything else it gives up, and the file is read whole, which
explains; so nothing is sent of a file that is read to its end only to be refused. Both ways give the same events.
"""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalstream.arrow import as_texts
from evalstream.events.base import COORDINATE_LIMIT, OBJECTS_LIMIT
from evalstream.importers.coco_columns import NotPlainError, read_pieces
from evalstream.importers.columns import Found, Images, Objects, Truth, cuts, some_images
from evalstream.importers.places import places
from evalstream.scenes import Int

#: A file of more bytes is read so: some 800,000 boxes, which take 100 MB to hold.
LARGE_BYTES: Final = 64 * 1024 * 1024
_RECORD: Final = np.dtype([("box", np.float64, 4), ("score", np.float64), ("category", np.int32)])


class Large(NamedTuple):
    """Results in a file: where those of each image of the ground truth begin, and how many they are."""

    source: str
    truth: Truth
    file: IO[bytes]
    begin: Int
    counts: Int

    def parts(self, *, most: int, rows: int) -> Iterator[tuple[int, Found, Images]]:
        """Read images with at most so many objects together, cut as by :func:`evalstream.importers.columns.parts`."""
        before = np.concatenate((np.zeros(1, np.int64), np.cumsum(self.counts)))
        for start, stop in cuts(before, most=most, rows=rows):
            own = slice(start, stop)
            objects = _objects(self, own)
            yield start, Found(self.source, objects, [], []), some_images(self.truth.images, own)


def read_large(path: Path, truth: Truth) -> Large | None:
    """Read results of boxes to a file of their own; none where there is something to say of them, or no place."""
    if truth.looked_for is not None:
        return None
    file = tempfile.TemporaryFile()  # noqa: SIM115 -- closed below
    begin = np.zeros(len(truth.images.data_row), np.int64)
    count = np.zeros(len(begin), np.int64)
    try:
        done = 0
        for read, _ in read_pieces(path):
            row = places(truth.images.place, read.image_id)
            category = places(truth.categories.place, read.category_id)
            box = read.bbox.reshape(-1, 4)
            if not _is_plain(row, category, box, read.score) or not _add_runs(row, done, begin, count):
                raise NotPlainError
            record = np.empty(len(row), _RECORD)
            record["box"], record["score"], record["category"] = box, read.score, category
            file.write(record.data)
            done += len(row)
        file.flush()
    except (NotPlainError, OSError):
        file.close()
        return None
    weakref.finalize(count, file.close)  # with the last one who holds what is returned
    return Large(str(path), truth, file, begin, count) if done else None


def _is_plain(row: Int, category: Int, box: NDArray[np.float64], score: NDArray[np.float64]) -> bool:
    known = bool(np.all(row >= 0) and np.all(category >= 0))
    inside = bool(np.all(np.abs(box) <= COORDINATE_LIMIT) and np.all(box[:, 2:] >= 0))
    return known and inside and bool(np.all(np.isfinite(score)) and np.all(score <= 1))


def _add_runs(row: Int, done: int, begin: Int, count: Int) -> bool:
    """Note where the objects of each image begin, and how many they are; say whether those of each lie together."""
    first = np.flatnonzero(np.concatenate(([True], row[1:] != row[:-1])))
    image, length = row[first], np.diff(np.append(first, len(row)))
    if not len(image):
        return True
    goes_on = begin[image] + count[image] == done + first
    goes_on &= np.concatenate(([True], np.zeros(len(image) - 1, np.bool_)))  # from the piece before
    anew = count[image] == 0
    if not np.all(goes_on | anew) or len(np.unique(image)) < len(image):
        return False
    begin[image[anew]] = done + first[anew]
    count[image] += length
    return bool(np.all(count[image] <= OBJECTS_LIMIT))


def _objects(large: Large, images: slice) -> Objects:
    begin, count = large.begin[images], large.counts[images]
    record = np.concatenate([np.empty(0, _RECORD), *_runs(large.file, begin[count > 0], count[count > 0])])
    box = np.ascontiguousarray(record["box"])
    total, offset = len(record), np.cumsum(count) - count
    position = np.arange(total) + np.repeat(begin - offset, count)
    return Objects(
        np.repeat(np.arange(len(count)), count),
        as_texts(position),
        np.ascontiguousarray(record["category"]),
        list(large.truth.categories.names),
        np.ascontiguousarray(record["score"]),
        box[:, 2] * box[:, 3],
        np.zeros(total, np.int32),
        4 * np.arange(total + 1),
        box.ravel(),
        None,
        np.ones(total, np.bool_),
    )


def _runs(file: IO[bytes], begin: Int, count: Int) -> Iterator[NDArray[np.void]]:
    """Read the records of images, those at once that lie together."""
    apart = np.flatnonzero(begin[1:] != begin[:-1] + count[:-1]) + 1
    for some_begin, some_count in zip(np.split(begin, apart), np.split(count, apart), strict=True):
        if len(some_begin):
            file.seek(int(some_begin[0]) * _RECORD.itemsize)
            yield np.frombuffer(file.read(int(some_count.sum()) * _RECORD.itemsize), _RECORD)
