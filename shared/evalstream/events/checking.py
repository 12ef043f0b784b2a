"""Which events in columns (schema ``EVENTS``) are surely valid, all of a batch at once.

What is plain is what the models of events take, and is kept as it stands. Whatever is anything else is said in the
fields of the wire and read by the models, which say why (:func:`evalstream.events.decoding.decode`); tests hold both
ways to each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic_core import to_json

from evalstream.arrow import numbers
from evalstream.class_labels import class_label
from evalstream.events.base import COORDINATE_LIMIT, OBJECTS_LIMIT, Crowd
from evalstream.events.columns import event_document, events_table
from evalstream.events.decoding import PAYLOAD_LIMIT, Reader, Record, Rejection, decode
from evalstream.events.objects.mask import PIXELS_LIMIT, SIDE_LIMIT, kept_pixels
from evalstream.events.schema import EVENTS
from evalstream.types import TYPES

Flags = NDArray[np.bool_]


class DecodedColumns(NamedTuple):
    """Result of decoding events in columns: tables of schema ``EVENTS``, none of them empty, and what was rejected."""

    kept: list[pa.Table]
    rejected: list[Rejection]


_OBJECTS: Final = tuple(name for name in EVENTS.names if name.startswith("object_"))
#: Events that become Python objects at a time.
_TOGETHER: Final = 100
_SPLITS: Final = pa.array(["", "train", "validation", "test"])
_FRAMES: Final = pa.array(["", "pixels"])


def decode_columns(events: pa.RecordBatch, reader: Reader, first: int) -> DecodedColumns:
    """Validate each event on its own; one that is bad rejects itself and no other.

    Parameters
    ----------
    events : RecordBatch
        Of schema ``EVENTS``, and valid as Arrow has it.
    reader : Reader
        Model of the events, and the dataset and run that they must be of.
    first : int
        The position of the first one.
    """
    plain = plain_events(events, reader.known)
    kept = (
        [pa.Table.from_batches([events if np.all(plain) else events.filter(pa.array(plain))])] if np.any(plain) else []
    )
    rejected: list[Rejection] = []
    left = np.flatnonzero(~plain)
    for start in range(0, len(left), _TOGETHER):
        records: list[Record] = []
        for place, said in zip(
            left[start : start + _TOGETHER].tolist(),
            event_records(events.take(pa.array(left[start : start + _TOGETHER]))),
            strict=True,
        ):
            if said.reason:
                rejected.append(Rejection(first + place, said.data_row, said.reason, said.payload))
            else:
                records.append(Record(said.payload, first + place, said.version))
        received, refused = decode(records, reader, as_models=False)
        rejected += refused
        if received:
            kept.append(events_table(received))
    return DecodedColumns(kept, sorted(rejected, key=lambda item: item.position))


def plain_events(events: pa.RecordBatch, known: Mapping[str, str]) -> Flags:
    """Say of each event whether it is plain: a ``replace`` of boxes and masks that the models surely take.

    Parameters
    ----------
    events : RecordBatch
        Of schema ``EVENTS``, and valid as Arrow has it.
    known : mapping
        The dataset, and of predictions the run, that all must be of.
    """
    if _holds_null(events):
        return np.zeros(events.num_rows, np.bool_)
    predicted = "run" in known
    plain = _is(events["dataset"], known.get("dataset", "")) & _is(events["run"], known.get("run", ""))
    plain &= _is_text(events["data_row"], 1024) & _is_text(events["event_id"], 128)
    plain &= _is(events["operation"], "replace") & (numbers(events["version"]) < 2**63)
    plain &= _flags(pc.is_in(events["split"], _SPLITS)) & _flags(pc.is_in(events["coordinates"], _FRAMES))
    plain &= (numbers(events["width"]) < 2**31) & (numbers(events["height"]) < 2**31)
    plain &= _is_text(events["media_url"], 4096, least=0) & _is_short(events["text"], 1_000_000)
    plain &= _length(events["deleted_id"]) == 0
    plain &= _metadata_is_plain(events["metadata"])
    length = _length(events["object_id"])
    plain &= length <= OBJECTS_LIMIT
    for name in _OBJECTS:
        plain &= _length(events[name]) == length
    return plain & _objects_are_plain(events, plain, predicted)


def _objects_are_plain(events: pa.RecordBatch, among: Flags, predicted: bool) -> Flags:
    """Say so of each event's objects; of events that are not ``among`` those looked at, they are not."""
    chosen = np.flatnonzero(among)
    if len(chosen) < len(among):
        events = events.take(pa.array(chosen))
    row = np.repeat(np.arange(len(chosen)), _length(events["object_id"]))
    item = {name: events[name].flatten() for name in _OBJECTS}
    fine = _is_text(item["object_id"], 256)
    fine &= _are_classes(item["object_feature"], item["object_label"])
    fine &= _are_distinct(row, item["object_id"])
    fine &= numbers(item["object_parent"]) == 0
    fine &= (_length(item["object_score_label"]) == 0) & (_length(item["object_score"]) == 0)
    shaped, computed = _shapes_are_plain(item)
    fine &= shaped
    most = COORDINATE_LIMIT
    confidence, area = numbers(item["object_confidence"]), numbers(item["object_area"])
    crowd = numbers(item["object_crowd"])
    if predicted:
        fine &= (np.abs(confidence) <= most) & (confidence <= 1) & (area == computed)
        fine &= crowd == Crowd.OBJECT
    else:
        fine &= (confidence == 1) & (area >= 0) & (area <= most) & (crowd <= Crowd.DIFFICULT)
    bad = np.zeros(len(chosen), np.bool_)
    bad[row[~fine]] = True
    plain = np.zeros(len(among), np.bool_)
    plain[chosen] = ~bad
    return plain


