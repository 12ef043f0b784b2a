"""The versions of events and declarations that come without one: each newer than everything that is there."""

from __future__ import annotations

import threading
import time
from typing import Final

from evalstream_http.errors import OutOfVersionsError

#: The highest version that an event may have.
LAST: Final = 2**63 - 1


class Clock:
    """Gives the time in nanoseconds, but never one twice, and never one that is not after all versions it has seen.

    The machine's clock may be set back, and producers may give versions of their own that are ahead of it: an event
    without a version is the newest all the same, as its sender means it. (A hybrid logical clock: Kulkarni et al. 2014,
    "Logical Physical Clocks".)

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
            if self._last >= LAST:
                raise OutOfVersionsError(
                    f"an event has the version {LAST}, the highest that there is, and so none can be newer: give the"
                    " events versions of your own"
                )
            self._last = max(self._last + 1, time.time_ns())
            return self._last

    def saw(self, version: int) -> None:
        """Take note of a version that a producer has given."""
        with self._lock:
            self._last = max(self._last, version)
