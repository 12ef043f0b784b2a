"""What the ingest service tells the matchers after a declaration, without a broker."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from clickhouse_connect.driver.client import Client
from evalstream.ontology import Ontology
from evalstream.pipeline.reconcile import reconcile
from evalstream.storage.ontologies import declare
from evalstream.storage.results import stale_rows
from evalstream_cluster import ingest
from evalstream_cluster.ingest import rematch_all_by

from tests.feeding import feed, new_engine
from tests.unit.cluster.test_stream import Told, settings

ROWS = [f"row {number}" for number in range(10)]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with new_engine(tmp_path_factory.mktemp("engine")) as client:
        feed(client, "d", {"annotated only": []}, {run: {row: [] for row in ROWS} for run in ("v1", "v2")})
        feed(client, "another", {}, {"v1": {"r": []}})
        yield client


@pytest.mark.parametrize("size", [3, 5, 10, 10_000])
def test_every_row_is_told_once_a_batch_at_a_time(client: Client, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(ingest, "TOLD_ROWS", size)
    told = Told()
    asyncio.run(rematch_all_by(lambda: client, told, settings())("d"))  # type: ignore[arg-type]
    assert sorted(told.rows) == [("d", row) for row in sorted(ROWS)]


def test_what_was_not_told_is_found_by_reconcile(client: Client) -> None:
    declare(client, "d", Ontology(tolerance=3), 1)
    with pytest.raises(ConnectionError):
        asyncio.run(rematch_all_by(lambda: client, Told(refusals=1), settings())("d"))  # type: ignore[arg-type]
    names = ["iou-greedy", "coco", "best-candidate"]
    assert stale_rows(client, "d", names) == ROWS
    assert reconcile(client, names) == len(ROWS)
    assert stale_rows(client, "d", names) == []