def _shapes_are_plain(item: Mapping[str, pa.Array]) -> tuple[Flags, NDArray[np.float64]]:
    """Say so of each object's type with its geometry and detail; give its area too."""
    masks = _is(item["object_type"], "mask")
    # Boxes of others than four numbers are looked at as if they stood at the origin: they are not fine anyway.
    sides = _length(item["object_geometry"])
    sided = sides == 4
    box = np.zeros((len(masks), 4))
    own = item["object_geometry"] if np.all(sided) else item["object_geometry"].filter(pa.array(sided))
    box[sided] = numbers(own.flatten()).reshape(-1, 4)
    fine = _is(item["object_type"], "bbox") & _is(item["object_detail"], "")
    fine &= sided & np.all(np.abs(box) <= COORDINATE_LIMIT, axis=1) & np.all(box[:, 2:] >= 0, axis=1)
    with np.errstate(over="ignore", invalid="ignore"):
        area = box[:, 2] * box[:, 3]
    if np.any(masks):
        detail = item["object_detail"].filter(pa.array(masks))
        _, start, text = detail.buffers()
        offsets = np.frombuffer(start, np.int32, len(detail) + 1, 4 * detail.offset)
        pixels = kept_pixels(np.frombuffer(text or b"", np.uint8), offsets, SIDE_LIMIT, PIXELS_LIMIT)
        area[masks] = pixels
        fine[masks] = (pixels >= 0) & (sides[masks] == 0)
    return fine, area


def _holds_null(events: pa.RecordBatch) -> bool:
    return any(_nulls(column) for column in events.columns)


def _nulls(column: pa.Array) -> bool:
    if column.null_count:
        return True
    if pa.types.is_map(column.type):
        return _nulls(column.keys) or _nulls(column.items)
    return pa.types.is_list(column.type) and _nulls(column.values)


def _flags(column: pa.Array) -> Flags:
    return np.asarray(numbers(column.cast(pa.uint8())) != 0)


def _is(column: pa.Array, text: str) -> Flags:
    return _flags(pc.equal(column, text))


def _length(column: pa.Array) -> NDArray[np.int64]:
    return numbers(pc.list_value_length(column).cast(pa.int64()))


def _is_short(column: pa.Array, longest: int) -> Flags:
    return np.asarray(numbers(pc.utf8_length(column)) <= longest)


def _is_text(column: pa.Array, longest: int, least: int = 1) -> Flags:
    """Say of each whether it is text that names may be. All that is printable is, and some that is not."""
    length = numbers(pc.utf8_length(column))
    printable = _flags(pc.utf8_is_printable(column)) | (length == 0)
    return np.asarray((length >= least) & (length <= longest) & printable)


def _are_classes(feature: pa.Array, label: pa.Array) -> Flags:
    """Say of each object whether its feature is a class that events may have, with the label that is the class's."""
    one, other = pc.dictionary_encode(feature), pc.dictionary_encode(label)
    good = _is_text(one.dictionary, 256)
    place = {text: i for i, text in enumerate(other.dictionary.to_pylist())}
    expected = [place.get(class_label(text), -1) for text in one.dictionary.to_pylist()]
    code = numbers(one.indices)
    return np.asarray(good[code] & (np.array(expected, np.int64)[code] == numbers(other.indices)))


