"""Say over HTTP where a run stands in a series of runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from clickhouse_connect.driver.client import Client
from evalstream.changes import RunStep
from evalstream.events.base import Name
from evalstream.storage.run_steps import set_step
from evalstream_http.errors import KEYED, declared
from evalstream_http.load import change
from evalstream_http.security import require
from fastapi import APIRouter, Depends, Path, Request

router = APIRouter(
    prefix="/v1/datasets/{dataset}/runs/{run}",
    tags=["events"],
    dependencies=[Depends(require("write")), Depends(change)],
    responses=declared(*KEYED, 409, 507),
)


@router.put("/step")
def put_step(
    request: Request, dataset: Annotated[Name, Path()], run: Annotated[Name, Path()], said: RunStep
) -> RunStep:
    """Say at which step of a series a run stands: the epoch of a training, for instance. Said again, the last counts.

    It is listed with the run and deleted with it; before the run's first predictions, too.
    """
    client: Client = request.app.state.clients()
    clock: Callable[[], int] = request.app.state.clock
    set_step(client, dataset, run, said.step, clock())
    return said
