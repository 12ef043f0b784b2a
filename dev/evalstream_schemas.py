"""The documents in ``schemas/``: what is on the wire, generated from the code that reads it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from evalstream.events import EVENTS, AnnotationEvent, PredictionEvent
from evalstream.events.schema import COLUMNS_SAID
from evalstream_cluster.asyncapi import asyncapi
from evalstream_embedded.app import make_app
from evalstream_embedded.settings import LocalSettings


def documents() -> dict[str, str]:
    """Generate every document, by file name."""
    contents: dict[str, dict[str, Any]] = {
        "annotation-event.schema.json": AnnotationEvent.model_json_schema(),
        "prediction-event.schema.json": PredictionEvent.model_json_schema(),
        "event-columns.json": _event_columns(),
        "asyncapi.json": asyncapi(),
        "openapi.json": make_app(LocalSettings(_env_file=None)).openapi(),
    }
    return {name: json.dumps(content, indent=2, ensure_ascii=False) + "\n" for name, content in contents.items()}


def _event_columns() -> dict[str, Any]:
    """Describe the schema of events in columns, whose types are written as Arrow writes them."""
    return {
        "title": "Events in columns",
        "description": "Schema of the Arrow stream (application/vnd.apache.arrow.stream) in which files are uploaded:"
        " an event a row. All columns are there, in any order, and none holds null.",
        "columns": [
            {"name": field.name, "type": str(field.type), "description": COLUMNS_SAID[field.name]} for field in EVENTS
        ],
    }


def write(folder: Path) -> None:
    """Write them all."""
    for name, text in documents().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path("schemas"))
