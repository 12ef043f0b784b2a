"""Ingest from Kafka: records of the event topics to table ``events``, and word of what they changed."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Final, NamedTuple

import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import DefaultPartitioner
from evalstream.events import AnnotationEvent, PredictionEvent, Reader, Received, Rejection, decode, events_table
from evalstream.events.decoding import Decoded
from evalstream.events.decoding import Record as Payload
from evalstream.pipeline.versions import versioned
from evalstream.storage.dead_letters import DeadLetter, keep_dead_letters
from evalstream.storage.engine import Clients
from evalstream.storage.events import append_events
from evalstream.telemetry import DEAD_LETTERS, EVENTS

from evalstream_cluster.consume import FatalError, Process, Record
from evalstream_cluster.dead_letters import dead_letter
from evalstream_cluster.limits import Limits, Seen, after
from evalstream_cluster.row_key import row_key
from evalstream_cluster.settings import ServiceSettings
from evalstream_cluster.topics import ANNOTATIONS, CHANGED_ROWS

#: Headers in which the gateway says what the URL of an upload said.
KNOWN_HEADERS: Mapping[str, str] = {"evalstream-dataset": "dataset", "evalstream-run": "run"}
#: Data rows a word to the matchers.
WORD_ROWS: Final = 250
#: Puts a key in the partition in which a producer with the defaults of Kafka puts it.
_PARTITIONER: Final = DefaultPartitioner()
#: The last millisecond whose nanoseconds are a version.
_LAST_MS: Final = 2**63 // 1_000_000 - 1


class _Read(NamedTuple):
    """A decoded batch: events, rejected records, and the changed rows with their times of arrival."""

    received: list[tuple[Received, Record]]
    rejected: list[DeadLetter]
    changed: dict[tuple[str, str], int]


def ingest_records(clients: Clients, producer: AIOKafkaProducer, settings: ServiceSettings) -> Process:
    """Make the process of the ingest stage."""
    limits = Limits(settings.dead_letter_ratio, settings.dead_letter_consecutive)
    seen: dict[str, Seen] = {}
    for kind in ("annotation", "prediction"):
        for outcome in ("accepted", "rejected"):
            EVENTS.labels(kind, outcome)  # from the start, for an increase from nothing cannot be seen
    annotations = settings.topic(ANNOTATIONS)
    changed_rows = settings.topic(CHANGED_ROWS)

    async def process(records: Sequence[Record]) -> None:
        read = await asyncio.to_thread(_read, records, annotations)
        try:
            now_seen = {
                partition: after(seen.get(partition, Seen()), bad, limits, partition)
                for partition, bad in _unreadable(records, read).items()
            }
        except FatalError as error:  # the batch is not kept, so the reason is not in the dead letters
            raise FatalError(f"{error}; the last reason: {read.rejected[-1].reason}") from None
        await asyncio.to_thread(_keep, clients, read)
        await tell_changed(producer, changed_rows, read.changed)
        seen.update(now_seen)  # only now, for a batch that fails comes again
        _count(read)

    return process


def _read(records: Iterable[Record], annotations: str) -> _Read:
    read = _Read([], [], {})
    # Neighbours that came the same way are read together; the order within a partition is kept.
    for (topic, _, said), group in groupby(records, key=lambda r: (r.topic, r.partition, _said(r))):
        model = AnnotationEvent if topic == annotations else PredictionEvent
        members = {record.offset: record for record in group}
        received, rejected = _decoded(members.values(), model, said)
        read.received.extend((item, members[item.position]) for item in received)
        read.rejected.extend(dead_letter(members[item.position], item.data_row, item.reason) for item in rejected)
        for event in received:
            key = event.event.dataset, event.event.data_row
            read.changed[key] = min(read.changed.get(key, 2**63), members[event.position].timestamp)
    return read


def version_of(timestamp_ms: int, offset: int) -> int:
    """Give the time of a record in nanoseconds, told apart within a millisecond by offset.

    An event without a version has it, unless something newer is there (:mod:`evalstream.pipeline.versions`). It is the
    same on every delivery of the record, and of the same magnitude as the clocks of producers that give versions. Kafka
    lets producers write any timestamp, below 0 too.
    """
    return min(max(timestamp_ms, 0), _LAST_MS) * 1_000_000 + offset % 1_000_000


def _said(record: Record) -> tuple[tuple[str, bytes], ...]:
    """Read our own headers of a record; those of others are ignored."""
    return tuple((name, value) for name, value in record.headers if name in KNOWN_HEADERS and value is not None)


def _decoded(
    records: Iterable[Record], model: type[AnnotationEvent | PredictionEvent], said: Iterable[tuple[str, bytes]]
) -> Decoded:
    """Decode records that came with the same headers."""
    payloads = [Payload(r.value or b"", r.offset, version_of(r.timestamp, r.offset)) for r in records]
    known: dict[str, str] = {}
    for name, value in said:
        try:
            known[KNOWN_HEADERS[name]] = value.decode()
        except UnicodeDecodeError as error:
            reason = f"header {name}: not UTF-8: {error}"
            return Decoded([], [Rejection(item.position, "", reason, item.payload) for item in payloads])
    return decode(payloads, Reader(model, known), as_models=False)


def _unreadable(records: Sequence[Record], read: _Read) -> dict[str, list[bool]]:
    """For each partition, say of its records in order whether they could not be read."""
    bad = {(letter.source, letter.partition, letter.position) for letter in read.rejected}
    partitions: dict[str, list[bool]] = {}
    for record in records:
        was_bad = (record.topic, record.partition, record.offset) in bad
        partitions.setdefault(f"{record.topic}/{record.partition}", []).append(was_bad)
    return partitions


def _keep(clients: Clients, read: _Read) -> None:
    client = clients()
    events, without = versioned(client, [item for item, _ in read.received])
    if events:
        append_events(client, events_table(events))
    late = ((*read.received[position], reason) for position, reason in without)
    letters = [dead_letter(record, item.event.data_row, reason) for item, record, reason in late]
    keep_dead_letters(client, [*read.rejected, *letters])


async def tell_changed(producer: AIOKafkaProducer, topic: str, changed: Mapping[tuple[str, str], int]) -> None:
    """Say which rows changed, and when; return when every word of it is acknowledged.

    A word is of several data rows, of those in one partition: a record each would take a third of the CPU of ingest.
    """
    partitions = sorted(await producer.partitions_for(topic))
    words: dict[tuple[int, str], list[tuple[str, int]]] = defaultdict(list)
    for (dataset, data_row), accepted in changed.items():
        words[_PARTITIONER(row_key(dataset, data_row), partitions, partitions), dataset].append((data_row, accepted))
    sent = [
        await producer.send(topic, _word(dataset, rows[start : start + WORD_ROWS]), partition=partition)
        for (partition, dataset), rows in words.items()
        for start in range(0, len(rows), WORD_ROWS)
    ]
    await asyncio.gather(*sent)


def _word(dataset: str, rows: Sequence[tuple[str, int]]) -> bytes:
    data_rows, accepted_ms = zip(*rows, strict=True)
    return orjson.dumps({"dataset": dataset, "data_rows": data_rows, "accepted_ms": accepted_ms})


def _count(read: _Read) -> None:
    for item, _ in read.received:
        kind = "annotation" if isinstance(item.event, AnnotationEvent) else "prediction"
        EVENTS.labels(kind, "accepted").inc()
    for letter in read.rejected:
        EVENTS.labels(letter.source.rpartition(".")[2].removesuffix("s"), "rejected").inc()
        DEAD_LETTERS.labels(letter.source).inc()
