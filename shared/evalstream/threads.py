"""Work on several processors at a time: Python's lock is free while kernels and NumPy compute."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
Other = TypeVar("Other")

#: Threads that work on one question: others want processors too.
_MOST: Final = 2


def on_threads(function: Callable[[Item], Result], items: Iterable[Item], *, worth_it: bool = True) -> list[Result]:
    """Call a function with each item, on two threads where there are as many processors; give the results in order.

    Parameters
    ----------
    worth_it : bool
        Whether there is enough to do: threads take a tenth of a millisecond to start.
    """
    if not worth_it or min(_MOST, _processors()) == 1:
        return list(map(function, items))
    from concurrent.futures import ThreadPoolExecutor  # which those with little to do have no need of

    with ThreadPoolExecutor(_MOST) as pool:
        return list(pool.map(function, items))


def at_once(one: Callable[[], Result], other: Callable[[], Other], *, worth_it: bool = True) -> tuple[Result, Other]:
    """Do two things that do not need each other, on two threads where there are as many processors."""
    results: list[Any] = on_threads(lambda do: do(), (one, other), worth_it=worth_it)
    return results[0], results[1]


def _processors() -> int:
    """Count the processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
