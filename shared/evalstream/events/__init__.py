"""The wire: event models, their decoding, their columns, and importers of other formats."""

from evalstream.events.columns import EVENTS, events_table
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
    "events_table",
]
