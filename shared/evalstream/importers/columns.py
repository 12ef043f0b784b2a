"""Ground truth and predictions on images as columns: what importers of boxes, masks and skeletons make."""

from __future__ import annotations

from typing import Any, Final, Literal, NamedTuple

import numpy as np
import pyarrow as pa

from evalstream.class_labels import class_label
from evalstream.events.schema import EVENTS
from evalstream.importers.problems import Problem
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
    detail: list[str] | None
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
        objects.id.take(pa.array(chosen)),
        objects.feature[chosen],
        objects.features,
        objects.confidence[chosen],
        objects.area[chosen],
        objects.crowd[chosen],
        start,
        objects.geometry[at],
        None if objects.detail is None else [objects.detail[i] for i in chosen],
        objects.storable[chosen],
    )
    return kept, len(objects.row) - len(chosen)


def annotation_events(truth: Truth, dataset: str, version: int, iou_type: CocoType = "bbox") -> pa.Table:
    """Turn ground truth into events (schema ``EVENTS``), one for every image, those without annotations included."""
    images = truth.images
    facts = {
        "width": pa.array(images.width, pa.uint32()),
        "height": pa.array(images.height, pa.uint32()),
        "media_url": pa.array(images.media_url, pa.string()),
        "metadata": pa.array(
            [[("file_name", name)] if name else [] for name in images.file_name], pa.map_(pa.string(), pa.string())
        ),
    }
    return _events(truth.objects, images, dataset, "", version, iou_type, facts)


def prediction_events(
    found: Found, truth: Truth, dataset: str, run: str, version: int, iou_type: CocoType = "bbox"
) -> pa.Table:
    """Turn results into events, one for every image of the ground truth: what is not there was not found."""
    return _events(found.objects, truth.images, dataset, run, version, iou_type, {})


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
    offsets = pa.array(np.searchsorted(objects.row, np.arange(rows + 1)).astype(np.int32))
    feature = pa.array(objects.features, pa.string()).take(pa.array(objects.feature))
    geometry = pa.ListArray.from_arrays(
        pa.array(objects.geometry_start.astype(np.int32)), pa.array(objects.geometry, pa.float64())
    )
    none = pa.array([], pa.float64())
    no_start = pa.array(np.zeros(count + 1, np.int32))
    per_object = {
        "id": objects.id,
        "type": _repeated(OBJECT_TYPES[iou_type], count),
        "feature": feature,
        "label": pa.array(map(class_label, objects.features), pa.string()).take(pa.array(objects.feature)),
        "confidence": pa.array(objects.confidence, pa.float64()),
        "area": pa.array(objects.area, pa.float64()),
        "crowd": pa.array(objects.crowd.astype(np.uint8)),
        "geometry": geometry,
        "parent": pa.array(np.zeros(count, np.uint32)),
        "detail": _repeated("", count) if objects.detail is None else pa.array(objects.detail, pa.string()),
        "score_label": pa.ListArray.from_arrays(no_start, pa.array([], pa.string())),
        "score": pa.ListArray.from_arrays(no_start, none),
    }
    nothing = {
        "split": _repeated("", rows),
        "width": pa.array(np.zeros(rows, np.uint32)),
        "height": pa.array(np.zeros(rows, np.uint32)),
        "coordinates": _repeated("", rows),
        "media_url": _repeated("", rows),
        "text": _repeated("", rows),
        "metadata": pa.array([[]] * rows, pa.map_(pa.string(), pa.string())),
        "deleted_id": pa.array([[]] * rows, pa.list_(pa.string())),
    }
    columns: dict[str, Any] = {
        "dataset": _repeated(dataset, rows),
        "data_row": pa.array(images.data_row, pa.string()),
        "run": _repeated(run, rows),
        "version": pa.array(np.full(rows, version, np.uint64)),
        "event_id": pa.array(images.data_row, pa.string()),
        "operation": _repeated("replace", rows),
        **nothing,
        **facts,
        **{f"object_{name}": pa.ListArray.from_arrays(offsets, values) for name, values in per_object.items()},
    }
    return pa.table([columns[name] for name in EVENTS.names], schema=EVENTS)


def _repeated(text: str, count: int) -> pa.Array:
    return pa.repeat(pa.scalar(text, pa.string()), count)