def _are_distinct(row: NDArray[np.int64], name: pa.Array) -> Flags:
    """Say of each whether no other one of its row has its name."""
    coded = pc.dictionary_encode(name)
    if len(coded.dictionary) == len(name):
        return np.ones(len(name), np.bool_)
    key = row * len(coded.dictionary) + numbers(coded.indices)
    _, place, count = np.unique(key, return_inverse=True, return_counts=True)
    return np.asarray(count[place] == 1)


def _metadata_is_plain(column: pa.Array) -> Flags:
    """Say so of each event's metadata: few enough entries, of keys that occur once and texts that are short."""
    begin = numbers(column.offsets).astype(np.int64)
    length, held = np.diff(begin), slice(begin[0], begin[-1])
    row = np.repeat(np.arange(len(column)), length)
    key, value = column.keys[held], column.items[held]
    fine = _is_text(key, 128) & _is_short(value, 1024) & _are_distinct(row, key)
    plain = length <= 64
    plain[row[~fine]] = False
    return plain


class EventRecord(NamedTuple):
    """An event of columns in the fields of the wire; or as it stands in its columns, and why it cannot be said so."""

    payload: bytes  # JSON
    data_row: str
    version: int
    reason: str


def event_records(events: pa.RecordBatch) -> Iterator[EventRecord]:
    """Say events of columns in the fields of the wire."""
    for start in range(0, events.num_rows, _TOGETHER):
        columns = [column.to_pylist() for column in events.slice(start, _TOGETHER).columns]
        for values in zip(*columns, strict=True):
            row = dict(zip(events.schema.names, values, strict=True))
            key, version = row["data_row"] or "", row["version"] or 0
            try:
                _refuse_beyond_wire(row)
                document = event_document(row)
                if not document["event_id"]:
                    del document["event_id"]
                yield EventRecord(to_json(document)[: PAYLOAD_LIMIT + 1], key, version, "")
            except ValueError as error:
                yield EventRecord(to_json(row)[: PAYLOAD_LIMIT + 1], key, version, str(error))


def _refuse_beyond_wire(row: Mapping[str, Any]) -> None:
    """Refuse an event that columns can hold, and none in the fields of the wire can be.

    Raises
    ------
    ValueError
        Naming the column.
    """
    for name, value in row.items():
        if _is_null(value):
            raise ValueError(f"{name}: holds null")
    keys = [key for key, _ in row["metadata"]]
    if len(set(keys)) < len(keys):
        raise ValueError("metadata: a key stands there twice")
    count = len(row["object_id"])
    for name in _OBJECTS:
        if len(row[name]) != count:
            raise ValueError(f"{name}: has {len(row[name])} entries, and object_id {count}")
    for i in range(count):
        kind, feature, label = (row[f"object_{name}"][i] for name in ("type", "feature", "label"))
        if kind not in _IN_COLUMNS:
            raise ValueError(
                f"object_type: object {i} is of type {kind!r}; in columns there are {', '.join(_IN_COLUMNS)}, others"
                " come as lines (application/x-ndjson)"
            )
        if label != class_label(feature):
            raise ValueError(
                f"object_label: object {i} has {label!r}, and its feature is called {class_label(feature)!r}"
            )
        geometry, detail = row["object_geometry"][i], row["object_detail"][i]
        if detail and kind not in _DETAILED:
            raise ValueError(f"object_detail: object {i} is of type {kind!r}, which has none")
        if (geometry and kind in _WITHOUT_NUMBERS) or (kind == "number" and len(geometry) != 1):
            raise ValueError(f"object_geometry: object {i} is of type {kind!r}, and has {len(geometry)} numbers")
        if row["object_parent"][i] or row["object_score"][i] or row["object_score_label"][i]:
            raise ValueError(f"object {i} is nested or has scores, which come as lines (application/x-ndjson)")
        if row["run"] and row["object_crowd"][i]:
            raise ValueError(f"object_crowd: object {i} is a prediction, and has {row['object_crowd'][i]}")
        if not row["run"] and row["object_confidence"][i] != 1:
            raise ValueError(f"object_confidence: object {i} is an annotation, and has {row['object_confidence'][i]}")
        if row["object_crowd"][i] > (Crowd.UNLABELLED if kind == "keypoints" else Crowd.DIFFICULT):
            raise ValueError(f"object_crowd: object {i} has {row['object_crowd'][i]}, which is no role")


def _is_null(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(map(_is_null, value))
    return value is None


_DETAILED: Final = ("polygon", "mask", "text")
_WITHOUT_NUMBERS: Final = ("mask", "text")
#: The types of objects that columns say whole: each is one entry.
_IN_COLUMNS: Final = tuple(name for name in TYPES if name not in ("radio", "checklist"))
