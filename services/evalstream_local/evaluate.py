"""COCO files to figures with no service at all: the same stages and the same queries, around a throw-away engine."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from clickhouse_connect.driver.client import Client
from evalstream.events import AnnotationEvent, PredictionEvent, Reader, Received, Record, decode, events_table
from evalstream.events.coco import CocoError, CocoEvent, annotation_events, explain, prediction_events, read_dataset
from evalstream.pipeline.reconcile import reconcile
from evalstream.storage.engine import open_embedded
from evalstream.storage.events import append_events
from evalstream.storage.migrate import migrate

DATASET = RUN = "evaluated"
PROBLEMS_SHOWN = 20


@contextmanager
def evaluated(
    annotations: Path, predictions: Path, policy: str, on_progress: Callable[[str, int, int], None]
) -> Iterator[tuple[Client, list[str]]]:
    """Match COCO results with COCO ground truth; give a client to put queries to, and the names of all categories.

    Raises
    ------
    CocoError
        If a file, or any record in it, cannot be read. Nothing is left out: figures over a part of a file would look
        just like figures over all of it.
    """
    coco = read_dataset(annotations)
    truth = valid_events(annotation_events(coco, DATASET, 1), Reader(AnnotationEvent), coco.path)
    found = valid_events(prediction_events(coco, predictions, DATASET, RUN, 1), Reader(PredictionEvent), predictions)
    with tempfile.TemporaryDirectory(prefix="evalstream-") as folder:
        client = open_embedded(Path(folder))
        try:
            migrate(client)
            append_events(client, events_table(truth))
            append_events(client, events_table(found))
            reconcile(client, [policy], on_progress=lambda done, total: on_progress("matching", done, total))
            yield client, sorted(coco.categories.values())
        finally:
            client.close()


def valid_events(events: Iterable[CocoEvent], reader: Reader, path: Path) -> list[Received]:
    """Validate imported events; if any is bad, say which records and why."""
    events = list(events)
    received, rejected = decode((Record(event.payload, i, 0) for i, event in enumerate(events)), reader)
    if rejected:
        problems = [
            f"{path}: image {item.data_row}: {explain(item.reason, events[item.position].names)}" for item in rejected
        ]
        more = len(problems) - PROBLEMS_SHOWN
        raise CocoError("\n".join(problems[:PROBLEMS_SHOWN]) + (f"\n… and {more} more images" if more > 0 else ""))
    return received
