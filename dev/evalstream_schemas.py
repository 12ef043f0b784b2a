"""The documents in ``schemas/``: what is on the wire, generated from the code that reads it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from evalstream.events import AnnotationEvent, PredictionEvent
from evalstream_cluster.asyncapi import asyncapi
from evalstream_embedded.app import make_app
from evalstream_embedded.settings import LocalSettings


def documents() -> dict[str, str]:
    """Generate every document, by file name."""
    contents: dict[str, dict[str, Any]] = {
        "annotation-event.schema.json": AnnotationEvent.model_json_schema(),
        "prediction-event.schema.json": PredictionEvent.model_json_schema(),
        "asyncapi.json": asyncapi(),
        "openapi.json": make_app(LocalSettings(_env_file=None)).openapi(),
    }
    return {name: json.dumps(content, indent=2, ensure_ascii=False) + "\n" for name, content in contents.items()}


def write(folder: Path) -> None:
    """Write them all."""
    for name, text in documents().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path("schemas"))
