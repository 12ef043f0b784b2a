"""Consume in batches, with nothing lost.

- records are handed over as they are; nothing is decoded before our own code can catch what is wrong with it;
- offsets are committed explicitly, after the work returned, each partition just beyond its own last record;
- a failure is tried again, with growing pauses; when it lasts, the process ends with an error and nothing committed,
  and whoever owns the partitions next begins with the same records;
- a rebalance waits for the batch in hand, so that its offsets are committed while they can be;
- nothing is fetched while a batch is in hand, so that the next one is all that came meanwhile, and not the little that
  came at once: to do a batch costs as much as a hundred records in it.

It is aiokafka's consumer and a loop: frameworks around it decode first, commit by themselves, and go on after an error.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from typing import NamedTuple, TypeAlias

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from evalstream.errors import EvalstreamError
from evalstream.telemetry import BATCH_SECONDS, BATCH_SIZE, COMMITS_REFUSED, LAG, LAST_BATCH, RETRIES
from tenacity import AsyncRetrying, RetryCallState, retry_if_not_exception_type, stop_after_attempt
from tenacity.wait import wait_exponential_jitter

from evalstream_cluster.connection import kafka_consumer
from evalstream_cluster.settings import ServiceSettings

log = logging.getLogger(__name__)

Record: TypeAlias = "ConsumerRecord[bytes, bytes]"
#: Does the whole work for some records; once it returns, they are never seen again.
Process = Callable[[Sequence[Record]], Awaitable[None]]

#: How long the batch in hand may take once the service is told to stop.
STOP_SECONDS = 60
#: After what time Kafka is asked again, where it could not be read.
READ_AGAIN_SECONDS = 5
#: A batch that is in hand for longer no longer keeps its partitions from being read: how far they are behind must be
#: seen to grow.
PAUSE_SECONDS = 1


class Gathering(NamedTuple):
    """How a batch is gathered: it goes when it has so many bytes or has waited, and holds so many records at most."""

    least_bytes: int
    most_records: int


class FatalError(EvalstreamError, RuntimeError):
    """A failure that no further attempt can mend."""


class Consumer:
    """Health of a consumer, for others to see: whether it can work, and why not."""

    def __init__(self, stage: str, stuck_seconds: float) -> None:
        self.stage = stage
        self.failure: BaseException | None = None
        self._stuck_seconds = stuck_seconds
        self._assigned: frozenset[TopicPartition] = frozenset()
        self._begun: float | None = None
        self._busy = asyncio.Lock()
        self._done: dict[TopicPartition, int] = {}  # the offset after the last record dealt with
        self._uncommitted: dict[TopicPartition, int] = {}  # of these, what Kafka did not take yet
        self._end: Callable[[TopicPartition], int | None] = lambda _partition: None
        self.on_failure: Callable[[], None] = lambda: None

    @property
    def ready(self) -> bool:
        """Whether partitions are assigned, nothing has failed, and no batch has been in hand for too long."""
        stuck = self._begun is not None and time.monotonic() - self._begun > self._stuck_seconds
        return bool(self._assigned) and self.failure is None and not stuck

    def lag(self, partition: TopicPartition) -> int:
        """Count the records of a partition that are not dealt with, those in hand included."""
        end = self._end(partition) if partition in self._assigned else None
        return 0 if end is None else max(end - self._done.get(partition, end), 0)

    def skipped(self, records: Sequence[Record]) -> list[TopicPartition]:
        """Name the partitions of a batch of which something is not there that was to come.

        Kafka has dropped it, for it was not read for longer than it is kept. Of partitions that transactions write to
        this cannot be told: their markers take offsets, too.
        """
        gaps: dict[TopicPartition, None] = {}
        following: dict[TopicPartition, int] = {}
        for record in records:
            place = TopicPartition(record.topic, record.partition)
            if record.offset > following.get(place, self._done.get(place, record.offset)):
                gaps[place] = None
            following[place] = record.offset + 1
        return list(gaps)

    def _fail(self, error: BaseException) -> None:
        self.failure = error
        self.on_failure()


@asynccontextmanager
async def consuming(
    state: Consumer, topics: Sequence[str], process: Process, settings: ServiceSettings, gathering: Gathering
) -> AsyncIterator[None]:
    """Have ``process`` do what is on some topics, as one member of the stage's group, for as long as the context lasts.

    The batch in hand is done and committed before it ends.
    """
    client = kafka_consumer(settings, state.stage, gathering.least_bytes)
    client.subscribe(topics, listener=_Listener(state, client))
    RETRIES.labels(state.stage)  # from the start, for an increase from nothing cannot be seen
    await client.start()
    try:
        stopped = asyncio.Event()
        task = asyncio.create_task(_consume(client, process, settings, gathering.most_records, state, stopped))
        try:
            yield
        finally:
            stopped.set()
            with suppress(TimeoutError):  # what takes longer is not committed, and comes again
                await asyncio.wait_for(task, STOP_SECONDS)
    finally:
        await client.stop()


async def _consume(
    client: AIOKafkaConsumer,
    process: Process,
    settings: ServiceSettings,
    most_records: int,
    state: Consumer,
    stopped: asyncio.Event,
) -> None:
    try:
        while not stopped.is_set() and not state.failure:
            records = await _read(client, settings, most_records, state)
            if records:
                with _paused(client):
                    async with state._busy:
                        await _work_off(client, records, process, settings, state)
            elif state._uncommitted:  # whoever waits for what was done last would wait until there is more to do
                async with state._busy:
                    await _commit(client, state)
    except Exception as error:  # whatever it is: who has ended must not look like who has nothing to do
        log.critical("%s gives up", state.stage, exc_info=error)
        state._fail(error)


@contextmanager
def _paused(client: AIOKafkaConsumer) -> Iterator[None]:
    """Fetch nothing meanwhile; but for no longer than :data:`PAUSE_SECONDS`."""

    def resume() -> None:
        client.resume(*client.paused())

    client.pause(*client.assignment())
    late = asyncio.get_running_loop().call_later(PAUSE_SECONDS, resume)
    try:
        yield
    finally:
        late.cancel()
        resume()


async def _work_off(
    client: AIOKafkaConsumer, records: Sequence[Record], process: Process, settings: ServiceSettings, state: Consumer
) -> None:
    state._begun = time.monotonic()
    try:
        with BATCH_SECONDS.labels(state.stage).time():
            await _patiently(process, records, settings.attempts, state.stage)
    except Exception as error:
        log.critical("%s gives up; nothing of the batch is committed", state.stage, exc_info=error)
        state._fail(error)
        return
    finally:
        state._begun = None
    ends = {TopicPartition(record.topic, record.partition): record.offset + 1 for record in records}
    state._uncommitted.update(ends)
    await _commit(client, state)
    state._done.update(ends)
    BATCH_SIZE.labels(state.stage).observe(len(records))
    LAST_BATCH.labels(state.stage).set_to_current_time()


async def _read(
    client: AIOKafkaConsumer, settings: ServiceSettings, most_records: int, state: Consumer
) -> list[Record]:
    """Read a batch; none where nothing has come for a moment, or Kafka cannot be read now.

    A record that the Kafka client itself cannot take apart ends the service, with its place in the log: a header's name
    that is not UTF-8 is one. It would be asked for again for ever, and nobody would know.
    """
    try:
        batches = await client.getmany(timeout_ms=min(settings.batch_wait_ms, 100), max_records=most_records)
        return [record for records in batches.values() for record in records]
    except KafkaError as error:
        log.warning("%s cannot read from Kafka (%r); trying again in %d s", state.stage, error, READ_AGAIN_SECONDS)
        await asyncio.sleep(READ_AGAIN_SECONDS)
    except Exception as error:
        waiting = [p for p in client.assignment() if (client.highwater(p) or 0) > await client.position(p)]
        places = ", ".join([f"{p.topic}/{p.partition}/{await client.position(p)}" for p in sorted(waiting)])
        log.critical(
            "%s gives up: the Kafka client cannot take apart a record at or soon after %s (%s). Nothing behind it"
            " is lost; move the group beyond it: kafka-consumer-groups.sh --reset-offsets",
            *(state.stage, places, error),
        )
        state._fail(error)
    return []


async def _patiently(process: Process, records: Sequence[Record], attempts: int, stage: str) -> None:
    def report(state: RetryCallState) -> None:
        RETRIES.labels(stage).inc()
        error = state.outcome.exception() if state.outcome else None
        log.warning("%s failed, attempt %d of %d: %s", stage, state.attempt_number, attempts, error)

    async for attempt in AsyncRetrying(
        stop=stop_after_attempt(attempts),
        wait=wait_exponential_jitter(multiplier=0.2, max=15, jitter=1),
        retry=retry_if_not_exception_type((FatalError, asyncio.CancelledError)),
        before_sleep=report,
        reraise=True,
    ):
        with attempt:
            await process(records)


async def _commit(consumer: AIOKafkaConsumer, state: Consumer) -> None:
    if not state._uncommitted:  # the partitions were revoked meanwhile
        return
    try:
        await consumer.commit(state._uncommitted)
    except (CommitFailedError, IllegalStateError):
        # The partitions are another member's by now: it will do the same work once more, to the same effect.
        COMMITS_REFUSED.inc()
    except KafkaError as error:
        log.warning("offsets were not committed (%s); trying again with the next batch, or soon without", error)
        return
    state._uncommitted.clear()


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    def __init__(self, state: Consumer, client: AIOKafkaConsumer) -> None:
        self._state = state
        self._client = client

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        async with self._state._busy:  # until the batch in hand is done and committed
            self._state._assigned = frozenset()
        for partition in revoked:
            self._state._uncommitted.pop(partition, None)
            with suppress(KeyError):
                LAG.remove(partition.topic, str(partition.partition))

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        state, client = self._state, self._client
        state._assigned = frozenset(assigned)
        log.info("%s has %d partitions", state.stage, len(state._assigned))
        state._end = client.highwater
        for partition in state._assigned:
            with suppress(KafkaError):  # the lag is then unknown until the first batch
                state._done[partition] = await client.committed(partition) or 0
            # Measured when it is asked for: it must be seen to grow while a batch hangs.
            LAG.labels(partition.topic, partition.partition).set_function(partial(state.lag, partition))
