"""Say over HTTP what is to know of a run as a whole: where it stands in a series, and that it is complete."""

from __future__ import annotations

from typing import Annotated
from uuid import uuid4

from evalstream.changes import Completed, RunStep
from evalstream.events import PredictionEvent, Reader, Record
from evalstream.events.base import Name
from evalstream.pipeline.complete import closing_events
from evalstream.positions import latest
from evalstream.storage.events import count_annotated
from evalstream.storage.run_steps import set_step
from evalstream_service.backend import backend_of, intake_of
from evalstream_service.errors import KEYED, declared
from evalstream_service.load import change
from evalstream_service.security import require
from fastapi import APIRouter, Depends, HTTPException, Path, Request
from starlette.concurrency import run_in_threadpool

router = APIRouter(
    prefix="/v1/datasets/{dataset}/runs/{run}",
    tags=["events"],
    dependencies=[Depends(require("write")), Depends(change)],
    responses=declared(*KEYED, 409, 507),
)


@router.put("/step", responses=declared(400, 408, 413))
def put_step(
    request: Request, dataset: Annotated[Name, Path()], run: Annotated[Name, Path()], said: RunStep
) -> RunStep:
    """Say at which step of a series a run stands: the epoch of a training, for instance. Said again, the last counts.

    It is listed with the run and deleted with it; before the run's first predictions, too.
    """
    client = backend_of(request).clients()
    clock = intake_of(request).clock
    set_step(client, dataset, run, said.step, clock())
    return said


@router.put("/complete", responses=declared(404))
async def put_complete(request: Request, dataset: Annotated[Name, Path()], run: Annotated[Name, Path()]) -> Completed:
    """Close a run: annotated data rows that it has said nothing of count as rows on which it found nothing.

    Until then they are in no figure. A prediction that comes later holds all the same. Rows that are annotated later,
    or whose events are deleted, are again rows without a prediction until the run is closed once more. What was cut off
    is finished by asking again.
    """
    clients = backend_of(request).clients
    accept = intake_of(request).accept
    annotated = await run_in_threadpool(lambda: count_annotated(clients(), dataset))
    if not annotated:
        raise HTTPException(404, f"dataset {dataset!r} has no annotated data row yet, so no run over it can be closed")
    reader = Reader(PredictionEvent, {"dataset": dataset, "run": run})
    upload = uuid4().hex
    closed, last, positions = 0, "", list[str | None]()
    while events := await run_in_threadpool(lambda after: closing_events(clients(), dataset, run, after), last):
        records = [Record(line, closed + i, 0) for i, line in enumerate(events.values(), 1)]
        accepted, rejected, position = await accept(records, reader, upload)
        assert not rejected, rejected[0].reason
        closed += accepted
        positions.append(position)
        last = next(reversed(events))
    position = latest(positions) if positions else intake_of(request).position()
    return Completed(dataset=dataset, run=run, annotated=annotated, closed=closed, position=position)
