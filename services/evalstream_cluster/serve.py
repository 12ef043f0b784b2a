"""Run a service: its HTTP routes and its consumer, until told to stop or until the consumer cannot go on."""

from __future__ import annotations

import gc
import signal
import sys

import uvicorn
from evalstream.telemetry import READY
from evalstream_service.connections import PatientProtocol
from evalstream_service.observe import observe
from fastapi import FastAPI, Response

from evalstream_cluster.consume import Consumer
from evalstream_cluster.settings import ServiceSettings


def health_routes(app: FastAPI, consumer: Consumer | None = None) -> None:
    """Serve ``/health`` (the process lives), ``/ready`` (send it work) and ``/metrics``."""
    observe(app)
    READY.set_function(lambda: consumer is None or consumer.ready)

    @app.get("/health", tags=["operation"])
    async def _health() -> dict[str, str]:
        """Say that the process lives."""
        return {"status": "ok"}

    @app.get("/ready", tags=["operation"], responses={503: {"description": "Not ready."}})
    async def _ready(response: Response) -> dict[str, str]:
        """Say whether partitions are assigned, and work gets done."""
        ready = consumer is None or consumer.ready
        response.status_code = 200 if ready else 503
        return {"status": "ready" if ready else "not ready"}


def serve(app: FastAPI, settings: ServiceSettings, consumer: Consumer | None = None) -> int:
    """Serve until SIGTERM or SIGINT, or until the consumer fails; return the process's exit status."""
    # Batches are made of hundreds of thousands of small objects without cycles. With its usual thresholds the collector
    # would walk all of them again and again, and everything imported as well.
    gc.freeze()
    gc.set_threshold(200_000, 20, 20)
    # uvicorn stops in good order, and then raises the signal again for whoever waited for it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            http=PatientProtocol,
            host=settings.host,
            port=settings.port,
            log_level="warning",
            timeout_graceful_shutdown=70,
        )
    )
    if consumer is not None:
        consumer.on_failure = lambda: setattr(server, "should_exit", True)
    server.run()
    return 1 if not server.started or (consumer is not None and consumer.failure) else 0
