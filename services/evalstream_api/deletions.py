"""Delete over HTTP: a dataset, one of its runs, or one of its data rows, with everything that was made of it."""

from __future__ import annotations

import time
from typing import Annotated

from evalstream.changes import Deleted
from evalstream.events.base import Key, Name
from evalstream.pipeline.delete import delete
from evalstream.storage.deletions import Scope, count_scope, last_deletion, newest_in
from evalstream_service.backend import backend_of, intake_of
from evalstream_service.errors import KEYED, declared
from evalstream_service.load import change
from evalstream_service.security import audit, require
from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

router = APIRouter(
    prefix="/v1/datasets/{dataset}",
    tags=["deletion"],
    dependencies=[Depends(require("admin")), Depends(change)],
    responses=declared(*KEYED, 404, 409, 507),
)


class How(BaseModel):
    """Query of a deletion."""

    version: int | None = Field(
        default=None,
        ge=0,
        lt=2**63,
        description="delete what has at most this version; newer events stay, and their results are made anew. None:"
        " the present time in nanoseconds, or the highest version that is there, whichever is higher",
    )
    dry_run: bool = Field(default=False, description="only count what would be deleted")


@router.delete("")
async def delete_dataset(request: Request, dataset: Annotated[Name, Path()], how: Annotated[How, Query()]) -> Deleted:
    """Delete a dataset: annotations, predictions, results, declarations and dead letters, of all runs."""
    return await _delete(request, Scope(dataset), how)


@router.delete("/", include_in_schema=False)
def refuse_to_guess(dataset: str) -> None:
    """Refuse what clients make of ``/rows/..`` before they send it: it is not meant for the whole dataset."""
    raise HTTPException(404, f"to delete all of dataset {dataset!r}, leave out the slash at the end of the URL")


@router.delete("/runs/{run}")
async def delete_run(
    request: Request, dataset: Annotated[Name, Path()], run: Annotated[Name, Path()], how: Annotated[How, Query()]
) -> Deleted:
    """Delete a run: its predictions and results. Annotations belong to the dataset, and stay."""
    return await _delete(request, Scope(dataset, run=run), how)


@router.delete("/rows/{data_row:path}")
async def delete_row(
    request: Request, dataset: Annotated[Name, Path()], data_row: Annotated[Key, Path()], how: Annotated[How, Query()]
) -> Deleted:
    """Delete a data row: its annotations, every run's predictions of it, their results, and its dead letters."""
    return await _delete(request, Scope(dataset, data_row=data_row), how)


async def _delete(request: Request, scope: Scope, how: How) -> Deleted:
    answer, survived = await run_in_threadpool(_delete_now, request, scope, how)
    if survived:
        rematch_all = intake_of(request).rematch_all
        await rematch_all(scope.dataset)
    return answer


def _delete_now(request: Request, scope: Scope, how: How) -> tuple[Deleted, bool]:
    """Delete; return the answer, and whether anything newer has survived."""
    client = backend_of(request).clients()
    newest = newest_in(client, scope)
    last = max(newest, time.time_ns())
    if how.version is not None and how.version > last:
        raise HTTPException(422, f"version {how.version} is ahead of all that is there, and of the clock ({last})")
    counts = count_scope(client, scope, last if how.version is None else how.version)
    if not any(counts) and last_deletion(client, scope) is None:
        raise HTTPException(404, f"{_name(scope)} is not there, so it cannot be deleted")
    said = {"dataset": scope.dataset, "run": scope.run or None, "data_row": scope.data_row or None}
    if how.dry_run:
        return Deleted(**said, version=None, deleted_at=None, **counts._asdict()), False
    version = how.version
    if version is None:
        clock = intake_of(request).clock
        version = max(clock(), newest)
    done = delete(client, scope, version)
    answer = Deleted(
        **said, version=done.deletion.version, deleted_at=done.deletion.deleted_at, **done.counts._asdict()
    )
    audit(request, "delete", **answer.model_dump())
    return answer, done.survived


def _name(scope: Scope) -> str:
    if scope.run:
        return f"run {scope.run!r} of dataset {scope.dataset!r}"
    if scope.data_row:
        return f"data row {scope.data_row!r} of dataset {scope.dataset!r}"
    return f"dataset {scope.dataset!r}"
