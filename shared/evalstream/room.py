"""Room in memory for questions that read single objects: what each takes is known before it reads.

The engine bounds the memory of its statements; what is computed of their answers in this process nobody does. So a
question says how much it is about to take, waits for a moment while others have it, and gives it back at its end.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Final

from evalstream.errors import EvalstreamError

#: Seconds that a question waits for others to give room back. It keeps a thread that long.
WAIT_SECONDS: Final = 10.0
#: Questions that wait: the threads of all others are for questions that need no room.
MOST_WAITING: Final = 2
#: Where it is not known how much memory there is.
_UNKNOWN: Final = 4 * 2**30


def machine_memory() -> int:
    """Return the bytes of memory that this process may use: the machine's, or what its container is given of them.

    0: it is not known.
    """
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")] if hasattr(os, "sysconf") else []
    for file in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with suppress(OSError, ValueError):  # another kind of system, or no limit: "max"
            limits.append(int(Path(file).read_text()))
    return min(limits, default=0)


class NoRoomError(EvalstreamError, RuntimeError):
    """Other questions have the memory that one needs; it may be asked again."""


_NEWS: Final = threading.Condition()
_most = 0
_taken = 0
_waiting = 0
#: What the question at work in this context has taken; None: there is none.
_OWN: Final[ContextVar[list[int] | None]] = ContextVar("_OWN", default=None)


def allow(most: int | None) -> None:
    """Set the bytes that questions may take together: half of memory if none are given."""
    global _most
    with _NEWS:
        _most = most or machine_memory() // 2 or _UNKNOWN
        _NEWS.notify_all()


allow(None)


def most() -> int:
    """Return the bytes that questions may take together, and so the most that one may."""
    return _most


def own() -> int:
    """Return the bytes that the question at work has taken already."""
    return sum(_OWN.get() or ())


@contextmanager
def given_back() -> Iterator[None]:
    """Give back at its end what is taken within; to stand before the function of a question, too."""
    taken: list[int] = []
    before = _OWN.set(taken)
    try:
        yield
    finally:
        _OWN.reset(before)
        _give_back(sum(taken))


def take(size: int) -> None:
    """Take some bytes of the room until the question is answered; wait for a moment if others have them.

    A question that has room already does not wait for more: two of them might wait for each other.

    Raises
    ------
    NoRoomError
        If they are not given back in time, or others wait already.
    """
    global _taken, _waiting
    taken = _OWN.get()
    if taken is None:  # nobody would give it back
        return
    with _NEWS:
        if not _fits(size):
            if taken or _waiting >= MOST_WAITING:
                raise _no_room(size)
            _waiting += 1
            try:
                if not _NEWS.wait_for(lambda: _fits(size), WAIT_SECONDS):
                    raise _no_room(size)
            finally:
                _waiting -= 1
        _taken += size
        taken.append(size)


def _fits(size: int) -> bool:
    return _taken + size <= _most


def _no_room(size: int) -> NoRoomError:
    return NoRoomError(
        f"other questions have the memory that this one needs: {in_words(size)} of {in_words(_most)}; try again"
    )


def _give_back(size: int) -> None:
    global _taken
    if size:
        with _NEWS:
            _taken -= size
            _NEWS.notify_all()


def in_words(size: int) -> str:
    """Say how much memory it is.

    >>> in_words(5_000_000_000)
    '5.0 GB'
    """
    return f"{size / 1e9:,.1f} GB" if size >= 1e8 else f"{size / 1e6:,.1f} MB"
