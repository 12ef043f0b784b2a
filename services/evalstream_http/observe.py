"""Routes and middleware by which a service is watched: ``/metrics``, and how long each request took."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from evalstream_http.metrics import QUESTIONS


def observe(app: FastAPI) -> None:
    """Serve the metrics, and measure every request."""

    @app.get("/metrics", tags=["operation"], response_class=Response)
    def _metrics() -> Response:
        """Give the metrics in Prometheus' text format."""
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    @app.middleware("http")
    async def _measure(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
        start = time.perf_counter()
        response = await answer(request)
        # The route's pattern, not the path: a label must not have a value a data row.
        route = getattr(request.scope.get("route"), "path", "other")
        QUESTIONS.labels(route, request.method, response.status_code).observe(time.perf_counter() - start)
        return response
