"""Positions of a cluster, and when they are reflected: never too soon, whatever has become of topics and groups."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError
from aiokafka.structs import RecordMetadata
from evalstream.positions import PositionError, PositionsUnknownError, latest
from evalstream.positions import read as numbers_of
from evalstream_cluster import reflected as module
from evalstream_cluster.positions import START, read, written
from evalstream_cluster.reflected import Reflected, Seen

from tests.unit.cluster.test_stream import settings

A, P, C = "evalstream.annotations", "evalstream.predictions", "evalstream.changed-rows"
IDS = {A: "0000000a", P: "0000000b", C: "0000000c"}
PLACES = [TopicPartition(topic, number) for topic in (A, P, C) for number in range(2)]


def sent(topic: str, partition: int, offset: int, log_start: int | None = 0) -> RecordMetadata:
    return RecordMetadata(topic, partition, TopicPartition(topic, partition), offset, 1_000, 0, log_start)


def test_a_position_says_of_each_partition_how_many_records_there_were() -> None:
    records = [sent(A, 1, 7), sent(P, 0, 3), sent(A, 1, 5), sent(P, 11, 0)]
    position = written(records, IDS, settings())
    assert position == "a1-0000000a.8,c-0000000c.0,p0-0000000b.4,p11-0000000b.1"
    wanted = read(numbers_of(position), settings())
    assert wanted.offsets == {TopicPartition(A, 1): 8, TopicPartition(P, 0): 4, TopicPartition(P, 11): 1}
    assert wanted.ids == IDS
    assert written([], IDS, settings()) == START
    assert written([sent(P, 0, 3)], {}, settings()) == "p0.4", "brokers that know no ids"


@pytest.mark.parametrize("log_start", [None, -1])
def test_where_kafka_does_not_say_an_offset_there_is_no_position(log_start: int | None) -> None:
    """Of what it has twice it may not; the offsets are then those of the batch, counted from −1."""
    assert written([sent(P, 0, 3), sent(P, 0, 4, log_start)], IDS, settings()) is None


def test_positions_of_parts_are_merged() -> None:
    parts = [written([sent(P, 0, offset), sent(P, offset % 3, 5)], IDS, settings()) for offset in (3, 9, 4)]
    assert latest(parts) == "c-0000000c.0,p0-0000000b.10,p1-0000000b.6"
    most = [sent(topic, number, 10**12) for topic in (A, P) for number in range(1_000)]
    whole = written(most, IDS, settings())
    assert whole is not None
    assert len(read(numbers_of(whole), settings()).offsets) == 2_000, "as many partitions as a cluster may have"


@pytest.mark.parametrize(
    "position", ["x0.1", "p.1", "c0.1", "p0-1.1", "p00000.1", "a1b2c3.17", "p0-0000000b-.1", "c.0-"]
)
def test_what_is_no_position_of_a_cluster_is_refused(position: str) -> None:
    with pytest.raises(PositionError):
        read(numbers_of(position), settings())


def test_a_position_of_two_topics_of_one_name_is_refused() -> None:
    with pytest.raises(PositionError, match=r"two topics evalstream\.predictions, one of which was made anew"):
        read(numbers_of("p0-0000000b.1,p1-0000000d.1"), settings())


class Kafka(Reflected):
    """Kafka as it is at each look, one after the other; the last one stays."""

    def __init__(self, *looks: Seen | Exception) -> None:
        super().__init__(settings())
        self._all = list(looks)
        self.looks = 0

    async def _ask(self) -> Seen:
        self.looks += 1
        look = self._all.pop(0) if len(self._all) > 1 else self._all[0]
        if isinstance(look, Exception):
            raise look
        return look


def seen(ingested: Sequence[int] = (), ends: Sequence[int] = (0, 0), matched: Sequence[int] = (), **more: Any) -> Seen:
    """By partition: of predictions what is ingested, of changed rows the ends and what is matched."""
    starts = dict.fromkeys(PLACES, 0) | {TopicPartition(P, i): n for i, n in enumerate(more.get("starts", ()))}
    return Seen(
        {TopicPartition(P, i): n for i, n in enumerate(ingested)},
        {TopicPartition(C, i): n for i, n in enumerate(ends)},
        {TopicPartition(C, i): n for i, n in enumerate(matched)},
        starts,
        more.get("ids", IDS),
    )


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.001)
    monkeypatch.setattr(module, "AGAIN_SECONDS", 0.001)


def waited(kafka: Reflected, position: str, seconds: float = 0) -> bool:
    return asyncio.run(kafka.wait(numbers_of(position), seconds))


@pytest.mark.parametrize(
    ("look", "is_reflected"),
    [
        (seen((10, 4), (6, 2), (6, 2)), True),
        (seen((10, 4)), True),  # nothing had to be told: all were dead letters
        (seen((11, 9), (6, 2), (7, 9)), True),
        (seen((9, 4), (6, 2), (6, 2)), False),  # ingest has a batch in hand
        (seen((10,), (6, 2), (6, 2)), False),  # and has never committed of the other partition
        (seen((10, 4), (6, 2), (5, 2)), False),  # a matcher has
        (seen((10, 4), (6, 2), (6,)), False),
        (seen((10, 4), (6, 2), (6, 2), ids={}), False),  # a broker that has just started knows no topics
    ],
)
def test_it_is_reflected_when_both_stages_have_committed(look: Seen, is_reflected: bool) -> None:
    assert waited(Kafka(look), "p0-0000000b.10,p1-0000000b.4,c-0000000c.0") is is_reflected
    assert waited(Kafka(look), "p0.10,p1.4") is is_reflected, "of a producer that knows no ids"


def test_what_the_matchers_were_told_is_before_the_end_that_follows_the_commit() -> None:
    """What was matched before ingest had committed says nothing of it."""
    kafka = Kafka(
        seen((9,), (6, 2), (6, 2)),
        seen((10,), (8, 2), (6, 2)),
        seen((10,), (9, 3), (7, 2)),
        seen((12,), (12, 5), (8, 2)),  # told of what came later, which need not be waited for
        AssertionError("it is reflected by then"),
    )
    assert waited(kafka, "p0.10", 60)
    assert kafka.looks == 4


def test_what_nobody_can_tell_is_refused() -> None:
    done = {"ingested": (10, 4), "ends": (6, 2), "matched": (6, 2)}
    for look, position, reason in (
        (seen(**done, ids=IDS | {P: "ffffffff"}), "p0-0000000b.10", f"topic {P} was made anew since"),
        (seen(**done, ids=IDS | {C: "ffffffff"}), "p0.10,c-0000000c.0", f"topic {C} was made anew since"),
        (seen(**done, starts=(10, 0)), "p0.10", f"Kafka no longer keeps what it names of {P}/0"),
        (seen(**done), "p2.1", f"topic {P} has no partition 2"),
    ):
        with pytest.raises(PositionError, match=reason):
            waited(Kafka(look), position)
    # What is kept of it was read, for ingest would have gone on there if it had come too late for what is before.
    assert waited(Kafka(seen(**done, starts=(9, 4))), "p0.10")
    assert waited(Kafka(seen(**done, starts=(9, 4))), START)


def test_a_topic_that_is_made_anew_while_one_waits_is_noticed() -> None:
    kafka = Kafka(seen((10,), (6, 2), (5, 2)), seen((10,), (6, 2), (6, 2), ids=IDS | {C: "ffffffff"}))
    with pytest.raises(PositionError, match="made anew"):
        waited(kafka, "p0.10,c-0000000c.0", 60)


def test_kafka_may_be_away_for_a_while_and_not_in_the_end() -> None:
    away, back = KafkaConnectionError("away"), seen((10,), (6, 2), (6, 2))
    kafka = Kafka(away, away, back)
    assert waited(kafka, "p0.10", 60)
    assert kafka.looks == 3
    with pytest.raises(PositionsUnknownError, match=r"Kafka does not tell how far uploads have come .*away"):
        waited(Kafka(away), "p0.10")


def test_all_who_wait_share_each_look() -> None:
    late, done = seen((9,)), seen((10,))

    async def ask() -> tuple[list[bool], int]:
        kafka = Kafka(late, late, done)
        answers = await asyncio.gather(*(kafka.wait({"p0": 10}, 60) for _ in range(50)))
        return answers, kafka.looks

    assert asyncio.run(ask()) == ([True] * 50, 3)


def test_who_leaves_does_not_end_the_look_of_others() -> None:
    async def ask() -> bool:
        go: asyncio.Event = asyncio.Event()

        class Held(Kafka):
            async def _ask(self) -> Seen:
                await go.wait()
                return await super()._ask()

        kafka = Held(seen((10,)))
        first, second = (asyncio.create_task(kafka.wait({"p0": 10}, 60)) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        go.set()
        return await second

    assert asyncio.run(ask())


def test_nothing_is_asked_of_kafka_while_nobody_waits() -> None:
    async def wait() -> int:
        kafka = Kafka(seen((10,)))
        await kafka.close()
        return kafka.looks

    assert asyncio.run(wait()) == 0
