"""How far a stream of events has come: what an upload answers with, and what a question may wait for.

To others a position is a word. Within it stands, by the name of each log that events are appended to, how many changes
of it there were: ``a1b2c3.17``, several joined by commas. In a cluster the logs are partitions of topics.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from evalstream.errors import EvalstreamError

_PART: Final = re.compile(r"([0-9a-z-]{1,64})\.([0-9]{1,18})")
#: Logs in one position.
_MOST: Final = 2_001


class PositionError(EvalstreamError, ValueError):
    """A text is no position; the message says what is."""


class PositionsUnknownError(EvalstreamError, RuntimeError):
    """Who knows how far a stream has come does not answer now."""


def written(numbers: Mapping[str, int]) -> str:
    """Write a position.

    >>> written({"a1b2c3": 17, "d4": 2})
    'a1b2c3.17,d4.2'
    """
    return ",".join(f"{name}.{number}" for name, number in sorted(numbers.items()))


def read(position: str) -> dict[str, int]:
    """Read a position: the number of changes by log.

    >>> read("a1b2c3.17,d4.2")
    {'a1b2c3': 17, 'd4': 2}

    Raises
    ------
    PositionError
        If it is none.
    """
    parts = position.split(",")
    matches = [_PART.fullmatch(part) for part in parts[:_MOST]]
    numbers = {match[1]: int(match[2]) for match in matches if match}
    if len(numbers) < len(parts):
        raise PositionError(f"{position[:80]!r} is no position: give what an upload answers with")
    return numbers


def latest(positions: Iterable[str | None]) -> str | None:
    """Give the position that is reached when all of these are; None where one is not known, or there are none.

    >>> latest(["a.3", "a.2,b.1"])
    'a.3,b.1'
    """
    numbers: dict[str, int] = {}
    for position in positions:
        if position is None:
            return None
        for name, number in read(position).items():
            numbers[name] = max(number, numbers.get(name, 0))
    return written(numbers) if numbers else None
