"""Events of boxes in their usual form, read by a kernel to columns: most events are nothing else.

What is read here is what the models take, and becomes the columns that they make of it; tests hold both ways to each
other. Anything else, and what would be refused, is left to the models, which say why.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import ValidationError

from evalstream.arrow import column, repeated
from evalstream.events.base import COORDINATE_LIMIT, OBJECTS_LIMIT, Crowd
from evalstream.events.models import AnnotationEvent, Event, PredictionEvent
from evalstream.native import compiled

_Int = NDArray[np.int64]
_Code = NDArray[np.int32]
_Float = NDArray[np.float64]

#: Bytes that are read at a time, unless one event alone is more: positions in columns of strings have 32 bits.
_PIECE: Final = 256 * 1024 * 1024
#: Characters of a name.
_LONGEST: Final = 256


class _Read(NamedTuple):
    begin: _Int  # of each event where its list stands in the text; −1: it is none of boxes in their usual form
    end: _Int
    first: _Int  # where its boxes begin among all, and where the last ones end
    other: NDArray[np.bool_]  # whether a name holds something other than ASCII
    feature: NDArray[np.uint8]  # the features of all boxes one after another, and where each ends
    feature_end: _Code
    id: NDArray[np.uint8]  # an id that is not given is the position: #0
    id_end: _Code
    box: _Float  # four a box
    confidence: _Float  # 1 where it is not given
    area: _Float


@compiled
def _read(  # type: ignore[empty-body]
    text: NDArray[np.uint8], start: _Int, annotated: bool, limit: float, most: int
) -> _Read:
    """Read the boxes of events, of which event i is ``text[start[i] : start[i + 1]]``.

    ``limit`` is that of coordinates, and ``most`` that of boxes of an event.
    """


class Table(NamedTuple):
    """Boxes of many events, one after another."""

    id: pa.StringArray
    feature: pa.StringArray  # and the label, for no name in it has an `=` or a `\\`
    confidence: pa.DoubleArray
    area: pa.DoubleArray
    geometry: pa.ListArray


class Boxes(NamedTuple):
    """The boxes of an event: those in a table from ``begin`` up to ``end``."""

    table: Table
    begin: int
    end: int


def read_boxes(payloads: Sequence[bytes], model: type[Event]) -> list[tuple[Event, Boxes] | None]:
    """Read each event, without its objects, and these, if it replaces a row's by boxes in their usual form."""
    return [one for piece in _pieces(payloads) for one in _read_piece(piece, model)]


def together(boxes: Sequence[Boxes]) -> dict[str, pa.Array]:
    """Give what is said of the boxes of several events, one after another: by column of an event's objects."""
    parts: list[Boxes] = []
    for own in boxes:
        if parts and parts[-1].table is own.table and parts[-1].end == own.begin:
            parts[-1] = parts[-1]._replace(end=own.end)
        else:
            parts.append(own)
    columns = {
        name: pa.concat_arrays([getattr(part.table, name).slice(part.begin, part.end - part.begin) for part in parts])
        for name in Table._fields
    }
    count = sum(part.end - part.begin for part in parts)
    nothing = column(np.zeros(count + 1, np.int32))
    return columns | {
        "type": repeated("bbox", count),
        "label": columns["feature"],
        "crowd": column(np.full(count, Crowd.OBJECT, np.uint8)),
        "parent": column(np.zeros(count, np.uint32)),
        "detail": repeated("", count),
        "score_label": pa.ListArray.from_arrays(nothing, pa.array([], pa.string())),
        "score": pa.ListArray.from_arrays(nothing, pa.array([], pa.float64())),
    }


def _pieces(payloads: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    begin = size = 0
    for i, payload in enumerate(payloads):
        size += len(payload)
        if size > _PIECE and i > begin:
            yield payloads[begin:i]
            begin, size = i, len(payload)
    yield payloads[begin:]


def _read_piece(payloads: Sequence[bytes], model: type[Event]) -> Iterator[tuple[Event, Boxes] | None]:
    text = b"".join(payloads)
    start = np.array(list(accumulate(map(len, payloads), initial=0)))
    read = _read(np.frombuffer(text, np.uint8), start, model is AnnotationEvent, COORDINATE_LIMIT, OBJECTS_LIMIT)
    table = _table(read)
    places = zip(*(values.tolist() for values in (start[:-1], start[1:], read.begin, read.end)), strict=True)
    boxes = zip(read.first[:-1].tolist(), read.first[1:].tolist(), read.other.tolist(), strict=True)
    for (own, end, list_begin, list_end), (first, last, other) in zip(places, boxes, strict=True):
        usual = list_begin >= 0 and (not other or _are_names(read, first, last))
        event = _without_objects(text[own:list_begin] + b"[]" + text[list_end:end], model) if usual else None
        yield None if event is None else (event, Boxes(table, first, last))


def _without_objects(payload: bytes, model: type[Event]) -> Event | None:
    try:
        event = model.model_validate_json(payload)
    except ValidationError:
        return None
    on_earth = event.row is not None and event.row.coordinates == "lonlat"
    measured = isinstance(event, PredictionEvent) and event.metrics
    return None if on_earth or measured or event.operation != "replace" else event


def _table(read: _Read) -> Table:
    boxes = pa.ListArray.from_arrays(column(np.arange(0, len(read.box) + 1, 4, dtype=np.int32)), column(read.box))
    return Table(
        _names(read.id, read.id_end),
        _names(read.feature, read.feature_end),
        column(read.confidence),
        column(read.area),
        boxes,
    )


def _names(text: NDArray[np.uint8], end: _Code) -> pa.StringArray:
    start = np.append(np.int32(0), end)
    return pa.StringArray.from_buffers(len(end), pa.py_buffer(start), pa.py_buffer(text))


def _are_names(read: _Read, first: int, last: int) -> bool:
    """Whether the names of some boxes, in whatever alphabet, are names."""
    for text, end in ((read.id, read.id_end), (read.feature, read.feature_end)):
        stops = end[first:last].tolist()
        begins = [int(end[first - 1]) if first else 0, *stops[:-1]]
        for begin, stop in zip(begins, stops, strict=True):
            try:
                name = text[begin:stop].tobytes().decode()
            except UnicodeDecodeError:
                return False
            if len(name) > _LONGEST or not name.isprintable():
                return False
    return True
