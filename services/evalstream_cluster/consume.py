"""Consume in batches, with nothing lost.

FastStream's and aiokafka's defaults commit before the work is done, lose a batch to one bad header, and commit what a
rebalance has taken away. So here:

- records are handed over as they are; nothing is decoded before our own code can catch what is wrong with it;
- offsets are committed explicitly, after the work returned, each partition just beyond its own last record;
- a failure is tried again, with growing pauses; when it lasts, the process ends with an error and nothing committed,
  and whoever owns the partitions next begins with the same records;
- a rebalance waits for the batch in hand, so that its offsets are committed while they can be.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, TypeAlias

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError, ConsumerStoppedError, IllegalStateError, KafkaError
from evalstream.errors import EvalstreamError
from evalstream.telemetry import BATCH_SECONDS, BATCH_SIZE, COMMITS_REFUSED, LAG, LAST_BATCH, RETRIES
from faststream import AckPolicy
from faststream.exceptions import StopConsume
from faststream.kafka import KafkaBroker, KafkaMessage
from tenacity import AsyncRetrying, RetryCallState, retry_if_not_exception_type, stop_after_attempt
from tenacity.wait import wait_exponential_jitter

from evalstream_cluster.settings import ServiceSettings

log = logging.getLogger(__name__)

Record: TypeAlias = "ConsumerRecord[bytes, bytes]"
#: Does the whole work for some records; once it returns, they are never seen again.
Process = Callable[[Sequence[Record]], Awaitable[None]]
_Read = Callable[[AIOKafkaConsumer], Awaitable[tuple[Record, ...]]]


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

    def _fail(self, error: BaseException) -> None:
        self.failure = error
        self.on_failure()


def consume(
    broker: KafkaBroker, topics: Sequence[str], process: Process, settings: ServiceSettings, stage: str
) -> Consumer:
    """Subscribe ``process`` to topics, as one member of the stage's group; it runs once the broker is started."""
    state = Consumer(stage, settings.stuck_seconds)
    subscriber = broker.subscriber(
        *topics,
        batch=True,
        group_id=f"{settings.kafka_group_prefix}.{stage}",
        ack_policy=AckPolicy.MANUAL,
        auto_offset_reset="earliest",
        max_records=settings.batch_records,
        batch_timeout_ms=min(settings.batch_wait_ms, 100),
        fetch_min_bytes=64 * 1024,  # the broker gathers a batch, for at most fetch_max_wait_ms
        fetch_max_wait_ms=settings.batch_wait_ms,
        max_partition_fetch_bytes=4 * 1024 * 1024,
        max_poll_interval_ms=10 * 60 * 1000,
        session_timeout_ms=10_000,
        rebalance_timeout_ms=60_000,
        listener=_Listener(state, lambda: subscriber.consumer),
        parser=_as_they_are,
        decoder=_undecoded,
    )

    subscriber.get_msg = _or_fail(subscriber.get_msg, state)  # type: ignore[method-assign, assignment]

    @subscriber
    async def _handle(message: KafkaMessage) -> None:
        records: Sequence[Record] = message.raw_message
        consumer = subscriber.consumer
        if state.failure or consumer is None:
            raise StopConsume  # what has failed is not committed, and nothing behind it may be
        async with state._busy:
            state._begun = time.monotonic()
            try:
                with BATCH_SECONDS.labels(stage).time():
                    await _patiently(process, records, settings.attempts, stage)
            except Exception as error:
                log.critical("%s gives up; nothing of the batch is committed", stage, exc_info=error)
                state._fail(error)
                raise StopConsume from error
            finally:
                state._begun = None
            await _commit(consumer, records)
            state._done.update({TopicPartition(r.topic, r.partition): r.offset + 1 for r in records})
        BATCH_SIZE.labels(stage).observe(len(records))
        LAST_BATCH.labels(stage).set_to_current_time()

    RETRIES.labels(stage)  # from the start, for an increase from nothing cannot be seen
    return state


def _or_fail(read: _Read, state: Consumer) -> _Read:
    """Let a record that the Kafka client itself cannot take apart end the service, with its place in the log.

    A header's name that is not UTF-8 is one. FastStream would ask for it again for ever, and nobody would know.
    """

    async def read_or_fail(consumer: AIOKafkaConsumer) -> tuple[Record, ...]:
        try:
            return await read(consumer)
        except (KafkaError, ConsumerStoppedError):
            raise
        except Exception as error:
            waiting = [p for p in consumer.assignment() if (consumer.highwater(p) or 0) > await consumer.position(p)]
            places = ", ".join([f"{p.topic}/{p.partition}/{await consumer.position(p)}" for p in sorted(waiting)])
            log.critical(
                "%s gives up: the Kafka client cannot take apart a record at or soon after %s (%s). Nothing behind it"
                " is lost; move the group beyond it: kafka-consumer-groups.sh --reset-offsets",
                *(state.stage, places, error),
            )
            state._fail(error)
            raise ConsumerStoppedError from error

    return read_or_fail


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


async def _commit(consumer: AIOKafkaConsumer, records: Sequence[Record]) -> None:
    offsets = {TopicPartition(record.topic, record.partition): record.offset + 1 for record in records}
    try:
        await consumer.commit(offsets)
    except (CommitFailedError, IllegalStateError):
        # The partitions are another member's by now: it will do the same work once more, to the same effect.
        COMMITS_REFUSED.inc()
    except KafkaError as error:
        log.warning("offsets were not committed (%s); the records will come again", error)


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    def __init__(self, state: Consumer, consumer: Callable[[], AIOKafkaConsumer | None]) -> None:
        self._state = state
        self._consumer = consumer

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        async with self._state._busy:  # until the batch in hand is done and committed
            self._state._assigned = frozenset()
        for partition in revoked:
            with suppress(KeyError):
                LAG.remove(partition.topic, str(partition.partition))

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        state, consumer = self._state, self._consumer()
        state._assigned = frozenset(assigned)
        log.info("%s has %d partitions", state.stage, len(state._assigned))
        if consumer is None:
            return
        state._end = consumer.highwater
        for partition in state._assigned:
            with suppress(KafkaError):  # the lag is then unknown until the first batch
                state._done[partition] = await consumer.committed(partition) or 0
            # Measured when it is asked for: it must be seen to grow while a batch hangs.
            LAG.labels(partition.topic, partition.partition).set_function(partial(state.lag, partition))


async def _as_they_are(records: tuple[Record, ...]) -> KafkaMessage:
    """Parse nothing, so that nothing can fail: not a header that is no text, not a body that is no JSON."""
    return KafkaMessage(body=b"", raw_message=records, headers={}, consumer=_NO_CONSUMER)


async def _undecoded(message: KafkaMessage) -> Any:
    return message.body


class _NoConsumer:
    """Stands in for the consumer in messages: offsets are committed by ``_commit`` and by nobody else."""

    async def commit(self) -> None:
        raise AssertionError("a message was acknowledged by itself")

    def seek(self, _partition: TopicPartition, _offset: int) -> None:
        raise AssertionError("a message was rejected by itself")


_NO_CONSUMER = _NoConsumer()
