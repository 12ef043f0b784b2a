"""The versions of events and declarations that come without one: each newer than everything that is there."""

from __future__ import annotations

import threading
import time

from evalstream.events.versions import next_version


class Clock:
    """Gives the time in nanoseconds, but never one twice, and never one that is not after all versions it has seen.

    The rule is :func:`evalstream.events.versions.next_version`, over everything that is there.

    Parameters
    ----------
    seen : int
        The highest version that is there.
    """

    def __init__(self, seen: int = 0) -> None:
        self._last = seen
        self._lock = threading.Lock()

    def __call__(self) -> int:
        """Give the next version.

        Raises
        ------
        OutOfVersionsError
            If an event has the highest version that there is.
        """
        with self._lock:
            self._last = next_version(self._last, time.time_ns())
            return self._last

    def saw(self, version: int) -> None:
        """Take note of a version that a producer has given."""
        with self._lock:
            self._last = max(self._last, version)
