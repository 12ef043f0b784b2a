"""Limits of concurrent work: bounded, with equal questions computed once, and with threads kept for watching.

A service that takes on everything answers nothing in time, not even whether it is well. So questions are computed by a
few threads of their own; those that wait are bounded in number, and beyond that a client is told when to come back.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from anyio import CapacityLimiter, to_thread
from evalstream import room
from evalstream.telemetry import JOINED, SHED
from fastapi import FastAPI, HTTPException, Request

from evalstream_service.bodies import BoundedBodies

T = TypeVar("T")

#: Seconds after which a client that was turned away may ask again.
RETRY_SECONDS: Final = 2
#: Threads that count how far runs have come, so that a page sees progress while all other questions wait.
PROGRESS_AT_WORK: Final = 2
#: Exports that are written at a time. Each has a thread, which asks and writes; more would slow down every question.
EXPORTS_UNDER_WAY: Final = 2
#: Threads that say how the service is. What they do is short.
_WATCHING: Final = CapacityLimiter(2)


async def watch(work: Callable[[], T]) -> T:
    """Do something short on a thread that no question can take."""
    return await to_thread.run_sync(work, limiter=_WATCHING)


class Gate:
    """Lets so many through at a time, and turns away whoever comes beyond that."""

    def __init__(self, name: str, most: int) -> None:
        self._name = name
        self._most = most
        self.inside = 0

    @contextmanager
    def passed(self) -> Iterator[None]:
        """Count a request while it is under way.

        Raises
        ------
        HTTPException
            429, if too many are.
        """
        if self.inside >= self._most:
            SHED.labels(self._name).inc()
            detail = f"the service is busy: {self._most} requests are under way; try again in {RETRY_SECONDS} s"
            raise HTTPException(429, detail, {"Retry-After": str(RETRY_SECONDS)})
        self.inside += 1
        try:
            yield
        finally:
            self.inside -= 1


class Questions:
    """Computes questions on threads of their own, a few at a time, and equal ones once.

    Whoever asks what is about to be computed gets that answer. Whoever asks what is being computed does not, for it may
    have begun before the last event was acknowledged; it is computed once more after that, for everybody who has asked
    by then. So one question keeps one thread busy at the most, however many ask it.
    """

    def __init__(self, name: str, *, at_work: int, under_way: int) -> None:
        self._gate = Gate(name, under_way)
        self._slots = asyncio.Semaphore(at_work)
        self._threads = CapacityLimiter(at_work)
        self._next: dict[Hashable, asyncio.Task[Any]] = {}
        self._begun: dict[Hashable, asyncio.Task[Any]] = {}

    @property
    def under_way(self) -> int:
        """Count the requests that wait for an answer."""
        return self._gate.inside

    async def answer(self, question: Hashable, compute: Callable[[], T]) -> T:
        """Compute, or wait for who is about to compute the same.

        Raises
        ------
        HTTPException
            429, if too many requests are under way.
        """
        with self._gate.passed():
            task: asyncio.Task[T] | None = self._next.get(question)
            if task is None:
                task = asyncio.create_task(self._compute(question, compute, self._begun.get(question)))
                # Whoever asked may be gone; then nobody hears of an error, and that is no error.
                task.add_done_callback(lambda done: done.cancelled() or done.exception())
                self._next[question] = task
            else:
                JOINED.inc()
            # Who leaves does not take the answer from the others.
            return await asyncio.shield(task)

    async def _compute(self, question: Hashable, compute: Callable[[], T], before: asyncio.Task[Any] | None) -> T:
        if before is not None:
            await asyncio.wait([before])
        async with self._slots:
            self._begun[question] = self._next.pop(question)
            try:
                return await to_thread.run_sync(compute, limiter=self._threads)
            finally:
                del self._begun[question]


class Load(NamedTuple):
    """Concurrent work of one service."""

    questions: Questions
    #: How far runs have come.
    progress: Questions
    #: Uploads, and all else that changes something.
    changes: Gate
    #: Files that are written from many answers.
    exports: Gate


class Bounds(Protocol):
    """The settings that bound the load."""

    questions_at_work: int
    questions_under_way: int
    uploads_under_way: int
    questions_memory: int | None


def bound_load(app: FastAPI, bounds: Bounds) -> None:
    """Bound what the service does at a time, and how long and large bodies may be."""
    app.add_middleware(BoundedBodies)
    room.allow(bounds.questions_memory)
    app.state.load = Load(
        Questions("questions", at_work=bounds.questions_at_work, under_way=bounds.questions_under_way),
        Questions("progress", at_work=PROGRESS_AT_WORK, under_way=bounds.questions_under_way),
        Gate("changes", bounds.uploads_under_way),
        Gate("exports", EXPORTS_UNDER_WAY),
    )


def load_of(request: Request) -> Load:
    """Give the work of the application that got a request."""
    load: Load = request.app.state.load
    return load


async def change(request: Request) -> AsyncIterator[None]:
    """Count a request that changes something; a dependency to stand behind the one that checks the key."""
    with load_of(request).changes.passed():
        yield
