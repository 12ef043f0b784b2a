"""Events as columns: the rows of table ``events``, one event a row, its objects as parallel lists."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import accumulate

import pyarrow as pa

from evalstream.events.decode import Received
from evalstream.events.models import (
    Annotation,
    AnnotationEvent,
    DataRow,
    Event,
    MetadataValue,
    Prediction,
    PredictionEvent,
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
    events = [item.event for item in received]
    rows = [event.row or _UNSAID for event in events]
    per_event = [_objects(event) for event in events]
    objects = [item for some in per_event for item in some]
    offsets = pa.array([0, *accumulate(map(len, per_event))], pa.int32())

    columns: dict[str, object] = {
        "dataset": [event.dataset for event in events],
        "data_row": [event.data_row for event in events],
        "run": [event.run if isinstance(event, PredictionEvent) else "" for event in events],
        "version": [item.version for item in received],
        "event_id": [item.event_id for item in received],
        "operation": [event.operation for event in events],
        "split": [row.split or "" for row in rows],
        "width": [row.width or 0 for row in rows],
        "height": [row.height or 0 for row in rows],
        "media_url": [row.media_url or "" for row in rows],
        "metadata": [[(key, _as_text(value)) for key, value in row.metadata.items()] for row in rows],
        "deleted_id": [event.ids for event in events],
    }
    per_object = {
        "id": [name for some in per_event for name in object_ids(some)],
        "type": [item.type for item in objects],
        "feature": [item.feature for item in objects],
        "label": [item.label for item in objects],
        "confidence": [getattr(item, "confidence", 1.0) for item in objects],  # of an annotation: certain
        "area": [item.own_area for item in objects],
        "crowd": [int(item.is_crowd) for item in objects],
        "geometry": [item.geometry for item in objects],
    }
    for name, values in per_object.items():
        kind = EVENTS.field(f"object_{name}").type.value_type
        columns[f"object_{name}"] = pa.ListArray.from_arrays(offsets, pa.array(values, kind))
    return pa.table(columns, schema=EVENTS)


def _objects(event: Event) -> Sequence[Annotation | Prediction]:
    return event.annotations if isinstance(event, AnnotationEvent) else event.predictions


def _as_text(value: MetadataValue) -> str:
    return value if isinstance(value, str) else json.dumps(value)
