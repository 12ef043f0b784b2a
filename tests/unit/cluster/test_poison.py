"""Records that nobody expects: none of them may hold up a service without a word."""

from __future__ import annotations

import asyncio
import logging

import pytest
from aiokafka import TopicPartition
from evalstream.storage.dead_letters import DeadLetter
from evalstream_cluster.consume import Consumer, _read
from evalstream_cluster.dead_letters import put_back
from evalstream_cluster.stream import version_of

from tests.unit.cluster.test_stream import settings


@pytest.mark.parametrize("timestamp_ms", [-(2**63), -5, -1, 0, 2**62])
def test_any_timestamp_gives_a_version(timestamp_ms: int) -> None:
    assert 0 <= version_of(timestamp_ms, 2**40) < 2**63


def test_a_record_that_cannot_be_taken_apart_ends_the_service_and_is_named(caplog: pytest.LogCaptureFixture) -> None:
    class Client:
        """Stands at offset 7 of partition 1, and has nothing left in partition 2."""

        def assignment(self) -> set[TopicPartition]:
            return {TopicPartition("events", 1), TopicPartition("events", 2)}

        def highwater(self, partition: TopicPartition) -> int:
            return 9 if partition.partition == 1 else 7

        async def position(self, partition: TopicPartition) -> int:
            return 7

        async def getmany(self, **_limits: int) -> None:
            raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")

    state = Consumer("ingest", 1)
    told: list[BaseException | None] = []
    state.on_failure = lambda: told.append(state.failure)
    with caplog.at_level(logging.CRITICAL):
        assert asyncio.run(_read(Client(), settings(), 5, state)) == []
    assert isinstance(told[0], UnicodeDecodeError)
    assert "at or soon after events/1/7 (" in caplog.text


def test_a_record_of_nothing_is_not_put_back() -> None:
    nothing = DeadLetter("t/0/1", "t", 0, 1, None, [], "", "not JSON", None)
    with pytest.raises(ValueError, match="t/0/1 has neither a key nor a value"):
        asyncio.run(put_back(None, nothing))
