"""Retention over HTTP: say how long a dataset keeps what; and apply it, in the background, to every dataset."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Annotated, Final

from anyio import from_thread
from clickhouse_connect.driver.client import Client
from evalstream.events.base import Name
from evalstream.pipeline.retention import Step, applying, over
from evalstream.storage.engine import Clients
from evalstream.storage.retentions import (
    InForce,
    Retention,
    engine_time,
    removed,
    retained,
    retention_in_force,
    set_retention,
)
from evalstream_service.backend import Intake, RematchAll, backend_of, intake_of
from evalstream_service.errors import KEYED, declared
from evalstream_service.load import change
from evalstream_service.security import audit, audit_line, require
from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

log = logging.getLogger(__name__)

#: Retention is applied when it is set, when the service starts, and so often.
EVERY_SECONDS: Final = 600
#: A hundred years: beyond, no time has a name.
_MOST_DAYS: Final = 36_500

router = APIRouter(prefix="/v1/datasets/{dataset}/retention", tags=["deletion"], responses=declared(*KEYED))


class Kept(BaseModel):
    """Retention of a dataset."""

    days: float | None = Field(
        default=None,
        gt=0,
        le=_MOST_DAYS,
        description="data rows of which no event has come for so many days are deleted, with what every run has said"
        " of them; null: rows of any age are kept",
    )
    runs: int | None = Field(
        default=None,
        ge=1,
        lt=2**32,
        description="so many runs are kept, those of which an event came last; null: all",
    )


class RetentionInForce(Kept):
    """Retention of a dataset in force, and counts of what it has removed."""

    dataset: str
    set_at: datetime | None = Field(description="null: nothing was ever set, and everything is kept")
    removed_rows: int = Field(description="data rows that retention has removed, and that have not come again")
    removed_runs: int = Field(description="runs, likewise")
    older_than: datetime | None = Field(
        description="nothing had come of these data rows since then; null: there are none"
    )


class Set(RetentionInForce):
    """Retention of a dataset as it was just set."""

    over_rows: int = Field(description="data rows that are over by it now: these are deleted next")
    over_runs: list[str] = Field(description="and these runs")


@router.get("", dependencies=[Depends(require("read"))])
def get_retention(request: Request, dataset: Annotated[Name, Path()]) -> RetentionInForce:
    """Say what a dataset keeps, and how much was removed because it was older."""
    client = backend_of(request).clients()
    return RetentionInForce(**_said(client, dataset, retention_in_force(client, dataset)))


@router.put("", dependencies=[Depends(require("admin")), Depends(change)], responses=declared(400, 408, 409, 413, 507))
def put_retention(
    request: Request,
    dataset: Annotated[Name, Path()],
    kept: Kept,
    dry_run: Annotated[bool, Query(description="only say what would be deleted")] = False,
) -> Set:
    """Say what a dataset keeps; it takes the place of what was said before. What is older is deleted in the background.

    What is deleted cannot be had back: `dry_run` says how much it is.
    """
    client = backend_of(request).clients()
    clock = intake_of(request).clock
    before = retention_in_force(client, dataset)
    wanted = Retention(kept.days, kept.runs)
    due = over(client, dataset, wanted, engine_time(client))
    in_force = InForce(wanted, before.version, before.set_at)
    if not dry_run:
        set_retention(client, dataset, wanted, max(clock(), before.version + 1))
        in_force = retention_in_force(client, dataset)
        audit(request, "retention.set", dataset=dataset, days=kept.days, runs=kept.runs)
        from_thread.run_sync(intake_of(request).retention_due.set)
    return Set(**_said(client, dataset, in_force), over_rows=due.rows, over_runs=due.runs)


def _said(client: Client, dataset: str, in_force: InForce) -> dict[str, object]:
    gone = removed(client, dataset)
    return {
        "dataset": dataset,
        **in_force.retention._asdict(),
        "set_at": in_force.set_at,
        "removed_rows": gone.rows,
        "removed_runs": gone.runs,
        "older_than": gone.older_than,
    }


@asynccontextmanager
async def retention_applied(clients: Clients, intake: Intake) -> AsyncIterator[None]:
    """Apply the retention of every dataset now and then, for as long as the context lasts."""
    stopped = asyncio.Event()
    intake.retention_due.set()
    task = asyncio.create_task(_apply_now_and_then(clients, intake, stopped))
    try:
        yield
    finally:
        stopped.set()
        intake.retention_due.set()
        await task  # not cancelled: that would leave its thread behind, at work with an engine that is closed


async def _apply_now_and_then(clients: Clients, intake: Intake, stopped: asyncio.Event) -> None:
    while not stopped.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(intake.retention_due.wait(), EVERY_SECONDS)
        intake.retention_due.clear()
        try:
            await _apply_everywhere(clients, intake.rematch_all, stopped)
        except Exception:
            log.exception("retention could not be applied; trying again in %d s", EVERY_SECONDS)


async def _apply_everywhere(clients: Clients, rematch_all: RematchAll, stopped: asyncio.Event) -> None:
    """Delete what datasets do not keep any more, with an audit line for each part of it."""
    if stopped.is_set():
        return
    for dataset in await run_in_threadpool(lambda: retained(clients())):
        steps = _steps(clients, dataset)
        # A part at a time on a thread, so that the service can stop in between.
        while not stopped.is_set() and (step := await run_in_threadpool(next, steps, None)) is not None:
            said = {"rows": step.rows, "runs": step.runs, "older_than": step.older_than}
            audit_line(None, "retention.apply", dataset=dataset, **said)
            if step.survived:
                await rematch_all(dataset)


def _steps(clients: Clients, dataset: str) -> Iterator[Step]:
    wanted = retention_in_force(clients(), dataset).retention
    yield from applying(clients, dataset, wanted, engine_time(clients()))
