"""The backend of an application's routes, the same in the embedded mode and in a cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
from evalstream.events import Reader, Record, Rejection
from evalstream.storage.dead_letters import DeadLetter
from evalstream.storage.engine import Clients
from fastapi import FastAPI, Request

#: Keeps a batch of the upload that goes by a name for good before it returns; gives the number of events kept, and
#: what was rejected.
Accept = Callable[[list[Record], Reader, str], Awaitable[tuple[int, list[Rejection]]]]
#: The same of a batch of events in columns, of which the first has a position in the upload.
AcceptColumns = Callable[[pa.RecordBatch, Reader, str, int], Awaitable[tuple[int, list[Rejection]]]]
#: Puts a record back where it came from, and returns once that is acknowledged.
PutBack = Callable[[DeadLetter], Awaitable[None]]
#: Sees to it that every data row of a dataset is matched anew; returns once that can no longer be forgotten.
RematchAll = Callable[[str], Awaitable[None]]


@dataclass(kw_only=True)
class Intake:
    """Functions and limits that routes which change something need beside the tables."""

    accept: Accept
    accept_columns: AcceptColumns
    put_back: PutBack
    rematch_all: RematchAll
    #: Gives the version of what comes without one: the time in nanoseconds; in the embedded mode above all there is.
    clock: Callable[[], int]
    max_upload_bytes: int
    #: Gives the position of what is accepted by now (:mod:`evalstream.positions`); None: nobody here knows it.
    position: Callable[[], str | None] = lambda: None
    #: Set when a retention was declared, and so may have to be applied at once.
    retention_due: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(kw_only=True)
class Backend:
    """Parts of an application that its routes need."""

    clients: Clients
    #: Names of the policies that results are kept for.
    policies: Sequence[str]
    #: None: this service only answers questions.
    intake: Intake | None = None
    #: Whether answers reflect a position, by its numbers; None: nobody here knows.
    is_reflected: Callable[[dict[str, int]], bool] | None = None
    #: Of each (dataset, run) that was there, how many deletions there had been: it is there until there are more.
    runs_seen: dict[tuple[str, str], int] = field(default_factory=dict)


def use_backend(app: FastAPI, backend: Backend) -> None:
    """Have the routes of an application work with a backend."""
    app.state.backend = backend


def backend_in(app: FastAPI) -> Backend:
    """Give the backend of an application that was started."""
    backend: Backend = app.state.backend
    return backend


def backend_of(request: Request) -> Backend:
    """Give the backend of the application that got a request."""
    return backend_in(request.app)


def intake_of(request: Request) -> Intake:
    """Give what a route that changes something needs; only applications that have it have such routes."""
    intake = backend_of(request).intake
    assert intake is not None, "an application with routes that change something is given an intake"
    return intake
