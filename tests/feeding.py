"""An engine, and plain objects into it, the way that events go: for tests that ask questions afterwards."""

from __future__ import annotations

import atexit
import functools
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from clickhouse_connect.driver.client import Client
from evalstream.events import AnnotationEvent, PredictionEvent, Reader, Record
from evalstream.matching import POLICIES
from evalstream.pipeline.complete import closing_events
from evalstream.pipeline.ingest import ingest
from evalstream.pipeline.match import match
from evalstream.pipeline.reconcile import rematch
from evalstream.storage.engine import open_embedded
from evalstream.storage.events import STORED, as_sent
from evalstream.storage.migrate import migrated_clients
from evalstream.storage.ontologies import in_force
from evalstream.storage.results import write_results

Objects = Sequence[Mapping[str, Any]]
Events = list[dict[str, Any]]


@contextmanager
def new_engine(folder: Path) -> Iterator[Client]:
    """Open the engine on a folder with empty tables."""
    with migrated_clients(lambda: open_embedded(with_tables(folder))) as clients:
        yield clients()


def with_tables(folder: Path) -> Path:
    """Copy empty tables to where an engine will be opened, unless some are there: to make them takes 80 ms of CPU."""
    if not folder.exists() or not any(folder.iterdir()):
        shutil.copytree(_empty_tables(), folder, symlinks=True, dirs_exist_ok=True)
    return folder


@functools.cache
def _empty_tables() -> Path:
    folder = tempfile.mkdtemp(prefix="empty-tables-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with migrated_clients(lambda: open_embedded(Path(folder))):
        return Path(folder)


def feed(
    client: Client,
    dataset: str,
    annotations: Mapping[str, Objects],
    runs: Mapping[str, Mapping[str, Objects]],
    *,
    policies: Sequence[str] = tuple(POLICIES),
    **said: Any,
) -> None:
    """Send objects as ``send`` does, and match their data rows."""
    send(client, dataset, annotations, runs, **said)
    rematch(client, dataset, sorted({*annotations, *(row for of_rows in runs.values() for row in of_rows)}), policies)


def feed_all(
    client: Client,
    datasets: Mapping[str, tuple[Mapping[str, Objects], Mapping[str, Mapping[str, Objects]]]],
    *,
    policies: Sequence[str] = tuple(POLICIES),
) -> None:
    """Send the annotations and runs of many new datasets, and match them, with one insert for all: each costs 30 ms."""
    sent = [_events(name, *said) for name, said in datasets.items()]
    _ingest(client, [one for truth, _ in sent for one in truth], [one for _, found in sent for one in found])
    match_all(client, list(datasets), policies)


def match_all(client: Client, datasets: Sequence[str], policies: Sequence[str]) -> None:
    """Match all that was sent of new datasets, and write all results together."""
    names = {"names": list(datasets)}
    of_them = "dataset IN {names:Array(String)}"
    order = "ORDER BY dataset, data_row, run, version, event_id"
    asked = f"SELECT {', '.join(STORED)} FROM events FINAL WHERE {of_them} {order}"
    events = as_sent(client.query_arrow(asked, parameters=names))
    found = client.query(f"SELECT DISTINCT dataset FROM ontologies WHERE {of_them}", parameters=names).result_rows
    declared = {name: in_force(client, name) for (name,) in found}
    matched = []
    for name in datasets:
        own = events.filter(pc.equal(events["dataset"], name))
        said = (declared[name].ontology, declared[name].revisions) if name in declared else ()
        matched.append(match(name, own, policies, *said))
    write_results(client, pa.concat_tables(matched))


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
    _ingest(client, *_events(dataset, annotations, runs, rows, metrics))


def _events(
    dataset: str,
    annotations: Mapping[str, Objects],
    runs: Mapping[str, Mapping[str, Objects]],
    rows: Mapping[str, Mapping[str, Any]] | None = None,
    metrics: Mapping[str, Objects] | None = None,
) -> tuple[Events, Events]:
    """Events of both sides."""
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
    return truth, found


def _ingest(client: Client, truth: Events, found: Events) -> None:
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
