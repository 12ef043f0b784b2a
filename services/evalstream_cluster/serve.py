"""Run a service: its HTTP routes and its consumer, until told to stop or until the consumer cannot go on."""

from __future__ import annotations

import gc
import signal
import sys

import uvicorn
from evalstream.telemetry import READY
from evalstream_service.connections import PatientProtocol
from fastapi import FastAPI

from evalstream_cluster.consume import Consumer
from evalstream_cluster.settings import ServiceSettings


def serve(app: FastAPI, settings: ServiceSettings, consumer: Consumer | None = None) -> int:
    """Serve until SIGTERM or SIGINT, or until the consumer fails; return the process's exit status."""
    READY.set_function(lambda: consumer is None or consumer.ready)
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
