"""The embedded mode: ingest, matcher and query in one process, around the embedded engine."""

from __future__ import annotations

import mimetypes
import posixpath
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Final
from uuid import uuid4

import evalstream
from evalstream.events import Reader, Record, Rejection
from evalstream.pipeline.ingest import ingest
from evalstream.storage.dead_letters import DeadLetter
from evalstream.storage.engine import Clients, open_embedded
from evalstream.storage.events import newest_version
from evalstream.storage.migrate import migrated_clients
from evalstream_api import (
    dead_letters,
    deletions,
    file_names,
    ontology,
    page,
    questions,
    reconcile,
    retention,
    runs,
    uploads,
)
from evalstream_service.browsers import OnlyOwnPages, served_names
from evalstream_service.describe import describe
from evalstream_service.errors import declared, tell_errors
from evalstream_service.load import bound_load, watch
from evalstream_service.observe import observe
from evalstream_service.routing import add_routes
from evalstream_service.security import checked_keys, demand, require
from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles
from starlette.concurrency import run_in_threadpool

from evalstream_embedded import backup
from evalstream_embedded.clock import Clock
from evalstream_embedded.matcher import Matcher, running_matcher
from evalstream_embedded.settings import LocalSettings


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
            matcher = stack.enter_context(running_matcher(clients, settings.policies))
            clock = Clock(newest_version(clients()))
            app.state.clients = clients
            app.state.clock = clock
            app.state.accept = _accept(clients, matcher, clock)
            app.state.put_back = _put_back(app.state.accept, clock)
            app.state.rematch_all = _rematch_all(matcher)
            async with retention.retention_applied(app):
                yield

    app = FastAPI(
        title="evalstream",
        version=evalstream.__version__,
        description="Exact metrics of model runs, at any confidence and IoU threshold, while predictions still arrive.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.keys = keys
    bound_load(app, settings)
    app.state.max_upload_bytes = settings.max_upload_bytes
    app.state.policies = settings.policies
    app.state.data = settings.data
    app.state.runs_seen = {}
    describe(app)
    app.state.deletes = True
    writing = uploads, dead_letters, ontology, file_names, runs, deletions, retention, reconcile
    add_routes(app, *(module.router for module in (*writing, backup, questions)))
    tell_errors(app)
    app.add_middleware(OnlyOwnPages, names=served_names(settings.host, settings.allowed_hosts, keys=keys.needed))
    if settings.media is not None:
        _serve_media(app, settings.media)

    @app.get("/health", tags=["operation"], summary="Health", responses=declared(421, 503))
    async def _health() -> dict[str, str]:
        """Say that the service answers, and so does its engine."""
        await watch(lambda: app.state.clients().query("SELECT 1"))
        return {"status": "ok"}

    observe(app)
    page.serve(app)  # last: the page answers whatever no route does
    return app


#: Whether a picture has changed, and may be seen, is asked each time; and it is a picture, whatever else it may hold.
_MEDIA_HEADERS: Final = {
    "Cache-Control": "private, no-cache",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "X-Content-Type-Options": "nosniff",
}


def _serve_media(app: FastAPI, folder: Path) -> None:
    files = StaticFiles(directory=folder)
    for suffix in ("webp", "avif"):  # not every system's table has them
        mimetypes.add_type(f"image/{suffix}", f".{suffix}")

    @app.get(
        "/media/{path:path}",
        tags=["questions"],
        dependencies=[Depends(require("read"))],
        summary="Media",
        response_class=FileResponse,
        responses=declared(401, 403, 404, 421, 422, 429, 503),
    )
    async def _media(request: Request, path: str) -> Response:
        """Give an image of the demo, or of whatever folder the service was told to serve.

        A key for some datasets only sees what lies in a folder that is named as one of them.
        """
        # Normalised first: the folder that is checked must be the one that is read.
        path = posixpath.normpath(f"/{path.lstrip('/')}")[1:]
        folder, slash, _ = path.partition("/")
        demand(request, folder if slash else None)
        response = await files.get_response(path, request.scope)
        response.headers.update(_MEDIA_HEADERS)
        return response


def _accept(clients: Clients, matcher: Matcher, clock: Clock) -> uploads.Accept:
    def keep(records: list[Record], reader: Reader, upload: str) -> tuple[int, list[Rejection]]:
        done = ingest(clients(), records, reader, uploads.route_of(reader), upload)
        clock.saw(done.newest)
        matcher.tell(done.changed)
        return done.accepted, done.rejected

    async def accept(records: list[Record], reader: Reader, upload: str) -> tuple[int, list[Rejection]]:
        return await run_in_threadpool(keep, records, reader, upload)

    return accept


def _rematch_all(matcher: Matcher) -> ontology.RematchAll:
    async def rematch_all(dataset: str) -> None:
        matcher.tell_all(dataset)

    return rematch_all


def _put_back(accept: uploads.Accept, clock: Callable[[], int]) -> dead_letters.PutBack:
    """Put a dead letter back by uploading it once more."""

    async def put_back(letter: DeadLetter) -> None:
        record = Record(letter.payload or b"", letter.position, clock())
        await accept([record], uploads.reader_of(letter.source), uuid4().hex)

    return put_back
