"""Cache of readings of the tables, valid for as long as nothing is written.

Whoever moves a slider asks the same run again and again, at other thresholds: what is read is the same each time. In
the embedded mode every write goes through this process, which therefore knows whether anything has changed. Of a server
it does not, and each question reads anew.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

T = TypeVar("T")

_LEAST: Final = 256 * 2**20


def _memory() -> int:
    """Return the bytes of memory that this process may use: the machine's, or what its container is given of them."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")] if hasattr(os, "sysconf") else []
    for file in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with suppress(OSError, ValueError):  # another kind of system, or no limit: "max"
            limits.append(int(Path(file).read_text()))
    return min(limits, default=0)


#: Bytes that are remembered together: an eighth of memory, and enough for a page that shows six runs side by side in
#: any case, which reads each of them at every step, the first one also over the rows that it shares with others.
MOST_BYTES: Final = max(_LEAST, _memory() // 8)
#: Of one reading.
MOST_OF_ONE: Final = MOST_BYTES * 7 // 16
#: Rows of a short answer, of which each is taken for a kilobyte.
SHORT: Final = 1_000

#: What the key of a reading, and what else is remembered with it, are taken for.
OVERHEAD: Final = 4 * 1024


class _Known(NamedTuple):
    number: int  # of the state of the tables
    value: Any
    size: int


_LOCK: Final = threading.Lock()
_KNOWN: Final[OrderedDict[Hashable, _Known]] = OrderedDict()
_bytes = 0


def remembered(client: Client, key: Hashable, read: Callable[[], T], size: Callable[[T], int]) -> T:
    """Give what is read; from memory, if nothing was written since the same was read before.

    Parameters
    ----------
    key : hashable
        What is read: equal keys, equal readings of equal tables.
    read : callable
        Reads it. What it gives must not be changed by anybody.
    size : callable
        Its size in bytes.
    """
    # Before it is read, so that what is written meanwhile makes it be read again. A server's client has no such thing.
    state = getattr(client, "known_state", None)
    if state is None:
        return read()
    known = _recalled(state, key)
    if known is not None:
        again: T = known.value
        return again
    place, number = state
    value = read()
    _keep((place, key), _Known(number, value, size(value) + OVERHEAD))
    return value


def recalled(client: Client, key: Hashable) -> Any:
    """Give what is remembered of a key as :func:`remembered` does; None if it is nothing."""
    state = getattr(client, "known_state", None)
    known = None if state is None else _recalled(state, key)
    return None if known is None else known.value


def _recalled(state: tuple[Hashable, int], key: Hashable) -> _Known | None:
    place, number = state
    with _LOCK:
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
