"""The matcher stage, without a broker: what it does where Kafka has dropped words before they were read."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from aiokafka import ConsumerRecord, TopicPartition
from clickhouse_connect.driver.client import Client
from evalstream.queries.summary import summary
from evalstream.selection import Selection
from evalstream_cluster.consume import Consumer
from evalstream_cluster.matcher import match_records

from tests.feeding import new_engine, send

TOPIC = "evalstream.changed-rows"
BOX = {"type": "bbox", "feature": "car", "bbox": [0, 0, 10, 10]}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with new_engine(tmp_path_factory.mktemp("engine")) as client:
        send(client, "d", {row: [BOX] for row in "abc"}, {"r": {row: [BOX] for row in "abc"}})
        yield client


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
    gaps: list[TopicPartition] = []
    process = match_records(lambda: client, ["iou-greedy"], lambda _records: gaps)
    asyncio.run(process([word("b", 5)]))
    assert summary(client, Selection(dataset="d", run="r")).rows == 1
    gaps.append(TopicPartition(TOPIC, 0))
    asyncio.run(process([word("b", 9)]))
    assert summary(client, Selection(dataset="d", run="r")).rows == 3
