"""An engine, and plain objects into it, the way that events go: for tests that ask questions afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.client import Client
from evalstream.events import AnnotationEvent, PredictionEvent, Reader, Record
from evalstream.matching import POLICIES
from evalstream.pipeline.complete import closing_events
from evalstream.pipeline.ingest import ingest
from evalstream.pipeline.reconcile import reconcile
from evalstream.storage.engine import open_embedded
from evalstream.storage.migrate import migrated_clients

Objects = Sequence[Mapping[str, Any]]


@contextmanager
def new_engine(folder: Path) -> Iterator[Client]:
    """Open the engine on an empty folder, and make its tables."""
    with migrated_clients(lambda: open_embedded(folder)) as clients:
        yield clients()


def feed(
    client: Client,
    dataset: str,
    annotations: Mapping[str, Objects],
    runs: Mapping[str, Mapping[str, Objects]],
    *,
    policies: Sequence[str] = tuple(POLICIES),
    **said: Any,
) -> None:
    """Send objects as ``send`` does, and match them all."""
    send(client, dataset, annotations, runs, **said)
    reconcile(client, policies, dataset=dataset)


def send(
    client: Client,
    dataset: str,
    annotations: Mapping[str, Objects],
    runs: Mapping[str, Mapping[str, Objects]],
    *,
    rows: Mapping[str, Mapping[str, Any]] | None = None,
    metrics: Mapping[str, Objects] | None = None,
) -> None:
    """Send the annotations, and each run's predictions, of each data row as one `replace`.

    ``rows`` are facts by data row; ``metrics``, by data row, go with every run's predictions.
    """
    facts = rows or {}
    truth = [
        {"dataset": dataset, "data_row": row, "operation": "replace", "annotations": list(objects)}
        | ({"row": dict(facts[row])} if row in facts else {})
        for row, objects in annotations.items()
    ]
    found = [
        {"dataset": dataset, "data_row": row, "run": run, "operation": "replace", "predictions": list(objects)}
        | ({"metrics": list(metrics[row])} if metrics and row in metrics else {})
        for run, of_rows in runs.items()
        for row, objects in of_rows.items()
    ]
    for events, reader in ((truth, Reader(AnnotationEvent)), (found, Reader(PredictionEvent))):
        records = [Record(json.dumps(event).encode(), i, 1) for i, event in enumerate(events)]
        rejected = ingest(client, records, reader, "test").rejected
        assert not rejected, rejected[0].reason


def close(client: Client, dataset: str, run: str) -> list[str]:
    """Close a run as a service does, without matching anything; name the data rows that it closed."""
    closed: list[str] = []
    while events := closing_events(client, dataset, run, closed[-1] if closed else ""):
        records = [Record(event, i, 1) for i, event in enumerate(events.values())]
        rejected = ingest(client, records, Reader(PredictionEvent, {"dataset": dataset, "run": run}), "test").rejected
        assert not rejected, rejected[0].reason
        closed += events
    return closed
