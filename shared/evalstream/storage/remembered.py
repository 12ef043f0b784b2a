"""Cache of readings of the tables, valid for as long as nothing is written.

Whoever moves a slider asks the same run again and again, at other thresholds: what is read is the same each time. In
the embedded mode every write goes through this process, which therefore knows whether anything has changed. Of a server
it does not, and each question reads anew.

Who asks for what another thread is reading at that moment waits for it, and both have the one reading. A reading waits
for no other but one that it is made of, so that none can wait in a circle.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from evalstream.room import machine_memory
from evalstream.storage.settings import QUERY

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)

_LEAST: Final = 256 * 2**20


#: Bytes that are remembered together: an eighth of memory, and enough for a page that shows six runs side by side in
#: any case, which reads each of them at every step, the first one also over the rows that it shares with others.
MOST_BYTES: Final = max(_LEAST, machine_memory() // 8)
#: Of one reading.
MOST_OF_ONE: Final = MOST_BYTES * 7 // 16
#: Rows of a short answer, of which each is taken for a kilobyte.
SHORT: Final = 1_000

#: Seconds for which a reading of another thread is waited for: as long as the engine may take for it.
WAIT_SECONDS: Final[float] = QUERY["max_execution_time"]

#: What the key of a reading, and what else is remembered with it, are taken for.
OVERHEAD: Final = 4 * 1024


class _Known(NamedTuple):
    number: int  # of the state of the tables
    value: Any
    size: int


#: Which tables, and the number of their state.
_State = tuple[Hashable, int]
_LOCK: Final = threading.Lock()
_KNOWN: Final[OrderedDict[Hashable, _Known]] = OrderedDict()
_bytes = 0


class _Reading:
    """A reading under way: those who wait for it, and in the end what was read."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self.known: _Known | None = None  # none, once it is over: it has failed


#: By state of the tables and key.
_UNDER_WAY: Final[dict[Hashable, _Reading]] = {}


def remembered(
    client: Client, key: Hashable, read: Callable[[], T], size: Callable[[T], int], *, or_else: Sequence[Hashable] = ()
) -> T:
    """Give what is read; from memory, if nothing was written since the same was read before, or is being read.

    Parameters
    ----------
    key : hashable
        What is read: equal keys, equal readings of equal tables.
    read : callable
        Reads it. What it gives must not be changed by anybody.
    size : callable
        Its size in bytes.
    or_else : sequence of hashable
        Other keys, of readings that would do as well.
    """
    # Before it is read, so that what is written meanwhile makes it be read again. A server's client has no such thing.
    state = getattr(client, "known_state", None)
    if state is None:
        return read()
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        reading = _begun(state, key, or_else)
        if isinstance(reading, _Known):
            again: T = reading.value
            return again
        if reading is None:
            return _read(state, key, read, size)
        # What has failed there is read here, or by another one of those who waited.
        if not reading.over.wait(max(deadline - time.monotonic(), 0)):
            return read()
        if reading.known is not None:
            shared: T = reading.known.value
            return shared


def _begun(state: _State, key: Hashable, or_else: Sequence[Hashable]) -> _Known | _Reading | None:
    """Give what is remembered, or who is reading it; if nobody is, the caller is from now on."""
    with _LOCK:
        for one in (key, *or_else):
            known = _found(state, one)
            if known is not None:
                return known
        for one in (key, *or_else):
            reading = _UNDER_WAY.get((state, one))
            if reading is not None:
                return reading
        _UNDER_WAY[state, key] = _Reading()
        return None


def _read(state: _State, key: Hashable, read: Callable[[], T], size: Callable[[T], int]) -> T:
    """Read, remember, and tell those who wait."""
    place, number = state
    reading = _UNDER_WAY[state, key]
    try:
        value = read()
        reading.known = _Known(number, value, size(value) + OVERHEAD)
        _keep((place, key), reading.known)
        return value
    finally:
        with _LOCK:
            del _UNDER_WAY[state, key]
        reading.over.set()


def recalled(client: Client, keys: Sequence[Hashable]) -> Any:
    """Give what is remembered of the first of some keys of which anything is, as :func:`remembered` does; else None."""
    state = getattr(client, "known_state", None)
    if state is None:
        return None
    with _LOCK:
        found = (_found(state, key) for key in keys)
        return next((known.value for known in found if known is not None), None)


def outdated(client: Client, keys: Sequence[K]) -> tuple[K, Any] | None:
    """Give the first of some keys of which something was remembered at an earlier state of the tables, and what."""
    state = getattr(client, "known_state", None)
    if state is None:
        return None
    with _LOCK:
        for key in keys:
            known = _KNOWN.get((state[0], key))
            if known is not None and known.number != state[1]:
                return key, known.value
    return None


def _found(state: _State, key: Hashable) -> _Known | None:
    """Find what is remembered; whoever asks holds the lock."""
    place, number = state
    known = _KNOWN.get((place, key))
    if known is None or known.number != number:
        return None
    _KNOWN.move_to_end((place, key))
    return known


def short_answer(client: Client, sql: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Give the rows of a statement that reads the tables and nothing else: no clock, and no state of the server."""

    def read() -> list[tuple[Any, ...]]:
        return [tuple(row) for row in client.query(sql, parameters=parameters).result_rows]

    rows: list[tuple[Any, ...]] = remembered(client, (sql, repr(parameters)), read, _size)
    return list(rows)


def _size(rows: list[tuple[Any, ...]]) -> int:
    return 1024 * len(rows) if len(rows) <= SHORT else MOST_BYTES


def _keep(key: Hashable, known: _Known) -> None:
    global _bytes
    if known.size > MOST_OF_ONE:
        return
    with _LOCK:
        before = _KNOWN.pop(key, None)
        _bytes += known.size - (before.size if before else 0)
        _KNOWN[key] = known
        while _bytes > MOST_BYTES:
            _, oldest = _KNOWN.popitem(last=False)
            _bytes -= oldest.size
