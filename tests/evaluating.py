"""COCO files into an engine, the way that an upload goes: columns, JSON lines, events, matching."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
from clickhouse_connect.driver.client import Client
from evalstream.events import AnnotationEvent, PredictionEvent, Reader, Record, event_lines
from evalstream.importers.coco import read_results, read_truth
from evalstream.importers.columns import CocoType, annotation_events, prediction_events
from evalstream.pipeline.ingest import ingest
from evalstream.pipeline.reconcile import reconcile

from tests.feeding import new_engine

DATASET = RUN = "evaluated"


@contextmanager
def evaluated(
    annotations: Path, predictions: Path, policy: str, iou_type: CocoType = "bbox"
) -> Iterator[tuple[Client, list[str]]]:
    """Give a client to put questions to, and the names of all categories."""
    with tempfile.TemporaryDirectory() as folder, new_engine(Path(folder)) as client:
        categories = upload_files(client, DATASET, annotations, predictions, iou_type)
        reconcile(client, [policy])
        yield client, categories


def upload_files(
    client: Client, dataset: str, annotations: Path, predictions: Path, iou_type: CocoType = "bbox"
) -> list[str]:
    """Send two files whole; give the names of all categories."""
    truth = read_truth(annotations, iou_type)
    found = read_results(predictions, truth, iou_type)
    assert not [*truth.problems, *found.problems]
    append(client, annotation_events(truth, dataset, 1, iou_type), Reader(AnnotationEvent))
    append(client, prediction_events(found, truth, dataset, RUN, 1, iou_type), Reader(PredictionEvent))
    return sorted(truth.categories.names)


def append(client: Client, events: pa.Table, reader: Reader) -> None:
    """Send events as lines, all of which must be accepted."""
    records = [Record(line, i, 1) for i, line in enumerate(event_lines(events))]
    rejected = ingest(client, records, reader, "test").rejected
    assert not rejected, rejected[0].reason
