"""The matcher service: brings changed data rows up to date."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

import evalstream
from aiokafka import TopicPartition
from evalstream.pipeline.reconcile import reconcile, rematch
from evalstream.storage.dead_letters import DeadLetter, keep_dead_letters
from evalstream.storage.engine import Clients
from evalstream.storage.migrate import migrated_clients
from evalstream.storage.recent import Recent
from evalstream.telemetry import DEAD_LETTERS, FRESHNESS
from evalstream_service.observe import health_routes, observe
from fastapi import FastAPI
from pydantic import ValidationError

from evalstream_cluster.connection import clickhouse
from evalstream_cluster.consume import Consumer, Gathering, Process, Record, consuming
from evalstream_cluster.dead_letters import dead_letter
from evalstream_cluster.serve import serve
from evalstream_cluster.settings import ServiceSettings
from evalstream_cluster.stream import brought
from evalstream_cluster.topics import CHANGED_ROWS, ChangedRows, ensure_topics

#: Words a batch, each of up to :data:`evalstream_cluster.stream.WORD_ROWS` data rows: all that is in hand has to be
#: done before any of it is committed.
WORDS: Final = 200

#: Memory for events that words bring. What does not fit, or came before this process, is read from the table.
RECENT_BYTES: Final = 256 * 1024 * 1024

log = logging.getLogger(__name__)


def run(settings: ServiceSettings) -> int:
    """Run until told to stop; return the exit status."""
    consumer = Consumer("matcher", settings.stuck_seconds)
    with migrated_clients(lambda: clickhouse(settings)) as clients:
        asyncio.run(ensure_topics(settings))
        process = match_records(clients, settings.policies, consumer.skipped)

        @asynccontextmanager
        async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
            # A word goes to work at once: ingest has gathered already.
            gathering = Gathering(least_bytes=1, most_records=min(settings.batch_records, WORDS))
            async with consuming(consumer, [settings.topic(CHANGED_ROWS)], process, settings, gathering):
                yield

        app = FastAPI(
            title="evalstream matcher", version=evalstream.__version__, lifespan=lifespan, docs_url=None, redoc_url=None
        )
        observe(app)
        health_routes(app, alive=lambda: None, ready=lambda: consumer.ready)
        return serve(app, settings, consumer)


def match_records(
    clients: Clients, policies: Sequence[str], skipped: Callable[[Sequence[Record]], Sequence[TopicPartition]]
) -> Process:
    """Make the process of the matcher stage.

    A record only says that a row has changed; what is matched is all that the tables know of the row by now. So a
    record that comes twice, late or out of order costs time, and changes nothing. The events that it brings were in the
    table before it was sent: the table says which there are, and these are not read back. Where some were ``skipped``,
    the tables are asked for all rows that are not up to date.
    """
    recent = Recent(RECENT_BYTES)

    def work(records: Sequence[Record]) -> None:
        rows: dict[str, dict[str, int]] = defaultdict(dict)
        unread: list[DeadLetter] = []
        for record in records:
            try:
                word = ChangedRows.model_validate_json(record.value or b"")
            except ValidationError as error:
                first = error.errors(include_url=False)[0]
                reason = f"no word of changed rows: {'.'.join(map(str, first['loc']))} {first['msg']}"
                unread.append(dead_letter(record, "", reason))
                continue
            if (events := brought(record)) is not None:
                recent.keep(events)
            changed = rows[word.dataset]
            for data_row, accepted_ms in zip(word.data_rows, word.accepted_ms, strict=True):
                changed[data_row] = min(changed.get(data_row, accepted_ms), accepted_ms)
        keep_dead_letters(clients(), unread)
        for letter in unread:
            DEAD_LETTERS.labels(letter.source).inc()
        for dataset, changed in rows.items():
            rematch(clients(), dataset, list(changed), policies, recent)
            now = time.time()
            for accepted_ms in changed.values():
                FRESHNESS.observe(max(now - accepted_ms / 1000, 0))

    async def process(records: Sequence[Record]) -> None:
        if gaps := skipped(records):
            named = ", ".join(f"{place.topic}/{place.partition}" for place in gaps)
            log.warning("%s: Kafka dropped words of changed rows before they were read; asking the tables", named)
            await asyncio.to_thread(lambda: reconcile(clients(), policies))
        await asyncio.to_thread(work, records)

    return process
