"""Reconcile and replay over HTTP: the embedded engine can be open in its process only."""

from __future__ import annotations

from collections.abc import Iterator

import orjson
from clickhouse_connect.driver.exceptions import ClickHouseError
from evalstream.events.base import Name
from evalstream.pipeline.reconcile import Which, reconciling
from evalstream_service.backend import backend_of
from evalstream_service.errors import KEYED, declared
from evalstream_service.load import change
from evalstream_service.security import audit, demand, require
from fastapi import APIRouter, Depends, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

router = APIRouter(
    prefix="/v1/reconcile",
    tags=["operation"],
    dependencies=[Depends(require("admin")), Depends(change)],
    responses=declared(*KEYED, 400, 408, 413),
)


class Reconcile(BaseModel):
    """Scope of a reconciliation."""

    dataset: Name | None = Field(default=None, description="only this dataset")
    which: Which = Field(
        default="stale",
        description="`stale`: results missing or out of date; `failed`: also those that failed; `all`: every result",
    )


@router.post("", response_class=StreamingResponse)
def post_reconcile(request: Request, wanted: Reconcile) -> StreamingResponse:
    """Match data rows anew from their events.

    Answers with lines `{"done": 2000, "total": 5000}` as it goes. A line `{"error": "…"}` ends it early; what was done
    stays done.
    """
    demand(request, wanted.dataset)
    audit(request, "reconcile", dataset=wanted.dataset, which=wanted.which)
    backend = backend_of(request)
    steps = reconciling(backend.clients, backend.policies, dataset=wanted.dataset, which=wanted.which)
    return StreamingResponse(_lines(steps), media_type="application/x-ndjson")


def _lines(steps: Iterator[tuple[int, int]]) -> Iterator[bytes]:
    try:
        for done, total in steps:
            yield orjson.dumps({"done": done, "total": total}) + b"\n"
    except ClickHouseError as error:  # the answer has begun, so its status cannot say it any more
        yield orjson.dumps({"error": str(error)}) + b"\n"
