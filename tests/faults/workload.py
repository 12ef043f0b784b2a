"""A workload with every operation, two runs, and versions that arrive in any order; and what it comes to."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from clickhouse_connect.driver.client import Client
from evalstream.events import AnnotationEvent, PredictionEvent, Reader, Record
from evalstream.ontology import Ontology
from evalstream.pipeline.ingest import ingest
from evalstream.pipeline.reconcile import reconcile
from evalstream.storage.engine import open_embedded
from evalstream.storage.migrate import migrate
from evalstream.storage.ontologies import declare
from evalstream_embedded.settings import LocalSettings

DATASET = "street"
RUNS = ("first", "second")
DATA_ROWS = 300 if os.environ.get("FAULTS") == "full" else 40
UPLOAD_LINES = 8
POLICIES = LocalSettings(_env_file=None).policies
#: A declaration that changes who matches whom: masks may match boxes.
ONTOLOGY = Ontology(across_types=True)
_SIDE = 40

Key = tuple[str, str, str, int, str]
ResultRow = dict[str, Any]


class Part(NamedTuple):
    """One upload: events of one kind. ``run`` is empty for annotations."""

    run: str
    lines: list[bytes]

    @property
    def route(self) -> str:
        return f"/v1/datasets/{DATASET}" + (f"/runs/{self.run}/predictions" if self.run else "/annotations")

    @property
    def reader(self) -> Reader:
        known = {"dataset": DATASET}
        return Reader(PredictionEvent, known | {"run": self.run}) if self.run else Reader(AnnotationEvent, known)

    @property
    def records(self) -> list[Record]:
        return [Record(line, number, 0) for number, line in enumerate(self.lines, 1)]


def make_parts(seed: int) -> list[Part]:
    """A set for each row and side, then changes of all kinds, in small uploads that are not in order of version."""
    rng = random.Random(seed)
    events: dict[str, list[bytes]] = {"": [], **{run: [] for run in RUNS}}
    for number in range(DATA_ROWS):
        for run, lines in events.items():
            side = "predictions" if run else "annotations"
            ids = [f"o{i}" for i in range(rng.randint(1, 6))]
            history: list[dict[str, Any]] = [{"operation": "replace", side: [_object(rng, run, name) for name in ids]}]
            if rng.random() < 0.5:
                history.append({"operation": "upsert", side: [_object(rng, run, rng.choice([*ids, "new"]))]})
            if rng.random() < 0.3:
                history.append({"operation": "delete", "ids": [rng.choice(ids)]})
            if rng.random() < 0.1:
                history.append({"operation": "replace", side: [_object(rng, run, "only")]})
            if not run:
                history[-1]["row"] = {"split": rng.choice(["train", "test"]), "metadata": {"number": number}}
            for version, change in enumerate(history, 1):
                lines.append(json.dumps({"data_row": f"row-{number}", "version": version, **change}).encode())
    parts = []
    for run, lines in events.items():
        rng.shuffle(lines)
        parts += [Part(run, lines[i : i + UPLOAD_LINES]) for i in range(0, len(lines), UPLOAD_LINES)]
    rng.shuffle(parts)
    return parts


def _object(rng: random.Random, run: str, name: str) -> dict[str, Any]:
    known = {"id": name, "feature": rng.choice(["car", "bus"])} | rng.choice([_box, _mask])(rng)
    if rng.random() < 0.3:
        colour = {"type": "radio", "feature": "colour", "answer": rng.choice(["red", "blue"])}
        known["classifications"] = [colour, {"type": "checklist", "feature": "parts", "answers": ["door", "wheel"]}]
    return known | {"confidence": rng.choice([0.25, 0.5, rng.random()])} if run else known


def _box(rng: random.Random) -> dict[str, Any]:
    corner = [rng.choice([0, 8, 16]) + rng.random(), rng.choice([0, 8, 16]) + rng.random()]
    return {"type": "bbox", "bbox": [*corner, 20, 20]}


def _mask(rng: random.Random) -> dict[str, Any]:
    """Some columns of an image."""
    first, count = rng.choice([0, 8, 16]), rng.randint(8, 20)
    pixels = _SIDE * _SIDE
    counts = [first * _SIDE, count * _SIDE, pixels - (first + count) * _SIDE]
    return {"type": "mask", "mask": {"size": [_SIDE, _SIDE], "counts": counts}}


def clean_results(
    folder: Path, parts: list[Part], ontology: Ontology | None = None
) -> dict[tuple[str, str, str], ResultRow]:
    """What a single process makes of the workload that nothing happened to."""
    with opened(folder) as client:
        migrate(client)
        if ontology is not None:
            declare(client, DATASET, ontology, 1)
        for part in parts:
            ingest(client, part.records, part.reader, "test")
        reconcile(client, POLICIES)
        return results(client)


def differences(
    found: dict[tuple[str, str, str], ResultRow], expected: dict[tuple[str, str, str], ResultRow]
) -> dict[tuple[str, str, str], dict[str, Any]]:
    """For each row that is not as it must be, the columns that differ: what was found, and what was expected."""
    assert found.keys() == expected.keys()
    return {
        key: {name: (found[key][name], value) for name, value in row.items() if found[key][name] != value}
        for key, row in expected.items()
        if found[key] != row
    }


@contextmanager
def opened(folder: Path) -> Iterator[Client]:
    client = open_embedded(folder)
    try:
        yield client
    finally:
        client.close()


def event_key(item: Any) -> Key:
    event = item.event
    return event.dataset, event.data_row, getattr(event, "run", ""), item.version, item.event_id


def event_keys(client: Client) -> list[Key]:
    rows = client.query("SELECT dataset, data_row, run, version, event_id FROM events FINAL").result_rows
    return [tuple(row) for row in rows]


def results(client: Client, dataset: str = DATASET) -> dict[tuple[str, str, str], ResultRow]:
    """Every result of a dataset by its key, all columns."""
    rows = client.query_arrow(
        "SELECT * FROM results FINAL WHERE dataset = {dataset:String}", parameters={"dataset": dataset}
    ).to_pylist()
    found = {(row["dataset"], row["run"], row["data_row"]): row for row in rows}
    assert len(found) == len(rows)
    return found
