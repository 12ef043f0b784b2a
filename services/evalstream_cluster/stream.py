"""Ingest from Kafka: records of the event topics to table ``events``, and word of what they changed."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Final, NamedTuple

import numpy as np
import orjson
import pyarrow as pa
from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import DefaultPartitioner
from evalstream.arrow import column
from evalstream.events import (
    AnnotationEvent,
    PredictionEvent,
    Reader,
    Received,
    Rejection,
    decode,
    events_table,
)
from evalstream.events.decoding import Decoded
from evalstream.events.decoding import Record as Payload
from evalstream.events.schema import EVENTS as COLUMNS
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
#: The header of a word that brings the events of its data rows, as an Arrow stream in the columns of the table; and how
#: many bytes these may be.
EVENTS_HEADER: Final = "events"
BROUGHT_BYTES: Final = 8 * 1024 * 1024
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
        events = await asyncio.to_thread(_keep, clients, read)
        await tell_changed(producer, changed_rows, read.changed, events)
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


def _keep(clients: Clients, read: _Read) -> pa.Table:
    """Put a batch into the tables; give its events as they stand there."""
    client = clients()
    events, without = versioned(client, [item for item, _ in read.received])
    table = events_table(events)
    if events:
        append_events(client, table)
    late = ((*read.received[position], reason) for position, reason in without)
    letters = [dead_letter(record, item.event.data_row, reason) for item, record, reason in late]
    keep_dead_letters(client, [*read.rejected, *letters])
    return table


async def tell_changed(
    producer: AIOKafkaProducer,
    topic: str,
    changed: Mapping[tuple[str, str], int],
    events: pa.Table | None = None,
) -> None:
    """Say which rows changed, and when; return when every word of it is acknowledged.

    A word is of several data rows, of those in one partition: a record each would take a third of the CPU of ingest. It
    brings their ``events``, so that matchers need not read them back.
    """
    partitions = sorted(await producer.partitions_for(topic))
    words = await asyncio.to_thread(_words, partitions, changed, events)
    await asyncio.gather(*[await producer.send(topic, **word._asdict()) for word in words])


class _Word(NamedTuple):
    value: bytes
    partition: int
    headers: list[tuple[str, bytes]]


def _words(partitions: Sequence[int], changed: Mapping[tuple[str, str], int], events: pa.Table | None) -> list[_Word]:
    rows: dict[tuple[int, str], list[str]] = defaultdict(list)
    for dataset, data_row in changed:
        rows[_PARTITIONER(row_key(dataset, data_row), partitions, partitions), dataset].append(data_row)
    told = [
        (partition, dataset, every[start : start + WORD_ROWS])
        for (partition, dataset), every in rows.items()
        for start in range(0, len(every), WORD_ROWS)
    ]
    number = {(dataset, data_row): i for i, (_, dataset, own) in enumerate(told) for data_row in own}
    places: dict[int, list[int]] = defaultdict(list)
    if events is not None:
        for place, key in enumerate(zip(events["dataset"].to_pylist(), events["data_row"].to_pylist(), strict=True)):
            places[number[key]].append(place)
    return [
        _Word(
            orjson.dumps(
                {
                    "dataset": dataset,
                    "data_rows": own,
                    "accepted_ms": [changed[dataset, data_row] for data_row in own],
                }
            ),
            partition,
            _brought(events, places[i]) if events is not None and places[i] else [],
        )
        for i, (partition, dataset, own) in enumerate(told)
    ]


def _brought(events: pa.Table, places: Sequence[int]) -> list[tuple[str, bytes]]:
    """Give the header that brings some of the events; none where they are too large to be sent twice."""
    together = places[-1] - places[0] == len(places) - 1
    own = events.slice(places[0], len(places)) if together else events.take(column(np.array(places)))
    if own.nbytes > BROUGHT_BYTES:
        return []
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, COLUMNS, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
        writer.write_table(own.combine_chunks())
    return [(EVENTS_HEADER, sink.getvalue().to_pybytes())]


def brought(record: Record) -> pa.Table | None:
    """Read the events that a word brings; none where it brings none, or a service of another version sent them."""
    for name, value in record.headers:
        if name == EVENTS_HEADER:
            try:
                events = pa.ipc.open_stream(value).read_all()
            except (pa.ArrowException, OSError):
                return None
            return events if events.schema == COLUMNS else None
    return None


def _count(read: _Read) -> None:
    for item, _ in read.received:
        kind = "annotation" if isinstance(item.event, AnnotationEvent) else "prediction"
        EVENTS.labels(kind, "accepted").inc()
    for letter in read.rejected:
        EVENTS.labels(letter.source.rpartition(".")[2].removesuffix("s"), "rejected").inc()
        DEAD_LETTERS.labels(letter.source).inc()
