"""Events as columns: the rows of table ``events``, one event a row, its objects as parallel lists."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pyarrow as pa

from evalstream.events.decode import Received
from evalstream.events.models import (
    Annotation,
    AnnotationEvent,
    BboxAnnotation,
    BboxPrediction,
    DataRow,
    Event,
    MetadataValue,
    Prediction,
    object_ids,
)

EVENTS = pa.schema(
    [
        ("dataset", pa.string()),
        ("data_row", pa.string()),
        ("run", pa.string()),  # empty for annotations, which belong to every run
        ("version", pa.uint64()),
        ("event_id", pa.string()),
        ("operation", pa.string()),
        ("split", pa.string()),  # of the row's facts, empty and 0 mean: this event does not say
        ("width", pa.uint32()),
        ("height", pa.uint32()),
        ("media_url", pa.string()),
        ("metadata", pa.map_(pa.string(), pa.string())),
        ("deleted_id", pa.list_(pa.string())),
        ("object_id", pa.list_(pa.string())),
        ("object_type", pa.list_(pa.string())),
        ("object_feature", pa.list_(pa.string())),
        ("object_label", pa.list_(pa.string())),
        ("object_confidence", pa.list_(pa.float64())),
        ("object_area", pa.list_(pa.float64())),
        ("object_crowd", pa.list_(pa.uint8())),
        ("object_geometry", pa.list_(pa.list_(pa.float64()))),
    ]
)

_UNSAID = DataRow()


def events_table(received: Sequence[Received]) -> pa.Table:
    """Turn valid events into the rows of table ``events``, in the order given (schema ``EVENTS``)."""
    columns: dict[str, list[object]] = {name: [] for name in EVENTS.names}
    for event, version, event_id in received:
        for name, value in _row(event, version, event_id).items():
            columns[name].append(value)
    return pa.table(columns, schema=EVENTS)


def _row(event: Event, version: int, event_id: str) -> dict[str, object]:
    objects: Sequence[Annotation | Prediction]
    if isinstance(event, AnnotationEvent):
        objects, run = event.annotations, ""
        confidences = [1.0] * len(objects)
    else:
        objects, run = event.predictions, event.run
        confidences = [item.confidence for item in event.predictions]
    row = event.row or _UNSAID
    return {
        "dataset": event.dataset,
        "data_row": event.data_row,
        "run": run,
        "version": version,
        "event_id": event_id,
        "operation": event.operation,
        "split": row.split or "",
        "width": row.width or 0,
        "height": row.height or 0,
        "media_url": row.media_url or "",
        "metadata": [(key, _as_text(value)) for key, value in row.metadata.items()],
        "deleted_id": event.ids,
        "object_id": object_ids(objects),
        "object_type": [item.type for item in objects],
        "object_feature": [item.feature for item in objects],
        "object_label": [_label(item) for item in objects],
        "object_confidence": confidences,
        "object_area": [_area(item) for item in objects],
        "object_crowd": [int(isinstance(item, BboxAnnotation) and item.crowd) for item in objects],
        "object_geometry": [_geometry(item) for item in objects],
    }


def _label(item: Annotation | Prediction) -> str:
    """What a confusion matrix counts: the class of an object, ``question=answer`` of a classification.

    The question is part of it so that the "yes" of two questions stay two classes.
    """
    if isinstance(item, BboxAnnotation | BboxPrediction):
        return item.feature
    return f"{item.feature}={item.answer}"


def _area(item: Annotation | Prediction) -> float:
    if isinstance(item, BboxAnnotation) and item.area is not None:
        return item.area
    if isinstance(item, BboxAnnotation | BboxPrediction):
        return item.bbox[2] * item.bbox[3]
    return 0.0


def _geometry(item: Annotation | Prediction) -> Sequence[float]:
    return item.bbox if isinstance(item, BboxAnnotation | BboxPrediction) else ()


def _as_text(value: MetadataValue) -> str:
    return value if isinstance(value, str) else json.dumps(value)
