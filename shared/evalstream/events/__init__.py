"""The wire: event models, their decoding, and their columns.

Names are imported when they are first used: whoever needs columns alone does not wait for the models.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evalstream.events.columns import event_lines, events_table
    from evalstream.events.decoding import Decoded, Reader, Received, Record, Rejection, decode
    from evalstream.events.models import AnnotationEvent, DataRow, Event, PredictionEvent
    from evalstream.events.schema import EVENTS

_HOME = {
    "columns": ("event_lines", "events_table"),
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
    "PredictionEvent",
    "Reader",
    "Received",
    "Record",
    "Rejection",
    "decode",
    "event_lines",
    "events_table",
]


def __getattr__(name: str) -> Any:
    for module, names in _HOME.items():
        if name in names:
            return getattr(import_module(f"evalstream.events.{module}"), name)
    raise AttributeError(f"module 'evalstream.events' has no attribute {name!r}")
