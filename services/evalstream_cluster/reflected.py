"""Whether answers reflect what was put on the topics of events: what Kafka knows of it.

A stage commits offsets after its work is done. So where ingest has committed what a position names, it is in table
``events``, or in ``dead_letters``, and the matchers were told of it: by records of the topic of changed rows that are
before the end which that topic has *afterwards*. Once the matchers have committed that end, results hold it. Whatever
is killed, done twice or handed to another member on the way is committed later, and never sooner.

What Kafka no longer keeps, or of a topic that is not there any more, nobody can tell: that is refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Final, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from evalstream.positions import PositionError, PositionsUnknownError

from evalstream_cluster.connection import kafka_admin, kafka_reader, stage_group
from evalstream_cluster.positions import Wanted, read
from evalstream_cluster.settings import ServiceSettings
from evalstream_cluster.topic_ids import topics_as_they_are
from evalstream_cluster.topics import CHANGED_ROWS, TOPICS

Offsets = Mapping[TopicPartition, int]

#: Seconds between two looks, for all who wait together.
LOOK_SECONDS: Final = 0.1
#: And one more after Kafka has not answered.
AGAIN_SECONDS: Final = 1.0
#: Seconds that Kafka may take for one.
ANSWER_SECONDS: Final = 5.0


class Seen(NamedTuple):
    """What Kafka knows, each asked for after the one before."""

    ingested: Offsets  # committed by ingest
    ends: Offsets  # of the topic of changed rows
    matched: Offsets  # committed by the matchers
    starts: Offsets  # of all topics: what is before is no longer kept
    ids: Mapping[str, str]


def is_ingested(wanted: Wanted, seen: Seen) -> bool:
    """Whether ingest is done with all that is wanted, and the matchers are told.

    Raises
    ------
    PositionError
        If nobody can tell.
    """
    for topic, own_id in wanted.ids.items():
        if seen.ids.get(topic, own_id) != own_id:
            raise PositionError(f"topic {topic} was made anew since, or is another cluster's, so that nobody can tell")
    if not seen.ids.keys() >= {place.topic for place in wanted.offsets}:
        return False
    for place, end in wanted.offsets.items():
        if place not in seen.starts:
            raise PositionError(f"topic {place.topic} has no partition {place.partition}")
        # Had ingest skipped what was dropped before it was read, it would have gone on at the start of what is kept.
        if 0 < end <= seen.starts[place]:
            raise PositionError(
                f"Kafka no longer keeps what it names of {place.topic}/{place.partition}, so that nobody can tell"
            )
    return _reached(wanted.offsets, seen.ingested)


def is_matched(told: Offsets, seen: Seen) -> bool:
    """Whether the matchers are done with what they were told, up to these ends of the topic of changed rows."""
    return _reached(told, seen.matched)


def _reached(ends: Offsets, committed: Offsets) -> bool:
    return all(committed.get(place, 0) >= end for place, end in ends.items())


class Reflected:
    """Waits for positions; all who wait share what is asked of Kafka, and nothing is asked while nobody waits."""

    def __init__(self, settings: ServiceSettings) -> None:
        self._settings = settings
        self._kafka = AsyncExitStack()
        self._clients: tuple[AIOKafkaAdminClient, AIOKafkaConsumer] | None = None
        self._look: asyncio.Task[Seen] | None = None
        self._looked = float("-inf")

    async def wait(self, position: Mapping[str, int], seconds: float) -> bool:
        """Wait for at most so many seconds; tell whether the position is reflected.

        Raises
        ------
        PositionError
            If it is none of this cluster, or nobody can tell.
        PositionsUnknownError
            If Kafka did not say.
        """
        wanted = read(position, self._settings)
        deadline = asyncio.get_running_loop().time() + seconds
        told: Offsets | None = None
        while True:
            away: Exception | None = None
            try:
                seen = await self._seen()
            except Exception as error:  # whatever a client of Kafka raises: it is asked anew
                away = error
            else:
                if is_ingested(wanted, seen) and told is None:
                    told = seen.ends
                if told is not None and is_matched(told, seen):
                    return True
            if asyncio.get_running_loop().time() >= deadline:
                if away is not None:
                    raise PositionsUnknownError(f"Kafka does not tell how far uploads have come ({away!r})") from away
                return False

    async def _seen(self) -> Seen:
        """Take part in the next look, or in one under way: what was so is so still."""
        if self._look is None or self._look.done():
            self._look = asyncio.create_task(self._looks())
            # Whoever waited may be gone; then nobody hears of an error, and that is no error.
            self._look.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.shield(self._look)

    async def _looks(self) -> Seen:
        now = asyncio.get_running_loop().time
        await asyncio.sleep(max(self._looked + LOOK_SECONDS - now(), 0))
        self._looked = now()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self._ask()
        except BaseException:
            self._looked += AGAIN_SECONDS
            await self._close()  # brokers may be others by now
            raise

    async def _ask(self) -> Seen:
        settings = self._settings
        admin, reader = await self._connected()
        topics = await topics_as_they_are(admin, map(settings.topic, TOPICS))
        told = [place for place in topics.partitions if place.topic == settings.topic(CHANGED_ROWS)]
        ingested = await _committed(admin, stage_group(settings, "ingest"))
        ends = await reader.end_offsets(told)
        matched = await _committed(admin, stage_group(settings, "matcher"))
        starts = await reader.beginning_offsets(topics.partitions)
        # Last, so that all that was said before is of these topics.
        return Seen(ingested, ends, matched, starts, (await topics_as_they_are(admin, topics.ids)).ids)

    async def _connected(self) -> tuple[AIOKafkaAdminClient, AIOKafkaConsumer]:
        if self._clients is None:
            admin, reader = kafka_admin(self._settings), kafka_reader(self._settings)
            self._kafka.push_async_callback(admin.close)
            await admin.start()
            self._kafka.push_async_callback(reader.stop)
            await reader.start()
            self._clients = admin, reader
        return self._clients

    async def _close(self) -> None:
        self._clients = None
        kafka, self._kafka = self._kafka, AsyncExitStack()
        with suppress(Exception):  # it is gone in any case
            await kafka.aclose()

    async def close(self) -> None:
        """End the look under way, and the connections."""
        if self._look is not None:
            self._look.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await self._look
        await self._close()


async def _committed(admin: AIOKafkaAdminClient, group: str) -> Offsets:
    """Give the offsets that a group has committed; a partition of which it has none is not there."""
    offsets = await admin.list_consumer_group_offsets(group)
    return {place: said.offset for place, said in offsets.items() if said.offset >= 0}


@asynccontextmanager
async def reflecting(settings: ServiceSettings) -> AsyncIterator[Reflected]:
    """Have positions waited for, for as long as the context lasts. Kafka need not be there."""
    reflected = Reflected(settings)
    try:
        yield reflected
    finally:
        await reflected.close()
