"""Ground truth and predictions on images as columns: what importers of boxes, masks and skeletons make."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple

import numpy as np
import pyarrow as pa

from evalstream.arrow import column, repeated, take, texts
from evalstream.class_labels import class_label
from evalstream.events.schema import EVENTS
from evalstream.importers.problems import Problem
from evalstream.ontology import Frequency
from evalstream.scenes import Code, Flag, Float, Int

#: What of a record is read, in COCO's words: `segm` is the segmentation, which becomes a mask.
CocoType = Literal["bbox", "segm", "keypoints"]
#: What a data row is called by: the id of its image, or the name of its file, whole or without folder and ending.
RowKey = Literal["id", "file_name", "stem"]


class Images(NamedTuple):
    """The images of a ground-truth file, in the order of their ids (:func:`evalstream.scenes.row_order`)."""

    data_row: list[str]
    width: list[int]  # 0: not known
    height: list[int]
    file_name: list[str]  # "": not known
    media_url: list[str]
    place: dict[Any, int]  # by id, as it stands in the file and as text


class Categories(NamedTuple):
    """The categories of a ground-truth file."""

    names: list[str]
    place: dict[Any, int]  # by id, by id as text, and by name where only one has it
    frequency: Mapping[str, Frequency] = MappingProxyType({})  # of names, where the file says it (LVIS)


class Objects(NamedTuple):
    """The objects of one file as parallel columns, those of one image after those of the image before."""

    row: Int  # a position among the images
    id: pa.Array  # strings
    feature: Code  # a position in `features`
    features: list[str]
    confidence: Float
    area: Float
    crowd: Code  # :class:`evalstream.events.base.Crowd`
    geometry_start: Int
    geometry: Float
    detail: pa.Array | None  # strings
    storable: Flag  # whether an event may say it; the others count here and nowhere else


class Truth(NamedTuple):
    """A ground-truth file, as far as it concerns predictions too."""

    source: str
    images: Images
    categories: Categories
    objects: Objects
    notes: list[str]
    problems: list[Problem]
    looked_for: Int | None = None  # of a federated data set: :func:`evalstream.importers.lvis.looked_for`


class Found(NamedTuple):
    """A results file."""

    source: str
    objects: Objects
    notes: list[str]
    problems: list[Problem]


def bound(confidence: Float, kept: Flag, notes: list[str]) -> None:
    """Bring confidences into the range that goes up to 1, in place."""
    most = float(confidence[kept].max()) if np.any(kept) else 0.0
    if most > 1:
        confidence /= most
        notes.append(
            f"Scores reach {most:g}: all are divided by it, for confidences go up to 1. Average precision depends on"
            " their order alone."
        )


#: The annotation type that each becomes.
OBJECT_TYPES: Final[dict[CocoType, str]] = {"bbox": "bbox", "segm": "mask", "keypoints": "keypoints"}


def storable(objects: Objects) -> tuple[Objects, int]:
    """Give the objects that an event may say, and the number of the others."""
    if np.all(objects.storable):
        return objects, 0
    chosen = np.flatnonzero(objects.storable)
    length = np.diff(objects.geometry_start)[chosen]
    start = np.concatenate((np.zeros(1, np.int64), np.cumsum(length)))
    at = np.repeat(objects.geometry_start[chosen] - start[:-1], length) + np.arange(start[-1])
    kept = Objects(
        objects.row[chosen],
        take(objects.id, chosen),
        objects.feature[chosen],
        objects.features,
        objects.confidence[chosen],
        objects.area[chosen],
        objects.crowd[chosen],
        start,
        objects.geometry[at],
        None if objects.detail is None else take(objects.detail, chosen),
        objects.storable[chosen],
    )
    return kept, len(objects.row) - len(chosen)


def parts(objects: Objects, images: Images, *, most: int, rows: int) -> Iterator[tuple[int, Objects, Images]]:
    """Cut the images into neighbours with at most so many objects together, or a single image, and so many images.

    Yields the position of the first one, and all that is said of them, which shares memory with what is given.
    """
    begins = np.searchsorted(objects.row, np.arange(len(images.data_row) + 1))
    for start, stop in cuts(begins, most=most, rows=rows):
        own, held = slice(start, stop), slice(int(begins[start]), int(begins[stop]))
        numbers = slice(int(objects.geometry_start[held.start]), int(objects.geometry_start[held.stop]))
        part = Objects(
            objects.row[held] - start,
            objects.id[held],
            objects.feature[held],
            objects.features,
            objects.confidence[held],
            objects.area[held],
            objects.crowd[held],
            objects.geometry_start[held.start : held.stop + 1] - numbers.start,
            objects.geometry[numbers],
            None if objects.detail is None else objects.detail[held],
            objects.storable[held],
        )
        yield start, part, some_images(images, own)


def cuts(begins: Int, *, most: int, rows: int) -> Iterator[tuple[int, int]]:
    """Cut images, by where the objects of each begin and the last ones end, as :func:`parts` does."""
    start = 0
    while start < len(begins) - 1:
        within = int(np.searchsorted(begins, begins[start] + most, "right")) - 1
        stop = max(start + 1, min(within, start + rows))
        yield start, stop
        start = stop


def some_images(images: Images, which: slice) -> Images:
    """Give some of the images, neighbours; their places are those among all."""
    return Images(
        images.data_row[which],
        images.width[which],
        images.height[which],
        images.file_name[which],
        images.media_url[which],
        images.place,
    )


def no_objects(features: list[str]) -> Objects:
    """Give the objects of a file that has none."""
    none, ints = np.empty(0), np.empty(0, np.int32)
    return Objects(
        np.empty(0, np.int64),
        texts([]),
        ints,
        features,
        none,
        none,
        ints,
        np.zeros(1, np.int64),
        none,
        None,
        np.empty(0, np.bool_),
    )


def annotation_events(truth: Truth, dataset: str, version: int, iou_type: CocoType = "bbox") -> pa.Table:
    """Turn ground truth into events (schema ``EVENTS``), one for every image, those without annotations included."""
    images = truth.images
    facts = {
        "width": column(np.array(images.width, np.uint32)),
        "height": column(np.array(images.height, np.uint32)),
        "media_url": texts(images.media_url),
        "metadata": _file_names(images.file_name),
    }
    return _events(truth.objects, images, dataset, "", version, iou_type, facts)


def prediction_events(
    predictions: Found, truth: Truth, dataset: str, run: str, version: int, iou_type: CocoType = "bbox"
) -> pa.Table:
    """Turn results into events, one for every image of the ground truth: what is not there was not found."""
    return _events(predictions.objects, truth.images, dataset, run, version, iou_type, {})


def _events(
    objects: Objects,
    images: Images,
    dataset: str,
    run: str,
    version: int,
    iou_type: CocoType,
    facts: dict[str, pa.Array],
) -> pa.Table:
    rows, count = len(images.data_row), len(objects.row)
    offsets = column(np.searchsorted(objects.row, np.arange(rows + 1)).astype(np.int32))
    feature = take(texts(objects.features), objects.feature)
    labels = list(map(class_label, objects.features))
    geometry = pa.ListArray.from_arrays(column(objects.geometry_start.astype(np.int32)), column(objects.geometry))
    no_start = column(np.zeros(count + 1, np.int32))
    per_object = {
        "id": objects.id,
        "type": repeated(OBJECT_TYPES[iou_type], count),
        "feature": feature,
        "label": feature if labels == objects.features else take(texts(labels), objects.feature),
        "confidence": column(objects.confidence),
        "area": column(objects.area),
        "crowd": column(objects.crowd.astype(np.uint8)),
        "geometry": geometry,
        "parent": column(np.zeros(count, np.uint32)),
        "detail": repeated("", count) if objects.detail is None else objects.detail,
        "score_label": pa.ListArray.from_arrays(no_start, texts([])),
        "score": pa.ListArray.from_arrays(no_start, column(np.empty(0))),
    }
    nothing = {
        "split": repeated("", rows),
        "width": column(np.zeros(rows, np.uint32)),
        "height": column(np.zeros(rows, np.uint32)),
        "coordinates": repeated("", rows),
        "media_url": repeated("", rows),
        "text": repeated("", rows),
        "metadata": _file_names([""] * rows),
        "deleted_id": pa.ListArray.from_arrays(column(np.zeros(rows + 1, np.int32)), texts([])),
    }
    columns: dict[str, Any] = {
        "dataset": repeated(dataset, rows),
        "data_row": texts(images.data_row),
        "run": repeated(run, rows),
        "version": column(np.full(rows, version, np.uint64)),
        "event_id": texts(images.data_row),
        "operation": repeated("replace", rows),
        **nothing,
        **facts,
        **{f"object_{name}": pa.ListArray.from_arrays(offsets, values) for name, values in per_object.items()},
    }
    return pa.table([columns[name] for name in EVENTS.names], schema=EVENTS)


def _file_names(names: list[str]) -> pa.Array:
    """Give names of files as metadata, no entry for those that are not known."""
    known = [name for name in names if name]
    start = np.zeros(len(names) + 1, np.int32)
    np.cumsum([bool(name) for name in names], out=start[1:])
    return pa.MapArray.from_arrays(column(start), repeated("file_name", len(known)), texts(known))
