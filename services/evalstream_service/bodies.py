"""Limits of request bodies: how long one may pause, and how large one may be that is read whole."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any, Final

from fastapi import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: How long a body may pause in the middle.
SILENCE_SECONDS = 60
#: Of a body that is read whole before a route sees it, and so before its key is checked.
DOCUMENT_LIMIT: Final = 1024 * 1024


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
