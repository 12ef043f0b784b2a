"""COCO files into an engine, the way that an upload goes: columns, JSON lines, events, matching."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
from clickhouse_connect.driver.client import Client
from evalstream.events import AnnotationEvent, PredictionEvent, Reader, Record, event_lines
from evalstream.importers.coco import read_results, read_truth
from evalstream.importers.columns import CocoType, annotation_events, prediction_events
from evalstream.pipeline.ingest import ingest
from evalstream.pipeline.reconcile import reconcile

from tests.feeding import match_all, new_engine

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
    return upload_pairs(client, {dataset: (annotations, predictions)}, iou_type)[dataset]


def upload_documents(
    client: Client, folder: Path, pairs: Mapping[str, tuple[Any, Any]], iou_type: CocoType = "bbox"
) -> None:
    """Send the content of two files of each dataset, by way of such files, and match all of it under ``coco``."""
    files = {name: (folder / f"{name}-truth.json", folder / f"{name}-results.json") for name in pairs}
    for name, documents in pairs.items():
        for file, document in zip(files[name], documents, strict=True):
            file.write_text(json.dumps(document), encoding="utf-8")
    upload_pairs(client, files, iou_type)
    match_all(client, list(pairs), ["coco"])


def upload_pairs(
    client: Client, files: Mapping[str, tuple[Path, Path]], iou_type: CocoType = "bbox"
) -> dict[str, list[str]]:
    """Send two files of each dataset, all together; give the names of all categories of each."""
    categories, true, said = {}, [], []
    for dataset, (truth_file, results_file) in files.items():
        truth = read_truth(truth_file, iou_type)
        found = read_results(results_file, truth, iou_type)
        assert not [*truth.problems, *found.problems]
        true.append(annotation_events(truth, dataset, 1, iou_type))
        said.append(prediction_events(found, truth, dataset, RUN, 1, iou_type))
        categories[dataset] = sorted(truth.categories.names)
    append(client, pa.concat_tables(true), Reader(AnnotationEvent))
    append(client, pa.concat_tables(said), Reader(PredictionEvent))
    return categories


def append(client: Client, events: pa.Table, reader: Reader) -> None:
    """Send events as lines, all of which must be accepted."""
    records = [Record(line, i, 1) for i, line in enumerate(event_lines(events))]
    rejected = ingest(client, records, reader, "test").rejected
    assert not rejected, rejected[0].reason
