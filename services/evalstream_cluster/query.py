"""The query service: questions over HTTP, answered from ClickHouse."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Final, NamedTuple, TypeAlias

from evalstream.queries.catalog import catalog
from evalstream.queries.position import Position, position
from evalstream.queries.summary import summary
from evalstream.selection import Filter, Selection
from evalstream.storage.engine import Clients
from evalstream.storage.migrate import migrated_clients
from evalstream.storage.results import Progress, progress
from evalstream.telemetry import QUALITY, ROWS_FAILED, ROWS_PENDING
from evalstream_api import exports, page, questions
from evalstream_api.media import media_router
from evalstream_service.application import make_application
from evalstream_service.backend import Backend, use_backend
from evalstream_service.security import checked_keys
from fastapi import FastAPI

from evalstream_cluster.connection import clickhouse
from evalstream_cluster.reflected import reflecting
from evalstream_cluster.serve import serve
from evalstream_cluster.settings import ServiceSettings

log = logging.getLogger(__name__)

GAUGE_SECONDS = 15
#: What is measured of each run beside its progress.
SCORES: Final = ("precision", "recall", "f1")


class State(NamedTuple):
    """The state of a run: while it is the same, so is what there is to measure."""

    progress: Progress
    position: Position


#: The state of each run, by its dataset and name, when it was measured last.
Measured: TypeAlias = dict[tuple[str, str], State]


def run(settings: ServiceSettings) -> int:
    """Run until told to stop; return the exit status.

    Raises
    ------
    ValueError
        If it would listen beyond this machine without API keys.
    """
    keys = checked_keys(settings.api_keys.get_secret_value(), settings.keys_file, settings.host)
    with migrated_clients(lambda: clickhouse(settings)) as clients:

        @asynccontextmanager
        async def lifespan(app: FastAPI) -> AsyncIterator[None]:
            stopped = threading.Event()
            thread = threading.Thread(target=_keep_gauges, args=(clients, settings, stopped), name="gauges")
            thread.start()
            async with reflecting(settings) as reflected:
                use_backend(app, Backend(clients=clients, policies=settings.policies, reflected=reflected.wait))
                yield
            stopped.set()
            thread.join()

        media = [] if settings.media is None else [media_router(settings.media)]
        app = make_application("evalstream", settings, keys, [questions.router, exports.router, *media], lifespan)
        page.serve(app)
        return serve(app, settings)


def _keep_gauges(clients: Clients, settings: ServiceSettings, stopped: threading.Event) -> None:
    """Measure every run now and then; Prometheus reads what was measured last."""
    measured: Measured = {}
    while not stopped.wait(GAUGE_SECONDS):
        try:
            current = measure_runs(clients, settings, measured)
            forget_runs(measured.keys() - current.keys())
            measured = current
        except Exception:
            log.exception("the runs could not be measured; trying again in %d s", GAUGE_SECONDS)


def measure_runs(clients: Clients, settings: ServiceSettings, before: Mapping[tuple[str, str], State]) -> Measured:
    """Set the gauges of every run: rows pending and failed, and its scores at the default thresholds.

    Returns the runs, each with its dataset, and the states of their data. One that is in the state in which it was
    ``before``, with nothing pending, is not measured again: its scores are what they were.
    """
    client = clients()
    measured: Measured = {}
    policy = Filter().policy if Filter().policy in settings.policies else settings.policies[0]
    for dataset in catalog(client).datasets:
        for name in dataset.runs:
            run = dataset.dataset, name
            state = State(progress(client, *run, settings.policies), position(client, *run))
            measured[run] = state
            if before.get(run) == state and not state.progress.pending:
                continue
            ROWS_PENDING.labels(*run).set(state.progress.pending)
            ROWS_FAILED.labels(*run).set(state.progress.failed)
            own = summary(client, Selection(dataset=dataset.dataset, run=name, policy=policy))
            for score in SCORES:
                value = getattr(own, score)
                # Not a number, where a score is not defined: a gap in the chart, and neither 0 nor the last value.
                QUALITY.labels(*run, score).set(math.nan if value is None else value)
    return measured


def forget_runs(runs: Iterable[tuple[str, str]]) -> None:
    """Remove the gauges of runs that were deleted: they would tell the last figures for ever."""
    for dataset, run in runs:
        ROWS_PENDING.remove(dataset, run)
        ROWS_FAILED.remove(dataset, run)
        for score in SCORES:
            QUALITY.remove(dataset, run, score)
