"""Spans of text: named entities and the like."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from evalstream.class_labels import class_label
from evalstream.events.base import Object, Part
from evalstream.events.objects.located import AnnotatedObject, Located, PredictedObject

Offset = Annotated[int, Field(ge=0, lt=2**31)]
Unit = Literal["code_points", "utf16", "utf8"]

_UNITS: Final[dict[Unit, str]] = {
    "code_points": "code points",
    "utf16": "UTF-16 code units",
    "utf8": "UTF-8 bytes",
}
_Any = TypeVar("_Any", bound=Object)


class _Span(Located):
    type: Literal["span"]
    span: tuple[Offset, Offset] = Field(
        description="[start, end) in `unit` of the text as it is, which is never normalised: the end is exclusive"
    )
    unit: Unit = Field(
        default="code_points",
        description="what the offsets count: Unicode code points (Python), `utf16` code units (JavaScript, Java, C#) "
        "or `utf8` bytes (Rust, Go). The latter two need the row's `text` in the same event, and are turned into code "
        "points on arrival",
    )

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.span[0] >= self.span[1]:
            raise ValueError(f"`span` must start before it ends; the end is exclusive: {list(self.span)} holds nothing")
        return self

    def part(self) -> Part:
        """Geometry: start, end. Area: its length."""
        start, end = self.span
        return Part(
            "span",
            self.feature,
            class_label(self.feature),
            area=float(end - start),
            geometry=(float(start), float(end)),
        )


class SpanAnnotation(_Span, AnnotatedObject):
    """A ground-truth span."""


class SpanPrediction(_Span, PredictedObject):
    """A predicted span."""


def in_code_points(field: str, objects: list[_Any], text: str | None) -> None:
    """Turn the offsets of all spans into code points, in place.

    With the text at hand, spans beyond its end are an error too; without it, only code points can be taken on trust.

    ``field`` is what the objects are called in the event: an error begins with it.

    Raises
    ------
    ValueError
        Naming the span, if it ends beyond the text, begins or ends within a character, or cannot be turned into code
        points for want of the text.
    """
    starts: dict[Unit, NDArray[np.int64]] = {}
    for position, item in enumerate(objects):
        if not isinstance(item, _Span) or (text is None and item.unit == "code_points"):
            continue
        name = f"{field}.{position}.span" + ("" if item.id is None else f" (id {item.id!r})")
        if text is None:
            raise ValueError(f"{name}: offsets in {_UNITS[item.unit]} need `row.text` in the same event")
        if item.unit not in starts:
            starts[item.unit] = _character_starts(text, item.unit)
        known = starts[item.unit]
        if item.span[1] > known[-1]:
            raise ValueError(f"{name}: {list(item.span)} ends beyond the text, of {known[-1]} {_UNITS[item.unit]}")
        if item.unit != "code_points":
            objects[position] = item.model_copy(
                update={"span": tuple(_code_point(known, at, text, name) for at in item.span), "unit": "code_points"}
            )


def _code_point(starts: NDArray[np.int64], offset: int, text: str, name: str) -> int:
    position = int(np.searchsorted(starts, offset))
    if starts[position] != offset:
        raise ValueError(f"{name}: offset {offset} lies inside a character, {text[position - 1]!r}")
    return position


def _character_starts(text: str, unit: Unit) -> NDArray[np.int64]:
    """Return where each code point of the text begins, and at last where the text ends, counted in ``unit``."""
    code = np.frombuffer(text.encode("utf-32-le"), np.uint32)
    width = np.ones(len(code), np.int64)
    for beyond in {"code_points": (), "utf16": (0xFFFF,), "utf8": (0x7F, 0x7FF, 0xFFFF)}[unit]:
        width += code > beyond
    return np.concatenate((np.zeros(1, np.int64), np.cumsum(width)))
