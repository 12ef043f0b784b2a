"""What is fetched while a batch is in hand."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka import TopicPartition
from evalstream_cluster import consume
from evalstream_cluster.consume import Consumer, Record, _consume

from tests.unit.cluster.test_stream import TOPIC, record, settings

PARTITIONS = {TopicPartition(TOPIC, 0), TopicPartition(TOPIC, 1)}


class Client:
    """Has two batches, and knows which partitions may not be fetched."""

    def __init__(self) -> None:
        self._batches = [[record(1, b"")], [record(2, b"")]]
        self._paused: set[TopicPartition] = set()
        self.committed: list[int] = []
        self.resumed = asyncio.Event()

    def assignment(self) -> set[TopicPartition]:
        return PARTITIONS

    def pause(self, *partitions: TopicPartition) -> None:
        self._paused |= set(partitions)

    def resume(self, *partitions: TopicPartition) -> None:
        self._paused -= set(partitions)
        self.resumed.set()

    def paused(self) -> set[TopicPartition]:
        return set(self._paused)

    async def getmany(self, **_limits: int) -> dict[TopicPartition, list[Any]]:
        assert not self._paused
        return {TopicPartition(TOPIC, 0): self._batches.pop(0)}

    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        assert self._paused
        self.committed += offsets.values()


def worked_off(client: Client, work: Any) -> None:
    """Have a client's batches processed by a coroutine function, until it has seen the second."""
    stopped = asyncio.Event()

    async def process(records: Sequence[Record]) -> None:
        await work()
        if records[0].offset == 2:
            stopped.set()

    asyncio.run(_consume(client, process, settings(), 9, Consumer("ingest", 9), stopped))  # type: ignore[arg-type]


def test_nothing_is_fetched_while_a_batch_is_in_hand() -> None:
    client = Client()
    seen: list[set[TopicPartition]] = []

    async def work() -> None:
        await asyncio.sleep(0)
        seen.append(client.paused())

    worked_off(client, work)
    assert seen == [PARTITIONS, PARTITIONS]
    assert client.committed == [2, 3]
    assert not client.paused()


def test_one_that_takes_long_lets_its_partitions_be_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consume, "PAUSE_SECONDS", 0)
    client = Client()

    async def work() -> None:
        client.resumed.clear()
        await client.resumed.wait()
        assert not client.paused()
        client.pause(*PARTITIONS)  # as it would still be when the offsets are committed

    worked_off(client, work)
    assert client.committed == [2, 3]
