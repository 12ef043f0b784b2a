"""The matcher stage, without a broker: what it takes from words, what it reads, and what it does without some."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import orjson
import pytest
from aiokafka import ConsumerRecord, TopicPartition
from clickhouse_connect.driver.client import Client
from evalstream.matching import POLICIES
from evalstream.queries.summary import summary
from evalstream.selection import Selection
from evalstream.storage.results import Progress, progress
from evalstream_cluster.consume import Consumer
from evalstream_cluster.matcher import match_records
from evalstream_cluster.stream import ingest_records

from tests.feeding import new_engine, send
from tests.unit.cluster.test_stream import Told, record, settings

ROWS = 20
TOPIC = "evalstream.changed-rows"
BOX = {"type": "bbox", "feature": "car", "bbox": [0, 0, 10, 10]}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with new_engine(tmp_path_factory.mktemp("engine")) as client:
        yield client


class Noting:
    """A client that notes which statements read columns of Arrow."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.read: list[str] = []

    def query_arrow(self, statement: str, **options: Any) -> Any:
        self.read.append(statement)
        return self._client.query_arrow(statement, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    @property
    def objects_read(self) -> int:
        """How often objects of events were read back."""
        return sum("object_geometry" in statement for statement in self.read)


def events(dataset: str, side: str) -> list[Any]:
    box = {"type": "bbox", "feature": "car", "bbox": [0, 0, 2, 2]}
    run = {"run": "r"} if side == "predictions" else {}
    said = [
        {"dataset": dataset, "data_row": f"{i}", "operation": "replace", side: [box] * (i % 3)} | run
        for i in range(ROWS)
    ]
    records = [record(i, json.dumps(own).encode()) for i, own in enumerate(said)]
    return [replace(one, topic=f"evalstream.{side}") for one in records]


@pytest.mark.parametrize("bring", [True, False])
def test_what_words_bring_is_not_read_back_and_the_rest_is(client: Client, bring: bool) -> None:
    noting = Noting(client)
    match = match_records(lambda: noting, tuple(POLICIES), lambda _records: [])  # type: ignore[arg-type, return-value]
    dataset = f"bring-{bring}"
    for side in ("annotations", "predictions"):
        told = Told()
        asyncio.run(ingest_records(lambda: client, told, settings())(events(dataset, side)))  # type: ignore[arg-type]
        words = told.records if bring else [replace(one, headers=()) for one in told.records]
        asyncio.run(match(words))
    assert (noting.objects_read == 0) == bring
    assert progress(client, dataset, "r", tuple(POLICIES)) == Progress(ROWS, 0, 0)
    matched = client.query(
        "SELECT sum(length(`iou_greedy.prediction`)) FROM results FINAL WHERE dataset = {dataset:String}",
        parameters={"dataset": dataset},
    ).result_rows
    # Of a row with two equal boxes each of both sides, each is matched with one.
    assert matched == [(sum(i % 3 for i in range(ROWS)),)]


def word(data_row: str, offset: int, partition: int = 0) -> Any:
    value = orjson.dumps({"dataset": "d", "data_row": data_row, "accepted_ms": 1})
    return ConsumerRecord(TOPIC, partition, offset, 1_000, 0, b"k", value, None, 1, len(value), ())


def test_what_was_dropped_before_it_was_read_is_told_by_the_next_offset() -> None:
    consumer = Consumer("matcher", 1)
    one, other = TopicPartition(TOPIC, 0), TopicPartition(TOPIC, 1)
    assert consumer.skipped([word("a", 7)]) == [], "it is not known what was committed"
    consumer._done = {one: 7, other: 3}
    assert consumer.skipped([word("a", 7), word("b", 8), word("c", 3, 1), word("a", 9)]) == []
    assert consumer.skipped([word("a", 7), word("c", 3, 1), word("b", 9), word("a", 11)]) == [one]
    assert consumer.skipped([word("a", 6)]) == [], "what comes again"
    assert consumer.skipped([word("a", 7), word("c", 4, 1)]) == [other]


def test_a_matcher_that_misses_words_asks_the_tables(client: Client) -> None:
    send(client, "d", {row: [BOX] for row in "abc"}, {"r": {row: [BOX] for row in "abc"}})
    gaps: list[TopicPartition] = []
    process = match_records(lambda: client, ["iou-greedy"], lambda _records: gaps)
    asyncio.run(process([word("b", 5)]))
    assert summary(client, Selection(dataset="d", run="r")).rows == 1
    gaps.append(TopicPartition(TOPIC, 0))
    asyncio.run(process([word("b", 9)]))
    assert summary(client, Selection(dataset="d", run="r")).rows == 3
