"""The wire: event models, their decoding, and their columns.

Names are imported when they are first used: whoever needs columns alone does not wait for the models.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evalstream.events.columns import Facts, entries, event_lines, events_table, table_of
    from evalstream.events.decoding import Decoded, Reader, Received, Record, Rejection, decode
    from evalstream.events.models import AnnotationEvent, DataRow, Event, PredictionEvent
    from evalstream.events.schema import EVENTS

_HOME = {
    "columns": ("Facts", "entries", "event_lines", "events_table", "table_of"),
    "decoding": ("Decoded", "Reader", "Received", "Record", "Rejection", "decode"),
    "models": ("AnnotationEvent", "DataRow", "Event", "PredictionEvent"),
    "schema": ("EVENTS",),
}

__all__ = [
    "EVENTS",
    "AnnotationEvent",
    "DataRow",
    "Decoded",
    "Event",
    "Facts",
    "PredictionEvent",
    "Reader",
    "Received",
    "Record",
    "Rejection",
    "decode",
    "entries",
    "event_lines",
    "events_table",
    "table_of",
]


def __getattr__(name: str) -> Any:
    for module, names in _HOME.items():
        if name in names:
            return getattr(import_module(f"evalstream.events.{module}"), name)
    raise AttributeError(f"module 'evalstream.events' has no attribute {name!r}")
