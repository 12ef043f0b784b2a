"""The AsyncAPI document: which topics there are, and what is on them.

The services hand records over undecoded, so that nothing can fail before they look; what they expect in them is said
here, in the same models that validate it. FastStream writes it, and consumes nothing
(:mod:`evalstream_cluster.consume`).
"""

from __future__ import annotations

import json
from typing import Any

import evalstream
from evalstream.events import AnnotationEvent, PredictionEvent
from faststream.kafka import KafkaBroker
from faststream.specification import AsyncAPI

from evalstream_cluster.settings import ServiceSettings
from evalstream_cluster.topics import ANNOTATIONS, CHANGED_ROWS, PREDICTIONS, ChangedRows


def asyncapi() -> dict[str, Any]:
    """Generate the document for the default topic names."""
    settings = ServiceSettings.model_construct()
    broker = KafkaBroker("localhost:9092")
    key = " Key: dataset/data_row, so that all of one data row is in one partition."

    @broker.subscriber(
        settings.topic(ANNOTATIONS), title=ANNOTATIONS, description="Ground truth, from producers." + key
    )
    async def _annotations(_message: AnnotationEvent) -> None: ...

    @broker.subscriber(
        settings.topic(PREDICTIONS), title=PREDICTIONS, description="What runs say, from producers." + key
    )
    async def _predictions(_message: PredictionEvent) -> None: ...

    broker.publisher(
        settings.topic(CHANGED_ROWS),
        schema=ChangedRows,
        title=CHANGED_ROWS,
        description="From ingest to the matchers; internal. Each data row is named in the partition of its key.",
    )
    description = (
        "Events in, results in ClickHouse. Records that cannot be read are kept as dead letters, with a reason."
    )
    specification = AsyncAPI(broker, title="evalstream", version=evalstream.__version__, description=description)
    # FastStream goes through sets: sorted, the document is the same every time.
    document: dict[str, Any] = json.loads(specification.to_specification().to_json())
    return {key: _sorted(value) for key, value in document.items()}


def _sorted(value: Any) -> Any:
    return {key: _sorted(value[key]) for key in sorted(value)} if isinstance(value, dict) else value
