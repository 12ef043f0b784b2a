"""Bytes to events, or to a reason why not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Final, NamedTuple

from pydantic import ValidationError
from pydantic_core import ErrorDetails, from_json

from evalstream.collector import uncollected
from evalstream.events.base import CONTROL
from evalstream.events.boxes import Boxes, read_boxes
from evalstream.events.models import AnnotationEvent, Event, PredictionEvent
from evalstream.events.objects import mask, metrics
from evalstream.types import TYPES

#: A record larger than this is refused: Kafka's own default is 1 MiB, and 100,000 boxes take about 10.
PAYLOAD_LIMIT = 16 * 1024 * 1024
PROBLEMS_SHOWN = 5


class Record(NamedTuple):
    """One message as it came, with where it stood and the version that it has unless its producer gave one."""

    payload: bytes
    position: int
    version: int


class Received(NamedTuple):
    """A valid event, with the version and id that it keeps for ever."""

    event: Event
    version: int
    event_id: str
    position: int
    boxes: Boxes | None = None  # the event's objects, where it has none itself


class Rejection(NamedTuple):
    """A record that could not be read: where it stood, which row it spoke of (if that much is legible), and why."""

    position: int
    data_row: str
    reason: str
    payload: bytes


class Decoded(NamedTuple):
    """Result of decoding a batch. Every record is in one list or the other."""

    received: list[Received]
    rejected: list[Rejection]


class Reader(NamedTuple):
    """Reader of one kind of record: its model, and the fields that the place that it was sent to already gives."""

    model: type[AnnotationEvent] | type[PredictionEvent]
    known: dict[str, str] = {}  # noqa: RUF012 -- never written to


@uncollected
def decode(records: Iterable[Record], reader: Reader, *, as_models: bool = True) -> Decoded:
    """Validate each record on its own; one that is bad rejects itself and no other.

    Fields in ``reader.known`` (the dataset and run of an upload's URL) may be left out of a record, not contradicted.
    Whoever makes columns of events wants no objects ``as_models``, and has those that are boxes in a tenth of the time.
    """
    received: list[Received] = []
    rejected: list[Rejection] = []
    given = list(records)
    whole = [b"" if len(own.payload) > PAYLOAD_LIMIT else _with_known(own.payload, reader.known) for own in given]
    plain = [None] * len(whole) if as_models else read_boxes(whole, reader.model)
    for record, payload, read in zip(given, whole, plain, strict=True):
        try:
            event, boxes = _read(record.payload, payload, reader, read)
        except ValueError as error:
            rejected.append(Rejection(record.position, _data_row(record.payload), str(error), record.payload))
        else:
            version = record.version if event.version is None else event.version
            event_id = event.event_id or _digest(record.payload)
            received.append(Received(event, version, event_id, record.position, boxes))
    return Decoded(received, rejected)


def _read(payload: bytes, whole: bytes, reader: Reader, read: tuple[Event, Boxes] | None) -> tuple[Event, Boxes | None]:
    """Give what was read of a record already, or read it; ``whole`` is with what is known."""
    if len(payload) > PAYLOAD_LIMIT:
        # How much larger nobody may know: of an upload's line only so much is kept.
        raise ValueError(f"the record is larger than {PAYLOAD_LIMIT} bytes, which is the limit")
    try:
        event, boxes = read or (reader.model.model_validate_json(whole, context=mask.PngPixels()), None)
    except ValidationError as error:
        raise ValueError(_explain(error, payload)) from None
    for name, value in reader.known.items():
        if getattr(event, name) != value:
            raise ValueError(f"{name}: the record says {getattr(event, name)!r}, it was sent to {value!r}")
    return event, boxes


def _with_known(payload: bytes, known: dict[str, str]) -> bytes:
    """Put what is known first in the object: of a key given twice JSON readers keep the last, the record's own."""
    text = payload.strip(b" \t\r\n")
    if not known or not text.startswith(b"{"):
        return payload
    front = json.dumps(known)[:-1].encode()
    rest = text[1:].lstrip()
    return front + (b"" if rest.startswith(b"}") else b", ") + rest


def _explain(error: ValidationError, payload: bytes) -> str:
    """Say each field and what is wrong with it, in the producer's own names."""
    details = error.errors(include_url=False)
    if details[0]["type"] == "json_invalid":
        try:
            from_json(payload)  # once more, for the place of the mistake in the record as it was sent
        except ValueError as mistake:
            return f"not JSON: {mistake}"
    problems = list(dict.fromkeys(_problem(detail) for detail in details))
    shown = "; ".join(problems[:PROBLEMS_SHOWN])
    more = len(problems) - PROBLEMS_SHOWN
    return f"{shown}; and {more} more" if more > 0 else shown


#: Forms that the value of a field may have, as pydantic names them.
_FORMS: Final[dict[str | int | None, Sequence[str]]] = {"mask": mask.FORMS, "value": metrics.FORMS}


def _problem(problem: ErrorDetails) -> str:
    if problem["type"] == "literal_error" and problem["loc"] == ("schema_version",):
        return f"schema_version: {problem['input']!r} is newer than, or unknown to, this evalstream, which reads 1"
    # The type of an object stands in the path after its position, the form of a mask or of a metric's value after its
    # field; the producer wrote neither there.
    place = problem["loc"]
    within = zip((None, None, *place[1:]), place, strict=False)
    path = [
        str(part)
        for before, part in within
        if not (part in TYPES and isinstance(before, int)) and part not in _FORMS.get(before, ())
    ]
    message = problem["msg"].removeprefix("Value error, ")
    if path[:2] == ["row", "metadata"] and len(path) == 4 and path[3] != "[key]":
        path.pop()  # one member of the union of what a value may be; there is a problem for each of them
        message = "must be text (up to 1024 characters), a finite number or a boolean"
    given = problem["input"]
    if problem["type"] == "string_pattern_mismatch" and (held := re.search(CONTROL, given)):
        message = f"holds the control character {held[0]!r}, which keys and names must not"
    shown = f" (got {given!r})" if isinstance(given, str | int | float | bool) and len(repr(given)) < 80 else ""
    return f"{'.'.join(path)}: {message}{shown}" if path else f"{message}"


def _data_row(payload: bytes) -> str:
    try:
        document = json.loads(payload[:PAYLOAD_LIMIT])
    except (ValueError, RecursionError):
        return ""
    key = document.get("data_row") if isinstance(document, dict) else None
    # Half of a surrogate pair, which JSON can escape, is no text and could not be kept.
    return str(key).encode(errors="replace").decode() if isinstance(key, str | int) else ""


def _digest(payload: bytes) -> str:
    return blake2b(payload, digest_size=16).hexdigest()
