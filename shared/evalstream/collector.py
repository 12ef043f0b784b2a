"""Making many objects without the garbage collector, which would look at all of them again and again."""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def uncollected(read: Callable[P, T]) -> Callable[P, T]:
    """Pause the collector while a function runs: records are trees, and looking for cycles takes half of the time.

    Memory is freed as ever, by counting references.
    """

    @functools.wraps(read)
    def paused(*args: P.args, **said: P.kwargs) -> T:
        if not gc.isenabled():
            return read(*args, **said)
        gc.disable()
        try:
            return read(*args, **said)
        finally:
            gc.enable()

    return paused
