"""Routes and middleware by which a service is watched: ``/health``, ``/ready``, ``/metrics``, and times of requests."""

from __future__ import annotations

import time
from collections.abc import Callable

from evalstream.telemetry import QUESTIONS
from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from evalstream_service.errors import declared
from evalstream_service.load import watch


def observe(app: FastAPI) -> None:
    """Serve the metrics, and measure every request."""
    app.add_middleware(_Measured)

    @app.get(
        "/metrics",
        tags=["operation"],
        response_class=Response,
        summary="Metrics",
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **declared(421)},
    )
    async def _metrics() -> Response:
        """Give the metrics in Prometheus' text format."""
        return Response(await watch(generate_latest), media_type=CONTENT_TYPE_LATEST)


def health_routes(app: FastAPI, alive: Callable[[], object], ready: Callable[[], bool]) -> None:
    """Serve ``/health`` (the process lives) and ``/ready`` (send it work).

    Parameters
    ----------
    alive, ready : callable
        Asked on a thread for watching. What ``alive`` raises is answered as of any route.
    """
    status = declared(421, 503)

    @app.get("/health", tags=["operation"], summary="Health", responses=status)
    async def _health() -> dict[str, str]:
        """Say that the process lives; in the embedded mode, that its engine answers, too."""
        await watch(alive)
        return {"status": "ok"}

    @app.get("/ready", tags=["operation"], summary="Ready", responses=status)
    async def _ready(response: Response) -> dict[str, str]:
        """Say whether to send work: whether partitions are assigned and batches get done, where there are any."""
        is_ready = await watch(ready)
        response.status_code = 200 if is_ready else 503
        return {"status": "ready" if is_ready else "not ready"}


class _Measured:
    """Middleware below everything that turns exceptions to answers: what is not answered counts as a 500."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        start = time.perf_counter()
        try:
            await self._app(scope, receive, noting)
        finally:
            # The route's pattern, not the path: a label must not have a value a data row.
            route = getattr(scope.get("route"), "path", "other")
            QUESTIONS.labels(route, scope["method"], status).observe(time.perf_counter() - start)
