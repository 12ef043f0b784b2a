"""The ingest service: consumes the event topics, and takes uploads over HTTP, which it puts on the same topics."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial

import pyarrow as pa
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from evalstream.events import AnnotationEvent, Reader, Record, Rejection, decode
from evalstream.events.checking import event_records
from evalstream.positions import latest
from evalstream.storage.engine import Clients
from evalstream.storage.events import predicted_rows
from evalstream.storage.migrate import migrated_clients
from evalstream_api.changes import ROUTERS
from evalstream_api.retention import retention_applied
from evalstream_api.uploads import BATCH_LINES
from evalstream_service.application import make_application
from evalstream_service.backend import Accept, AcceptColumns, Backend, Intake, Kept, RematchAll, use_backend
from evalstream_service.security import checked_keys
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from evalstream_cluster.connection import clickhouse, kafka_producer
from evalstream_cluster.consume import Consumer, Gathering, consuming
from evalstream_cluster.dead_letters import put_back
from evalstream_cluster.positions import START, written
from evalstream_cluster.row_key import row_key
from evalstream_cluster.serve import serve
from evalstream_cluster.settings import ServiceSettings
from evalstream_cluster.stream import KNOWN_HEADERS, ingest_records, tell_changed
from evalstream_cluster.topics import ANNOTATIONS, CHANGED_ROWS, PREDICTIONS, ensure_topics

log = logging.getLogger(__name__)

#: How long Kafka may take to acknowledge. The idempotent producer itself would try for as long as it lives.
ACKNOWLEDGED_SECONDS = 30
#: What the broker gathers of a batch, compressed, unless it has waited for as long as a batch may.
GATHERED_BYTES = 256 * 1024
#: Data rows that the matchers are told of at a time, after a declaration.
TOLD_ROWS = 10_000


def run(settings: ServiceSettings) -> int:
    """Run until told to stop; return the exit status.

    Raises
    ------
    ValueError
        If it would listen beyond this machine without API keys.
    """
    keys = checked_keys(settings.api_keys.get_secret_value(), settings.keys_file, settings.host)
    consumer = Consumer("ingest", settings.stuck_seconds)
    topics = [settings.topic(ANNOTATIONS), settings.topic(PREDICTIONS)]
    with migrated_clients(lambda: clickhouse(settings)) as clients:
        ids = asyncio.run(ensure_topics(settings))

        @asynccontextmanager
        async def lifespan(app: FastAPI) -> AsyncIterator[None]:
            # Words are compressed already where that is worth while; the client would take ten times as long for it.
            async with producing(settings) as producer, producing(settings, compressing=False) as telling:
                accept = accept_to(producer, settings, ids)
                intake = Intake(
                    accept=accept,
                    accept_columns=accept_columns_by(accept),
                    put_back=partial(put_back, producer),
                    rematch_all=rematch_all_by(clients, telling, settings),
                    clock=time.time_ns,
                    max_upload_bytes=settings.max_upload_bytes,
                    position=lambda: START,
                )
                use_backend(app, Backend(clients=clients, policies=settings.policies, intake=intake))
                process = ingest_records(clients, telling, settings)
                gathering = Gathering(GATHERED_BYTES, settings.batch_records)
                async with (
                    consuming(consumer, topics, process, settings, gathering),
                    retention_applied(clients, intake),
                ):
                    yield

        app = make_application("evalstream ingest", settings, keys, ROUTERS, lifespan, ready=lambda: consumer.ready)
        _tell_kafka_errors(app)
        return serve(app, settings, consumer)


@asynccontextmanager
async def producing(settings: ServiceSettings, *, compressing: bool = True) -> AsyncIterator[AIOKafkaProducer]:
    """Have a producer for as long as the context lasts."""
    producer = kafka_producer(settings, "evalstream-ingest", compressing=compressing)
    await producer.start()
    try:
        yield producer
    finally:
        with suppress(TimeoutError):  # what nobody was told is accepted need not be waited for
            await asyncio.wait_for(producer.stop(), ACKNOWLEDGED_SECONDS)


def _tell_kafka_errors(app: FastAPI) -> None:
    @app.exception_handler(TimeoutError)
    @app.exception_handler(KafkaError)
    def _kafka(_request: Request, error: Exception) -> JSONResponse:
        """Answer so that clients try again: sending an event twice is sending it once."""
        log.error("Kafka did not take a record: %r", error)
        return JSONResponse({"detail": f"Kafka does not take records now ({error!r}); send it again"}, 503)


def accept_to(producer: AIOKafkaProducer, settings: ServiceSettings, ids: Mapping[str, str]) -> Accept:
    """Accept uploads by putting every line, as it came, on its topic: Kafka's acknowledgement is ours.

    Lines are validated first, only to answer at once; those that cannot be read go the same way, and end as dead
    letters where all others do. ``ids`` are those of topics, for positions.
    """

    async def accept(records: list[Record], reader: Reader, _upload: str) -> Kept:
        received, rejected = await asyncio.to_thread(decode, records, reader, as_models=False)
        topic = settings.topic(ANNOTATIONS if reader.model is AnnotationEvent else PREDICTIONS)
        fields = {field: header for header, field in KNOWN_HEADERS.items()}
        headers = [(fields[name], value.encode()) for name, value in reader.known.items()]
        keys = {item.position: row_key(item.event.dataset, item.event.data_row) for item in received}
        async with asyncio.timeout(ACKNOWLEDGED_SECONDS):
            sent = [
                await producer.send(topic, record.payload, key=keys.get(record.position), headers=headers)
                for record in records
            ]
            kept = await asyncio.gather(*sent)
        return Kept(len(received), rejected, written(kept, ids, settings))

    return accept


def accept_columns_by(accept: Accept) -> AcceptColumns:
    """Accept events in columns by saying each as a line, for topics hold an event a record."""

    async def accept_columns(events: pa.RecordBatch, reader: Reader, upload: str, first: int) -> Kept:
        accepted, rejected, positions = 0, list[Rejection](), list[str | None]()
        for start in range(0, events.num_rows, BATCH_LINES):
            said = await asyncio.to_thread(list, event_records(events.slice(start, BATCH_LINES)))
            records = [Record(item.payload, first + start + i, item.version) for i, item in enumerate(said)]
            count, refused, position = await accept(records, reader, upload)
            accepted += count
            positions.append(position)
            # Of what no line can say, the columns know why better than the line that stands for them.
            own = {first + start + i: item.reason for i, item in enumerate(said) if item.reason}
            rejected += [item._replace(reason=own.get(item.position, item.reason)) for item in refused]
        return Kept(accepted, rejected, latest(positions) if positions else START)

    return accept_columns


def rematch_all_by(clients: Clients, producer: AIOKafkaProducer, settings: ServiceSettings) -> RematchAll:
    """Have a dataset matched anew by telling the matchers of every data row, as if each had changed.

    A row whose first event comes later needs no word: it is matched after that event, and so after the declaration.
    Where this ends half-way, the rows not told of are pending, and ``evalstream reconcile`` finds them.
    """

    def some(dataset: str, after: str) -> list[str]:
        return predicted_rows(clients(), dataset, after=after, at_most=TOLD_ROWS)

    async def rematch_all(dataset: str) -> None:
        now = time.time_ns() // 1_000_000
        last = ""
        while data_rows := await asyncio.to_thread(some, dataset, last):
            async with asyncio.timeout(ACKNOWLEDGED_SECONDS):
                told = {(dataset, data_row): now for data_row in data_rows}
                await tell_changed(producer, settings.topic(CHANGED_ROWS), told)
            last = data_rows[-1]

    return rematch_all
