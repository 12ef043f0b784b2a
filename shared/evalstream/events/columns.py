"""Events as columns: the rows of table ``events``, one event a row, its objects as parallel lists."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import pyarrow as pa
from pydantic_core import to_json

from evalstream.events.base import Crowd, Object, Part
from evalstream.events.decoding import Received
from evalstream.events.models import AnnotationEvent, DataRow, Event, MetadataValue, PredictionEvent, object_ids
from evalstream.events.objects.metrics import RowMetric
from evalstream.events.schema import EVENTS

_UNSAID: Final = DataRow.model_construct()


class Facts(NamedTuple):
    """Facts that an event states about its data row; empty and 0: not stated."""

    split: str = ""
    width: int = 0
    height: int = 0
    coordinates: str = ""
    media_url: str = ""
    text: str = ""
    metadata: Mapping[str, MetadataValue] = MappingProxyType({})


def events_table(received: Sequence[Received]) -> pa.Table:
    """Turn valid events into the rows of table ``events``, in the order given (schema ``EVENTS``)."""
    events = [item.event for item in received]
    heads: dict[str, Sequence[Any]] = {
        "dataset": [event.dataset for event in events],
        "data_row": [event.data_row for event in events],
        "run": [event.run if isinstance(event, PredictionEvent) else "" for event in events],
        "version": [item.version for item in received],
        "event_id": [item.event_id for item in received],
        "operation": [event.operation for event in events],
        "deleted_id": [event.ids for event in events],
    }
    return table_of(heads, [facts_of(event.row) for event in events], map(entries, events))


def facts_of(row: DataRow | None) -> Facts:
    """Give what an event says of its data row as columns hold it."""
    if row is None:
        row = _UNSAID
    return Facts(
        row.split or "",
        row.width or 0,
        row.height or 0,
        row.coordinates or "",
        row.media_url or "",
        row.text or "",
        row.metadata,
    )


def entries(event: Event) -> tuple[list[str], list[Part]]:
    """Give the entries of an event's object columns: the id of the object that each belongs to, and what it says."""
    names: list[str] = []
    parts: list[Part] = []
    for name, item in _objects(event):
        own = item.parts()
        parts += own
        names += [name] * len(own)
    return names, parts


def table_of(
    heads: Mapping[str, Sequence[Any]], facts: Sequence[Facts], given: Iterable[tuple[list[str], list[Part]]]
) -> pa.Table:
    """Put events into columns (schema ``EVENTS``).

    Parameters
    ----------
    heads : mapping of str to sequences
        The columns that say which events they are, an entry an event.
    facts : sequence of Facts
        What each says of its data row.
    given : iterable of (list of str, list of Part)
        The entries of each one's objects, as of :func:`entries`.
    """
    names: list[str] = []
    parts: list[Part] = []
    offsets = [0]
    for own_names, own_parts in given:
        names += own_names
        parts += own_parts
        offsets.append(len(parts))
    columns: dict[str, Any] = {**heads, **_by_field(Facts._fields, facts)}
    columns["metadata"] = [[(key, _as_text(value)) for key, value in own.items()] for own in columns["metadata"]]
    per_object = _by_field(Part._fields, parts)
    scores = per_object.pop("scores")
    # Rare, and hundreds of thousands of empty lists keep the garbage collector busy.
    scored = any(scores)
    per_object |= {
        "id": names,
        "score_label": [list(own) for own in scores] if scored else [()] * len(parts),
        "score": [list(own.values()) for own in scores] if scored else [()] * len(parts),
    }
    for name, values in per_object.items():
        kind = EVENTS.field(f"object_{name}").type.value_type
        columns[f"object_{name}"] = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(values, kind))
    return pa.table(columns, schema=EVENTS)


def _by_field(names: Sequence[str], tuples: Sequence[tuple[Any, ...]]) -> dict[str, Sequence[Any]]:
    return dict(zip(names, zip(*tuples, strict=True) if tuples else repeat(()), strict=bool(tuples)))


def _objects(event: Event) -> Iterator[tuple[str, Object | RowMetric]]:
    """Every object of an event, then every metric of its row, with the id by which later events know it."""
    objects: Sequence[Object] = event.annotations if isinstance(event, AnnotationEvent) else event.predictions
    yield from zip(object_ids(objects), objects, strict=True)
    if isinstance(event, PredictionEvent):
        yield from ((metric.id, metric) for metric in event.metrics)


def _as_text(value: MetadataValue) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def event_lines(events: pa.Table) -> Iterator[bytes]:
    """Turn rows of table ``events`` into the JSON that a producer sends: ``replace`` events of boxes, masks, skeletons.

    The inverse of :func:`events_table` for what importers give.
    """
    names = ("dataset", "data_row", "run", "version", "split", "width", "height", "media_url", "metadata")
    lists = ("id", "type", "feature", "confidence", "area", "crowd", "geometry", "detail")
    for batch in events.to_batches(max_chunksize=1_000):
        rows = zip(*(batch[name].to_pylist() for name in names), strict=True)
        objects = zip(*(batch[f"object_{name}"].to_pylist() for name in lists), strict=True)
        for (dataset, data_row, run, version, split, width, height, media_url, metadata), columns in zip(
            rows, objects, strict=True
        ):
            facts = {
                "split": split,
                "width": width,
                "height": height,
                "media_url": media_url,
                "metadata": dict(metadata),
            }
            row = {name: value for name, value in facts.items() if value}
            made = [_said(bool(run), *item) for item in zip(*columns, strict=True)]
            event: dict[str, Any] = {"dataset": dataset, "data_row": data_row, "operation": "replace"}
            event |= {"version": version} | ({"row": row} if row else {})
            event |= {"run": run, "predictions": made} if run else {"annotations": made}
            yield to_json(event)


def _said(
    predicted: bool,
    name: str,
    kind: str,
    feature: str,
    confidence: float,
    area: float,
    crowd: int,
    geometry: list[float],
    detail: str,
) -> dict[str, Any]:
    said: dict[str, Any] = {"id": name, "type": kind, "feature": feature}
    if kind == "bbox":
        said["bbox"] = geometry
    elif kind == "mask":
        said["mask"] = json.loads(detail)
    elif kind == "keypoints":
        triples = geometry if predicted else geometry[4:]
        points = [triples[i : i + 3] for i in range(0, len(triples), 3)]
        said["keypoints"] = points if predicted else [[x, y, int(v)] for x, y, v in points]
        said |= {} if predicted else {"bbox": geometry[:4]}
    else:
        raise ValueError(f"an object of type {kind!r} is no importer's")
    if predicted:
        return said | {"confidence": confidence}
    return said | {"area": area} | ({"crowd": True} if crowd == Crowd.CROWD else {})
