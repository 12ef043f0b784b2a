"""COCO files to figures with no service at all: the same stages and the same queries, around a throw-away engine."""

from __future__ import annotations

import gc
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from clickhouse_connect.driver.client import Client
from evalstream.events import AnnotationEvent, PredictionEvent, Reader, Received, Record, decode, events_table
from evalstream.events.coco import (
    CocoError,
    CocoEvent,
    CocoType,
    annotation_events,
    explain,
    prediction_events,
    read_dataset,
)
from evalstream.pipeline.reconcile import reconcile
from evalstream.storage.engine import open_embedded
from evalstream.storage.events import append_events
from evalstream.storage.migrate import migrate

DATASET = RUN = "evaluated"
PROBLEMS_SHOWN = 20
BATCH = 1_000


@contextmanager
def evaluated(
    annotations: Path,
    predictions: Path,
    policy: str,
    on_progress: Callable[[str, int, int], None],
    iou_type: CocoType = "bbox",
) -> Iterator[tuple[Client, list[str]]]:
    """Match COCO results with COCO ground truth; give a client to put queries to, and the names of all categories.

    Raises
    ------
    CocoError
        If a file, or any record in it, cannot be read. Nothing is left out: figures over a part of a file would look
        just like figures over all of it.
    """
    coco = read_dataset(annotations)
    truth = annotation_events(coco, DATASET, 1, iou_type)
    found = prediction_events(coco, predictions, DATASET, RUN, 1, iou_type)
    with tempfile.TemporaryDirectory(prefix="evalstream-") as folder:
        client = open_embedded(Path(folder))
        try:
            migrate(client)
            with _no_collection():
                for batch in valid_batches(truth, Reader(AnnotationEvent), coco.path):
                    append_events(client, events_table(batch))
                for batch in valid_batches(found, Reader(PredictionEvent), predictions):
                    append_events(client, events_table(batch))
            reconcile(client, [policy], on_progress=lambda done, total: on_progress("matching", done, total))
            yield client, sorted(coco.categories.values())
        finally:
            client.close()


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep the garbage collector from walking the whole of a large file again and again; nothing here has cycles."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def valid_batches(events: Iterable[CocoEvent], reader: Reader, path: Path) -> Iterator[list[Received]]:
    """Validate imported events, a batch at a time; at the end, if any was bad, say which records and why."""
    problems: list[str] = []
    remaining = iter(events)
    while batch := list(islice(remaining, BATCH)):
        received, rejected = decode((Record(event.payload, i, 0) for i, event in enumerate(batch)), reader)
        problems += [
            f"{path}: image {item.data_row}: {explain(item.reason, batch[item.position].names)}" for item in rejected
        ]
        yield received
    if problems:
        more = len(problems) - PROBLEMS_SHOWN
        raise CocoError("\n".join(problems[:PROBLEMS_SHOWN]) + (f"\n… and {more} more images" if more > 0 else ""))
