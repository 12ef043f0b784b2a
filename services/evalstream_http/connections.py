"""How long a connection may take: for the head of a request, for the next piece of its body, and to read an answer.

A connection costs memory and a file handle, so nobody may keep one without using it. uvicorn by itself waits for ever
for the end of a head, and for a client to read.
"""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any, Final

import h11
from fastapi import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

#: From the opening of a connection, or the end of the answer before, to the end of the next head.
HEAD_SECONDS = 20
#: How long a body may pause in the middle.
SILENCE_SECONDS = 60
#: How long a client may take for the next :data:`LEAST_READ` bytes of an answer that waits for it.
READ_SECONDS = 60
LEAST_READ: Final = 16 * 1024
#: Connections at a time: well below the 1,024 files that many systems let a process have open, tables included.
MOST_CONNECTIONS = 512
#: Of a body that is read whole before a route sees it, and so before its key is checked.
DOCUMENT_LIMIT: Final = 1024 * 1024

_TOO_LATE: Final = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_TOO_MANY: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 2\r\nContent-Length: 0\r\n\r\n"
)


class PatientProtocol(H11Protocol):
    """uvicorn's protocol, with an end to its patience: give it as ``http`` to ``uvicorn.Config``."""

    _head: asyncio.TimerHandle | None = None
    _reader: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first head; turn the connection away if there are too many."""
        super().connection_made(transport)
        # Between two requests as well. Clients close connections that are idle for 5 s, as uvicorn does by itself, and
        # must be the first to: what they sent meanwhile would be lost.
        self.timeout_keep_alive = HEAD_SECONDS
        if len(self.connections) > MOST_CONNECTIONS:
            transport.write(_TOO_MANY)
            transport.close()
            return
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._stop(self._head)
        self._stop(self._reader)
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """Take what has come; the head of a request ends the wait for it."""
        before = self.cycle
        super().handle_events()
        if self.cycle is not before:
            self._stop(self._head)

    def on_response_complete(self) -> None:
        """Wait for the next head. What is left of a body that nobody has read counts as the way there."""
        self._await_head()  # first, for the next head may be here already
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Watch whether the client reads what waits for it."""
        super().pause_writing()
        self._watch_reader()

    def resume_writing(self) -> None:
        """Nearly everything is read."""
        self._stop(self._reader)
        super().resume_writing()

    @staticmethod
    def _stop(timer: asyncio.TimerHandle | None) -> None:
        if timer is not None:
            timer.cancel()

    def _await_head(self) -> None:
        self._stop(self._head)
        self._head = self.loop.call_later(HEAD_SECONDS, self._head_is_late)

    def _head_is_late(self) -> None:
        if self.transport.is_closing():
            return
        if self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]:
            self.transport.write(_TOO_LATE)  # who has sent nothing yet expects nothing
        self.transport.close()

    def _watch_reader(self) -> None:
        self._stop(self._reader)
        self._reader = self.loop.call_later(READ_SECONDS, self._check_reader, self.transport.get_write_buffer_size())

    def _check_reader(self, before: int) -> None:
        if self.transport.get_write_buffer_size() > before - LEAST_READ:
            self.transport.abort()
        else:
            self._watch_reader()


class BoundedBodies:
    """Middleware that gives up a body which falls silent, and one that is too large to be read whole.

    Routes that read a body piece by piece bound its size themselves.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, with an eye on its body."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        size, ended = 0, False

        async def bounded() -> Message:
            nonlocal size, ended
            if ended:  # what comes now is that the client leaves
                return await receive()
            message = await _soon(receive)
            ended = not message.get("more_body", False)
            size += len(message.get("body", b""))
            if size > DOCUMENT_LIMIT and _is_read_whole(scope):
                raise HTTPException(413, f"a document has at most {DOCUMENT_LIMIT} bytes")
            return message

        await self._app(scope, bounded, send)


def _is_read_whole(scope: MutableMapping[str, Any]) -> bool:
    return getattr(scope.get("route"), "body_field", None) is not None


async def _soon(receive: Receive) -> Message:
    try:
        return await asyncio.wait_for(receive(), SILENCE_SECONDS)
    except TimeoutError:
        raise HTTPException(
            408, f"nothing came for {SILENCE_SECONDS} s; send it again (parts already accepted stay accepted)"
        ) from None
    except asyncio.CancelledError:  # the service stops, and has waited for the rest for as long as it may
        raise HTTPException(503, "the service stops; send it again when it is back") from None
