"""LVIS's facts about its images: which classes were looked for, and of which not every object was annotated.

A file of a federated data set names for each image the classes that are certainly absent (``neg_category_ids``) and
those of which only some objects are annotated (``not_exhaustive_category_ids``); of all others that it has no
annotation of, nothing is known. LVIS's evaluation therefore (https://www.lvisdataset.org/, ``lvis-api/lvis/eval.py``)

- takes the 300 detections of an image with the highest scores, of all classes together;
- leaves out those of classes of which nothing is known there;
- ignores those of classes that are not exhaustively annotated, if they match no object. So does policy ``coco`` with
  all that lies in a crowd: such a class gets a crowd that covers more than the image.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from evalstream.importers.coco_records import AnnotationRecord, ImageRecord, Records
from evalstream.importers.columns import Categories, CocoType, Images
from evalstream.importers.problems import ImporterError
from evalstream.scenes import Code, Flag, Float, Int
from evalstream.words import count_of

DETECTIONS_LIMIT: Final = 300
#: Detections of one class on one image that average precision takes.
_OF_A_CLASS: Final = 100
_CODES: Final = 2**32


def is_federated(images: Sequence[ImageRecord]) -> bool:
    """Whether a file says of its images what was looked for."""
    return list in {type(image.neg_category_ids) for image in images}


def regions(
    images: Sequence[ImageRecord], annotations: Records, kind: type[AnnotationRecord], iou_type: CocoType
) -> Records:
    """Add a crowd to the annotations for each class that is not exhaustively annotated in an image."""
    own, places = list(annotations.own), list(annotations.positions)
    beyond = max(places, default=-1) + 1
    for image in images:
        for category in image.not_exhaustive_category_ids or ():
            width, height = image.width, image.height
            shape: dict[str, Any]
            if iou_type == "bbox":
                sides = (width, height) if width and height else (1e6, 1e6)
                shape = {"bbox": (-sides[0], -sides[1], 3 * sides[0], 3 * sides[1])}
            else:
                shape = {"segmentation": {"size": [height, width], "counts": [0, height * width]}}
            own.append(
                kind(image_id=image.id, category_id=category, id=f"not-exhaustive-{category}", iscrowd=1, **shape)
            )
            places.append(beyond)
            beyond += 1
    return Records(own, places)


def looked_for(
    source: str, records: Sequence[ImageRecord], images: Images, categories: Categories, row: Int, feature: Code
) -> Int:
    """Give the classes of which something is known, of each image: ``row`` × 2³² + ``feature``, in order.

    Parameters
    ----------
    row, feature : (annotations,) int
        The annotated ones, as positions among images and categories.

    Raises
    ------
    ImporterError
        If a list holds something that is no category.
    """
    keys = [np.unique(row.astype(np.int64) * _CODES + feature)]
    for record in records:
        place = images.place[record.id]
        for field in ("neg_category_ids", "not_exhaustive_category_ids"):
            for category in getattr(record, field) or ():
                if category not in categories.place:
                    raise ImporterError(
                        f"{source}: image {record.id}: {field}: the file lists no category {category!r}"
                    )
        own = [categories.place[category] for category in record.neg_category_ids or ()]
        keys.append(np.array(own, np.int64) + place * _CODES)
    return np.unique(np.concatenate(keys))


def told(known: Int, crowds: int) -> str:
    """Say what of a federated file its figures rest on."""
    return (
        f"A federated data set (LVIS): of {count_of(len(known), 'pair')} of image and class something is known;"
        f" {crowds:,} of them {'is' if crowds == 1 else 'are'} not exhaustively annotated and"
        f" {'has' if crowds == 1 else 'have'} a crowd around the image, so that policy `coco` ignores what matches"
        " nothing there. Policies that know no crowds count it as false."
    )


def kept(known: Int, row: Int, feature: Int, confidence: Float, among: Flag, notes: list[str]) -> Flag:
    """Choose the detections that LVIS evaluates, and say how many others there are.

    Parameters
    ----------
    among : (detections,) bool
        Those that can be read.
    """
    order = np.flatnonzero(among)
    order = order[np.lexsort((-confidence[order], row[order]))]
    fresh = np.flatnonzero(np.diff(row[order], prepend=-1))
    rank = np.arange(len(order)) - np.repeat(fresh, np.diff(np.append(fresh, len(order))))
    first = np.zeros(len(among), np.bool_)
    first[order[rank < DETECTIONS_LIMIT]] = True
    if beyond := int(np.count_nonzero(among & ~first)):
        notes.append(
            f"{count_of(beyond, 'detection')} beyond the {DETECTIONS_LIMIT} with the highest scores of their image:"
            " left out, as LVIS does."
        )
    pair = row.astype(np.int64) * _CODES + feature
    chosen = first & np.isin(pair, known)
    if unknown := int(np.count_nonzero(first & ~chosen)):
        notes.append(
            f"{count_of(unknown, 'detection')} of classes that nobody looked for in their image (neither annotated nor"
            " in neg_category_ids): left out, as LVIS does."
        )
    many = np.unique(pair[chosen], return_counts=True)[1]
    if over := int(np.sum(np.maximum(many - _OF_A_CLASS, 0))):
        notes.append(
            f"{count_of(over, 'detection')} beyond the {_OF_A_CLASS} of one class on one image, which average precision"
            " takes; LVIS has no such limit."
        )
    return chosen
