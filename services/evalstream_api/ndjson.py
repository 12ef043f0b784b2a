"""A body of newline-delimited JSON, line by line as it arrives."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple


class Line(NamedTuple):
    """A line that is not empty, counted from 1. One that is over the limit comes cut off, a byte above it."""

    number: int
    content: bytes


async def lines(chunks: AsyncIterator[bytes], limit: int) -> AsyncIterator[Line]:
    """Split chunks into lines without ever holding more than one line, up to a byte over ``limit``, and one chunk."""
    pending = bytearray()
    number = 0
    async for chunk in chunks:
        *ends, rest = chunk.split(b"\n")
        for part in ends:
            pending += part[: limit + 1 - len(pending)]
            number += 1
            if pending.strip():
                yield Line(number, bytes(pending))
            pending.clear()
        pending += rest[: limit + 1 - len(pending)]
    if pending.strip():
        yield Line(number + 1, bytes(pending))
