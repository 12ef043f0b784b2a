"""The backend of an application's routes, the same in the embedded mode and in a cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import pyarrow as pa
from evalstream.events import Reader, Record, Rejection
from evalstream.storage.dead_letters import DeadLetter
from evalstream.storage.engine import Clients
from fastapi import FastAPI, Request


class Kept(NamedTuple):
    """What became of a batch."""

    accepted: int
    rejected: list[Rejection]
    #: Of all that was accepted of it (:mod:`evalstream.positions`); None: it is not known.
    position: str | None


#: Keeps a batch of the upload that goes by a name for good before it returns.
Accept = Callable[[list[Record], Reader, str], Awaitable[Kept]]
#: The same of a batch of events in columns, of which the first has a position in the upload.
AcceptColumns = Callable[[pa.RecordBatch, Reader, str, int], Awaitable[Kept]]
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
    #: Gives the position of an upload of nothing.
    position: Callable[[], str]
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
    #: Waits for at most so many seconds until answers reflect a position, given by its numbers, and tells whether they
    #: do; None: nobody here knows.
    reflected: Callable[[Mapping[str, int], float], Awaitable[bool]] | None = None
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
