"""Time limits of connections: for the head of a request, and to read an answer.

A connection costs memory and a file handle, so nobody may keep one without using it. uvicorn by itself waits for ever
for the end of a head, and for a client to read.
"""

from __future__ import annotations

import asyncio
from typing import Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

#: From the opening of a connection, or the end of the answer before, to the end of the next head.
HEAD_SECONDS = 20
#: How long a client may take for the next :data:`LEAST_READ` bytes of an answer that waits for it.
READ_SECONDS = 60
LEAST_READ: Final = 16 * 1024
#: Connections at a time: well below the 1,024 files that many systems let a process have open, tables included.
MOST_CONNECTIONS = 512

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
