"""Answers that are written on a thread and sent meanwhile: no more of them is in memory than a reader is behind."""

from __future__ import annotations

import asyncio
import io
import re
import time
from collections.abc import AsyncIterator, Callable
from typing import IO, Any, Final, cast
from urllib.parse import quote

import anyio
import anyio.from_thread
import anyio.to_thread
from anyio.streams.memory import MemoryObjectReceiveStream
from fastapi import Request
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from evalstream_service.load import EXPORTS_UNDER_WAY, load_of

#: Bytes that are sent together, unless they come slowly: then what is there is sent after so many seconds.
CHUNK: Final = 256 * 1024
_LULL: Final = 1.0
_EXPORTING: Final = anyio.CapacityLimiter(EXPORTS_UNDER_WAY)


class _Outlet(io.RawIOBase):
    """A file whose bytes are sent from a thread; it waits while the reader is behind."""

    def __init__(self, send: Callable[[bytes], Any]) -> None:
        self._send = send
        self._kept = bytearray()
        self._sent_at = time.monotonic()
        self.abandoned = False

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if not self.abandoned:
            self._kept += data
            if len(self._kept) >= CHUNK or time.monotonic() > self._sent_at + _LULL:
                self.send()
        return len(data)

    def send(self) -> None:
        """Send what is kept."""
        anyio.from_thread.run(self._send, bytes(self._kept))
        self._kept.clear()
        self._sent_at = time.monotonic()


class _Streamed(StreamingResponse):
    """Tells the thread that writes when nobody reads any longer."""

    def __init__(self, written: MemoryObjectReceiveStream[bytes], *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._written = written

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._written.close()


async def streamed(
    request: Request, write: Callable[[IO[bytes]], None], *, file_name: str, media_type: str
) -> StreamingResponse:
    """Answer with a file that ``write`` writes on a thread of its own.

    Who reads slowly holds up that thread and no question; so many at a time are written, and more are turned away.

    Raises
    ------
    HTTPException
        429, if too many are written; and whatever ``write`` raises before the first bytes are sent. Later on the
        connection is cut, so that no part is taken for the whole.
    """
    load = load_of(request)
    send, receive = anyio.create_memory_object_stream[bytes](1)

    def work() -> None:
        outlet = _Outlet(send.send)
        try:
            write(cast("IO[bytes]", outlet))
            outlet.send()
        except BaseException:
            outlet.abandoned = True
            raise

    async def run() -> None:
        with send, load.exports.passed():
            await anyio.to_thread.run_sync(work, limiter=_EXPORTING)

    task = asyncio.create_task(run())
    # Once the reader is gone nobody hears of an error, and that is no error.
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    try:
        first = await receive.receive()
    except anyio.EndOfStream:
        receive.close()
        await task
        raise
    except BaseException:
        receive.close()
        raise

    async def body() -> AsyncIterator[bytes]:
        yield first
        async for chunk in receive:
            yield chunk
        await task

    headers = {"Content-Disposition": attachment(file_name), "X-Content-Type-Options": "nosniff"}
    return _Streamed(receive, body(), media_type=media_type, headers=headers)


def plain_name(name: str) -> str:
    """Give a name as that of a file.

    >>> plain_name("street / 2024: v7")
    'street_2024_v7'
    """
    return re.sub(r"[^\w.-]+", "_", name)


def attachment(file_name: str) -> str:
    """Give the header ``Content-Disposition`` of a file to keep."""
    if file_name.isascii():
        return f'attachment; filename="{file_name}"'
    return f"attachment; filename*=utf-8''{quote(file_name, safe='')}"
