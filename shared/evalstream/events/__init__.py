"""The wire: event models, their decoding, and their columns."""

from evalstream.events.columns import EVENTS, event_lines, events_table
from evalstream.events.decode import Decoded, Reader, Received, Record, Rejection, decode
from evalstream.events.models import AnnotationEvent, DataRow, Event, PredictionEvent

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
