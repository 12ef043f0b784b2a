"""Questions that come at one time share one reading of a run."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import pyarrow as pa
import pytest
from clickhouse_connect.driver.client import Client
from evalstream import room
from evalstream.queries.average_precision import average_precisions
from evalstream.queries.errors import errors
from evalstream.selection import Selection
from evalstream.storage import remembered
from evalstream.storage.engine import Clients, client_per_thread, open_embedded
from evalstream.stored import columns, counted

from tests.feeding import feed, with_tables

PATIENCE: Final = 60
SELECTION: Final = Selection(dataset="shared", run="a", policy="coco")


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clients]:
    folder = with_tables(tmp_path_factory.mktemp("engine") / "engine")
    with client_per_thread(lambda: open_embedded(folder)) as clients:
        box = {"type": "bbox", "feature": "car", "bbox": [0, 0, 10, 10]}
        found = {"row": [box | {"confidence": 0.5}]}
        feed(clients(), "shared", {"row": [box]}, {"a": found, "b": found}, policies=["coco"])
        yield clients


class Engine:
    """Counts the readings of columns, by run; each ends when all are told to."""

    def __init__(self) -> None:
        self.read: list[str] = []
        self.go = threading.Event()
        self._begun = threading.Semaphore(0)

    def ask(self, client: Client, sql: str, parameters: dict[str, Any], **settings: int) -> pa.Table:
        self.read.append(parameters["run"])
        self._begun.release()
        assert self.go.wait(PATIENCE)
        return counted.ask_arrow(client, sql, parameters, **settings)

    def has_begun(self) -> bool:
        return self._begun.acquire(timeout=PATIENCE)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    engine = Engine()
    monkeypatch.setattr(columns, "ask_arrow", engine.ask)
    monkeypatch.setattr(remembered, "_KNOWN", type(remembered._KNOWN)())
    monkeypatch.setattr(remembered, "_bytes", 0)
    return engine


def test_a_run_that_is_too_large_to_be_read_is_tried_once_by_all_who_count_it(
    clients: Clients, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns, "_LARGE", {})
    monkeypatch.setattr(columns, "_SETTINGS", {"max_result_bytes": 1})
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(lambda: columns.read_columns(clients(), SELECTION))
        assert engine.has_begun()
        others = [pool.submit(lambda: columns.read_columns(clients(), SELECTION)) for _ in range(4)]
        engine.go.set()
        assert [one.result(PATIENCE) for one in (first, *others)] == [None] * 5
    assert engine.read == ["a"]


def test_two_questions_at_once_read_a_run_once(clients: Clients, engine: Engine) -> None:
    other = SELECTION.model_copy(update={"run": "b"})
    with ThreadPoolExecutor(8) as pool:
        caused = pool.submit(lambda: errors(clients(), SELECTION))
        assert engine.has_begun()
        # Thresholds are asked of what is read; and what errors need is more than what average precision does.
        more = [
            pool.submit(lambda c=c: average_precisions(clients(), SELECTION.model_copy(update={"confidence": c})))
            for c in (0.1, 0.2, 0.3)
        ]
        elsewhere = pool.submit(lambda: average_precisions(clients(), other))
        assert engine.has_begun(), "a question of another run waits for none of them"
        engine.go.set()
        assert caused.result(PATIENCE).ap == 1
        assert [one.result(PATIENCE).ap for one in (*more, elsewhere)] == pytest.approx([1] * 4)
    assert engine.read == ["a", "b"]
    assert room._taken == 0
