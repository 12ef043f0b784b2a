"""Events of boxes in their usual form, read without the models of objects: most events are nothing else.

What is read here is what the models take, checked as it is parsed, and becomes the parts that they make of it; tests
hold both ways to each other. Anything else, and what would be refused, is left to the models, which say why.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any, Final, Literal, NamedTuple

import msgspec
from msgspec import Meta, Raw, Struct
from pydantic import ValidationError

from evalstream.class_labels import class_label
from evalstream.events.base import COORDINATE_LIMIT, OBJECTS_LIMIT, Crowd, Part
from evalstream.events.models import AnnotationEvent, Event, PredictionEvent

_Name = Annotated[str, Meta(min_length=1, max_length=256)]
_Coordinate = Annotated[float, Meta(ge=-COORDINATE_LIMIT, le=COORDINATE_LIMIT)]
_Extent = Annotated[float, Meta(ge=0, le=COORDINATE_LIMIT)]
_UNSAID: Final = Raw()


class _Box(Struct, forbid_unknown_fields=True, gc=False):
    type: Literal["bbox"]
    feature: _Name
    bbox: tuple[_Coordinate, _Coordinate, _Extent, _Extent]
    id: _Name | None = None


class _PredictedBox(_Box, forbid_unknown_fields=True, gc=False):
    confidence: Annotated[float, Meta(ge=-COORDINATE_LIMIT, le=1)] = 1.0


class _Head(Struct, forbid_unknown_fields=True, gc=False):
    """What an event says besides its objects, each as JSON."""

    schema_version: Raw = _UNSAID
    dataset: Raw = _UNSAID
    data_row: Raw = _UNSAID
    operation: Raw = _UNSAID
    version: Raw = _UNSAID
    event_id: Raw = _UNSAID
    row: Raw = _UNSAID


class _Annotations(_Head, forbid_unknown_fields=True, gc=False):
    annotations: Annotated[list[_Box], Meta(max_length=OBJECTS_LIMIT)] = []


class _Predictions(_Head, forbid_unknown_fields=True, gc=False):
    run: Raw = _UNSAID
    metrics: Raw = _UNSAID
    predictions: Annotated[list[_PredictedBox], Meta(max_length=OBJECTS_LIMIT)] = []


_DECODERS: Final[dict[type[Event], Any]] = {
    AnnotationEvent: msgspec.json.Decoder(_Annotations),
    PredictionEvent: msgspec.json.Decoder(_Predictions),
}
_HEADS: Final = {kind: decoder.type.__struct_fields__[:-1] for kind, decoder in _DECODERS.items()}


class Boxes(NamedTuple):
    """The objects of an event: their ids, and the parts that they are."""

    ids: list[str]
    parts: list[Part]


def read_boxes(payload: bytes, model: type[Event]) -> tuple[Event, Boxes] | None:
    """Read an event, without its objects, and these, if it replaces a row's by boxes in their usual form."""
    try:
        said = _DECODERS[model].decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    objects = said.annotations if model is AnnotationEvent else said.predictions
    labels = {box.feature: _label(box.feature) for box in objects}
    ids = [f"#{position}" if box.id is None else box.id for position, box in enumerate(objects)]
    if bytes(said.operation) != b'"replace"' or len(set(ids)) < len(ids):
        return None
    if not all(map(str.isprintable, (*labels, *ids))):
        return None
    try:
        event = model.model_validate_json(
            b"{%b}"
            % b",".join(
                b'"%b":%b' % (name.encode(), bytes(own)) for name in _HEADS[model] if (own := getattr(said, name))
            )
        )
    except ValidationError:
        return None
    if event.row is not None and event.row.coordinates == "lonlat":
        return None
    confidences = [1.0] * len(objects) if model is AnnotationEvent else [box.confidence for box in objects]
    parts = [
        Part("bbox", box.feature, labels[box.feature], confidence, box.bbox[2] * box.bbox[3], Crowd.OBJECT, box.bbox)
        for box, confidence in zip(objects, confidences, strict=True)
    ]
    return event, Boxes(ids, parts)


_label = lru_cache(maxsize=100_000)(class_label)
