"""The matcher service: brings changed data rows up to date."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import evalstream
from aiokafka import TopicPartition
from evalstream.pipeline.reconcile import reconcile, rematch
from evalstream.storage.dead_letters import DeadLetter, keep_dead_letters
from evalstream.storage.engine import Clients
from evalstream.storage.migrate import migrated_clients
from evalstream.telemetry import DEAD_LETTERS, FRESHNESS
from evalstream_service.observe import health_routes, observe
from fastapi import FastAPI
from pydantic import ValidationError

from evalstream_cluster.connection import clickhouse
from evalstream_cluster.consume import Consumer, Process, Record, consuming
from evalstream_cluster.dead_letters import dead_letter
from evalstream_cluster.serve import serve
from evalstream_cluster.settings import ServiceSettings
from evalstream_cluster.topics import CHANGED_ROWS, ChangedRow, ensure_topics

log = logging.getLogger(__name__)


def run(settings: ServiceSettings) -> int:
    """Run until told to stop; return the exit status."""
    consumer = Consumer("matcher", settings.stuck_seconds)
    with migrated_clients(lambda: clickhouse(settings)) as clients:
        asyncio.run(ensure_topics(settings))
        process = match_records(clients, settings.policies, consumer.skipped)

        @asynccontextmanager
        async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
            async with consuming(consumer, [settings.topic(CHANGED_ROWS)], process, settings):
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
    record that comes twice, late or out of order costs time, and changes nothing. Where some were ``skipped``, the
    tables are asked for all rows that are not up to date.
    """

    def work(records: Sequence[Record]) -> None:
        rows: dict[str, dict[str, int]] = defaultdict(dict)
        unread: list[DeadLetter] = []
        for record in records:
            try:
                word = ChangedRow.model_validate_json(record.value or b"")
            except ValidationError as error:
                first = error.errors(include_url=False)[0]
                reason = f"no word of a changed row: {'.'.join(map(str, first['loc']))} {first['msg']}"
                unread.append(dead_letter(record, "", reason))
                continue
            changed = rows[word.dataset]
            changed[word.data_row] = min(changed.get(word.data_row, word.accepted_ms), word.accepted_ms)
        keep_dead_letters(clients(), unread)
        for letter in unread:
            DEAD_LETTERS.labels(letter.source).inc()
        for dataset, changed in rows.items():
            rematch(clients(), dataset, list(changed), policies)
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
