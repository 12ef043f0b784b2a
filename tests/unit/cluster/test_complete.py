"""Closing a run in a cluster, without a broker: through the topic of predictions, as everything goes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any
from unittest.mock import AsyncMock

import pytest
from aiokafka import TopicPartition
from aiokafka.structs import ConsumerRecord, RecordMetadata
from clickhouse_connect.driver.client import Client
from evalstream.pipeline.reconcile import reconcile
from evalstream.queries.summary import summary
from evalstream.selection import Selection
from evalstream_api import runs
from evalstream_cluster.ingest import accept_columns_by, accept_to
from evalstream_cluster.positions import START
from evalstream_cluster.stream import ingest_records
from evalstream_service.application import make_application
from evalstream_service.backend import Backend, Intake, use_backend
from evalstream_service.security import checked_keys
from fastapi import FastAPI
from fastapi.testclient import TestClient

from tests.feeding import feed, new_engine
from tests.unit.cluster.test_stream import TOPIC, Told, settings

BOX = {"type": "bbox", "feature": "car", "bbox": [0, 0, 10, 10]}


class Topic:
    """Stands in for a producer and the topic it writes to."""

    def __init__(self) -> None:
        self.records: list[Any] = []

    async def send(
        self, topic: str, value: bytes, key: bytes | None, headers: list[tuple[str, bytes]]
    ) -> asyncio.Future[RecordMetadata]:
        assert topic == TOPIC
        offset = len(self.records)
        self.records.append(
            ConsumerRecord(topic, 0, offset, 1_000, 0, key, value, None, len(key or b""), len(value), tuple(headers))
        )
        done: asyncio.Future[RecordMetadata] = asyncio.get_running_loop().create_future()
        done.set_result(RecordMetadata(topic, 0, TopicPartition(topic, 0), offset, 1_000, 0, 0))
        return done


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with new_engine(tmp_path_factory.mktemp("engine")) as client:
        feed(client, "d", {row: [BOX] for row in "abc"}, {"r": {"b": [BOX]}})
        yield client


def test_it_goes_through_kafka_and_may_be_asked_for_again_before_it_has_arrived(client: Client) -> None:
    topic, told = Topic(), Told()
    accept = accept_to(topic, settings(), {})  # type: ignore[arg-type]
    intake = Intake(
        accept=accept,
        accept_columns=accept_columns_by(accept),
        put_back=AsyncMock(),
        rematch_all=AsyncMock(),
        clock=time.time_ns,
        max_upload_bytes=settings().max_upload_bytes,
        position=lambda: START,
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        use_backend(app, Backend(clients=lambda: client, policies=settings().policies, intake=intake))
        yield

    app = make_application("ingest", settings(), checked_keys("", None, "127.0.0.1"), [runs.router], lifespan)
    with TestClient(app, base_url="http://127.0.0.1") as http:
        for _ in range(2):
            answer = http.put("/v1/datasets/d/runs/r/complete")
            position = f"p0.{len(topic.records)}"
            said = {"dataset": "d", "run": "r", "annotated": 3, "closed": 2, "position": position}
            assert answer.json() == said, answer.text
    assert [record.key for record in topic.records] == [b"d/a", b"d/c"] * 2
    process = ingest_records(lambda: client, told, settings())  # type: ignore[arg-type]
    for batch in (topic.records[:3], topic.records[3:]):
        asyncio.run(process(batch))
    assert set(told.rows) == {("d", "a"), ("d", "c")}
    assert client.query("SELECT count() FROM events FINAL WHERE run = 'r'").result_rows == [(3,)]
    reconcile(client, ["iou-greedy"])
    found = summary(client, Selection(dataset="d", run="r"))
    assert (found.rows, found.tp, found.fn, found.rows_without_predictions) == (3, 1, 2, 0)
