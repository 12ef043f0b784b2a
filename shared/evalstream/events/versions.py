"""The versions of what comes without one: each newer than everything that is there, whatever clocks say."""

from __future__ import annotations

from typing import Final

from evalstream.errors import EvalstreamError

#: The highest version that an event may have.
LAST: Final = 2**63 - 1


class OutOfVersionsError(EvalstreamError, RuntimeError):
    """No version is left for what comes without one; the message says what to do."""


def next_version(newest: int, now_ns: int) -> int:
    """Give what comes without a version the time in nanoseconds, but none at or below the newest version there is.

    Clocks may be set back, and producers may give versions of their own that are ahead of them: what comes without a
    version is the newest all the same, as its sender means it. (A hybrid logical clock: Kulkarni et al. 2014, "Logical
    Physical Clocks".)

    Raises
    ------
    OutOfVersionsError
        If something has the highest version that there is.
    """
    if newest >= LAST:
        raise OutOfVersionsError(
            f"an event has the version {LAST}, the highest that there is, and so none can be newer: give the"
            " events versions of your own"
        )
    return max(newest + 1, now_ns)
