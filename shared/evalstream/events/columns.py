"""Events as columns: the rows of table ``events``, one event a row, its objects as parallel lists."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, repeat
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
from pydantic_core import to_json

from evalstream.arrow import take, whole
from evalstream.collector import uncollected
from evalstream.events.base import Crowd, Object, Part
from evalstream.events.boxes import together
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


@uncollected
def events_table(received: Sequence[Received]) -> pa.Table:
    """Turn valid events into the rows of table ``events``, in the order given (schema ``EVENTS``)."""
    of_boxes = np.array([item.boxes is not None for item in received], bool)
    read = [item for item in received if item.boxes is not None]
    if not read:
        return _of_models(received)
    if len(read) == len(received):
        return _of_boxes(read)
    table = pa.concat_tables([_of_boxes(read), _of_models([item for item in received if item.boxes is None])])
    place = np.argsort(np.argsort(~of_boxes, kind="stable"), kind="stable")  # of each event in that table
    return pa.table([take(whole(one), place) for one in table.columns], schema=EVENTS)


def _of_models(received: Sequence[Received]) -> pa.Table:
    facts = [facts_of(item.event.row) for item in received]
    return table_of(_heads(received), facts, (entries(item.event) for item in received))


def _of_boxes(received: Sequence[Received]) -> pa.Table:
    """Make the rows of events of which the objects, all of them boxes, are in columns already."""
    own = [item.boxes for item in received if item.boxes is not None]
    offsets = list(accumulate((boxes.end - boxes.begin for boxes in own), initial=0))
    objects = together(own)
    facts = [facts_of(item.event.row) for item in received]
    return pa.table(_row_columns(_heads(received), facts) | _object_columns(offsets, objects), schema=EVENTS)


def _heads(received: Sequence[Received]) -> dict[str, Sequence[Any]]:
    """Give the columns that say which events they are."""
    events = [item.event for item in received]
    return {
        "dataset": [event.dataset for event in events],
        "data_row": [event.data_row for event in events],
        "run": [event.run if isinstance(event, PredictionEvent) else "" for event in events],
        "version": [item.version for item in received],
        "event_id": [item.event_id for item in received],
        "operation": [event.operation for event in events],
        "deleted_id": [event.ids for event in events],
    }


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
    per_object = _by_field(Part._fields, parts)
    scores = per_object.pop("scores")
    # Rare, and hundreds of thousands of empty lists keep the garbage collector busy.
    scored = any(scores)
    per_object |= {
        "id": names,
        "score_label": [list(own) for own in scores] if scored else [()] * len(parts),
        "score": [list(own.values()) for own in scores] if scored else [()] * len(parts),
    }
    return pa.table(_row_columns(heads, facts) | _object_columns(offsets, per_object), schema=EVENTS)


def _row_columns(heads: Mapping[str, Sequence[Any]], facts: Sequence[Facts]) -> dict[str, Any]:
    columns: dict[str, Any] = {**heads, **_by_field(Facts._fields, facts)}
    columns["metadata"] = [[(key, _as_text(value)) for key, value in own.items()] for own in columns["metadata"]]
    return columns


def _object_columns(offsets: Sequence[int], values: Mapping[str, Any]) -> dict[str, pa.Array]:
    """Cut what is said of all objects, one after another, into a list an event."""
    start = pa.array(offsets, pa.int32())
    kinds = {name: EVENTS.field(f"object_{name}").type.value_type for name in values}
    return {
        f"object_{name}": pa.ListArray.from_arrays(
            start, own if isinstance(own, pa.Array) else pa.array(own, kinds[name])
        )
        for name, own in values.items()
    }


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
    """Turn rows of table ``events`` into the JSON that a producer sends, without ids of events.

    The inverse of :func:`events_table` for what importers of columns give.

    Raises
    ------
    ValueError
        If an event holds what is no single object, such as an answer nested in another one.
    """
    for event in event_documents(events):
        del event["event_id"]
        yield to_json(event)


def event_documents(events: pa.Table) -> Iterator[dict[str, Any]]:
    """Turn rows of table ``events`` into events in the fields of the wire.

    Raises
    ------
    ValueError
        As of :func:`event_lines`.
    """
    for batch in events.select(_SAID).to_batches(max_chunksize=1_000):
        columns = [column.to_pylist() for column in batch.columns]  # in half of the time of whole rows
        for row in zip(*columns, strict=True):
            yield event_document(dict(zip(_SAID, row, strict=True)))


_HEADS: Final = ("dataset", "data_row", "operation", "version", "event_id")
_FACTS: Final = ("split", "width", "height", "coordinates", "media_url", "text")
_LISTS: Final = ("id", "type", "feature", "confidence", "area", "crowd", "geometry", "detail")
_SAID: Final = [*_HEADS, *_FACTS, "run", "metadata", "deleted_id", *(f"object_{name}" for name in _LISTS)]


def event_document(row: Mapping[str, Any]) -> dict[str, Any]:
    """Turn a row of table ``events`` into an event in the fields of the wire.

    Raises
    ------
    ValueError
        As of :func:`event_lines`.
    """
    run = row["run"]
    facts = {name: row[name] for name in _FACTS} | {"metadata": dict(row["metadata"])}
    said = {name: value for name, value in facts.items() if value}
    made = []
    for i, item in enumerate(zip(*(row[f"object_{name}"] for name in _LISTS), strict=True)):
        try:
            made.append(_said(bool(run), *item))
        except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError):
            raise ValueError(f"object {i}: its geometry and detail are none of type {item[1]!r} in columns") from None
    event = {name: row[name] for name in _HEADS} | ({"row": said} if said else {})
    event |= {"ids": row["deleted_id"]} if row["deleted_id"] else {}
    return event | ({"run": run, "predictions": made} if run else {"annotations": made})


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
    said: dict[str, Any] = {"id": name, "type": kind, "feature": feature} | _SHAPES[kind](geometry, detail)
    if kind == "keypoints" and not predicted:
        said["keypoints"] = [[*place, _whole(v)] for *place, v in _by(3, geometry[4:])]
        said["bbox"] = geometry[:4]
    if predicted:
        return said | {"confidence": confidence}
    if kind in _AREAL and not math.isnan(area):
        said["area"] = area
    return said | ({_ROLES[crowd]: True} if crowd in _ROLES else {})


def _by(count: int, numbers: Sequence[float]) -> list[list[float]]:
    return [list(numbers[i : i + count]) for i in range(0, len(numbers), count)]


def _whole(number: float) -> float:
    return int(number) if number.is_integer() else number


def _pieces(geometry: list[float], detail: str) -> dict[str, Any]:
    points, at, pieces = _by(2, geometry), 0, list[list[list[list[float]]]]()
    for counts in json.loads(detail):
        pieces.append([])
        for count in counts:
            pieces[-1].append(points[at : at + count])
            at += count
    if at != len(points):
        raise ValueError("the rings have other points")
    return {"polygon": pieces[0]} if len(pieces) == 1 else {"multipolygon": pieces}


_SHAPES: Final[Mapping[str, Callable[[list[float], str], dict[str, Any]]]] = {
    "bbox": lambda geometry, _: {"bbox": geometry},
    "rotated_box": lambda geometry, _: {"rotated_box": geometry},
    "polygon": _pieces,
    "mask": lambda _, detail: {"mask": json.loads(detail)},
    "polyline": lambda geometry, _: {"polyline": _by(2, geometry)},
    "point": lambda geometry, _: {"point": geometry},
    "keypoints": lambda geometry, _: {"keypoints": _by(3, geometry)},
    "span": lambda geometry, _: {"span": [_whole(value) for value in geometry]},
    "text": lambda _, detail: {"answer": detail},
    "number": lambda geometry, _: {"answer": geometry[0]},
}
_AREAL: Final = frozenset({"bbox", "rotated_box", "polygon", "mask", "keypoints"})
_ROLES: Final = {Crowd.CROWD: "crowd", Crowd.GROUP_OF: "group_of", Crowd.DIFFICULT: "difficult"}
