"""The embedded mode: ingest, matcher and query in one process, around the embedded engine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import ExitStack, asynccontextmanager
from typing import Final
from uuid import uuid4

import pyarrow as pa
from evalstream.events import Reader, Record
from evalstream.pipeline.ingest import ingest, ingest_columns
from evalstream.storage.dead_letters import DeadLetter
from evalstream.storage.engine import Clients, open_embedded
from evalstream.storage.events import newest_version
from evalstream.storage.migrate import migrated_clients
from evalstream.storage.recent import Recent
from evalstream.telemetry import READY
from evalstream_api import exports, page, questions
from evalstream_api.changes import ROUTERS
from evalstream_api.media import media_router
from evalstream_api.retention import retention_applied
from evalstream_api.uploads import reader_of, route_of
from evalstream_service.application import make_application
from evalstream_service.backend import (
    Accept,
    AcceptColumns,
    Backend,
    Intake,
    Kept,
    PutBack,
    RematchAll,
    backend_in,
    use_backend,
)
from evalstream_service.security import checked_keys
from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from evalstream_embedded import backup
from evalstream_embedded.clock import Clock
from evalstream_embedded.matcher import Matcher, running_matcher
from evalstream_embedded.settings import LocalSettings

#: Of events that were just written, what is held in memory until they are matched: some million boxes.
RECENT_BYTES: Final = 128 * 1024 * 1024
#: Seconds after which it is looked again whether the matcher has come far enough. The look itself is two comparisons.
_LOOK_SECONDS: Final = 0.01


def make_app(settings: LocalSettings) -> FastAPI:
    """Make the application; the engine is opened when it starts, and closed when it stops.

    Raises
    ------
    ValueError
        If it would listen beyond this machine without API keys, or the keys cannot be read.
    """
    keys = checked_keys(settings.api_keys.get_secret_value(), settings.keys_file, settings.host)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with ExitStack() as stack:
            clients = stack.enter_context(migrated_clients(lambda: open_embedded(settings.data / "engine")))
            backup.clear(settings.data)  # only now, when nobody else can have the folder open
            recent = Recent(RECENT_BYTES)
            matcher = stack.enter_context(running_matcher(clients, settings.policies, recent))
            clock = Clock(newest_version(clients()))
            accept = _accept(clients, matcher, clock, recent)
            intake = Intake(
                accept=accept,
                accept_columns=_accept_columns(clients, matcher, clock, recent),
                put_back=_put_back(accept, clock),
                rematch_all=_rematch_all(matcher),
                clock=clock,
                max_upload_bytes=settings.max_upload_bytes,
                position=matcher.position,
            )
            use_backend(
                app,
                Backend(clients=clients, policies=settings.policies, intake=intake, reflected=_reflected(matcher)),
            )
            async with retention_applied(clients, intake):
                READY.set(1)
                yield
                READY.set(0)

    media = [] if settings.media is None else [media_router(settings.media)]
    app = make_application(
        "evalstream",
        settings,
        keys,
        [*ROUTERS, backup.make_router(settings.data), questions.router, exports.router, *media],
        lifespan,
        "Exact metrics of model runs, at any confidence and IoU threshold, while predictions still arrive.",
        alive=lambda: backend_in(app).clients().query("SELECT 1"),
    )
    page.serve(app)  # last: the page answers whatever no route does
    return app


def _accept(clients: Clients, matcher: Matcher, clock: Clock, recent: Recent) -> Accept:
    def keep(records: list[Record], reader: Reader, upload: str) -> Kept:
        done = ingest(clients(), records, reader, route_of(reader), upload, recent)
        clock.saw(done.newest)
        matcher.tell(done.changed)
        return Kept(done.accepted, done.rejected, matcher.position())

    async def accept(records: list[Record], reader: Reader, upload: str) -> Kept:
        return await run_in_threadpool(keep, records, reader, upload)

    return accept


def _accept_columns(clients: Clients, matcher: Matcher, clock: Clock, recent: Recent) -> AcceptColumns:
    def keep(events: pa.RecordBatch, reader: Reader, upload: str, first: int) -> Kept:
        done = ingest_columns(clients(), events, reader, route_of(reader), upload, first, recent)
        clock.saw(done.newest)
        matcher.tell(done.changed)
        return Kept(done.accepted, done.rejected, matcher.position())

    async def accept(events: pa.RecordBatch, reader: Reader, upload: str, first: int) -> Kept:
        return await run_in_threadpool(keep, events, reader, upload, first)

    return accept


def _reflected(matcher: Matcher) -> Callable[[Mapping[str, int], float], Awaitable[bool]]:
    async def reflected(position: Mapping[str, int], seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while True:
            if matcher.is_reflected(position):
                return True
            if time.monotonic() >= deadline:
                return False
            await asyncio.sleep(_LOOK_SECONDS)

    return reflected


def _rematch_all(matcher: Matcher) -> RematchAll:
    async def rematch_all(dataset: str) -> None:
        matcher.tell_all(dataset)

    return rematch_all


def _put_back(accept: Accept, clock: Callable[[], int]) -> PutBack:
    """Put a dead letter back by uploading it once more."""

    async def put_back(letter: DeadLetter) -> None:
        record = Record(letter.payload or b"", letter.position, clock())
        await accept([record], reader_of(letter.source), uuid4().hex)

    return put_back
