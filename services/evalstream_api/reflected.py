"""Questions that wait until an upload is reflected: ``at_least=POSITION`` in the query of any question."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from evalstream.positions import PositionError, read
from evalstream_service.backend import backend_of
from fastapi import HTTPException, Request, Response
from fastapi.routing import APIRoute

#: Seconds that a question waits, unless it says so itself; and that it may say.
USUAL_SECONDS: Final = 5.0
MOST_SECONDS: Final = 30.0
#: Seconds after which it is looked again. The look itself is two comparisons.
_LOOK_SECONDS: Final = 0.01

#: What the OpenAPI document says of it.
PARAMETERS: Final[dict[str, Any]] = {
    "parameters": [
        {
            "name": "at_least",
            "in": "query",
            "required": False,
            "schema": {"type": "string"},
            "description": "the `position` of an upload: wait until the answer reflects it, and say 425 if it does not "
            "in time. Only where one process stores and matches (`evalstream up`); a cluster refuses it (422)",
        },
        {
            "name": "at_least_seconds",
            "in": "query",
            "required": False,
            "schema": {"type": "number", "minimum": 0, "maximum": MOST_SECONDS, "default": USUAL_SECONDS},
            "description": "how long to wait for that",
        },
    ]
}


class Reflecting(APIRoute):
    """A route whose query may say ``at_least``, beside what its own model of the query knows."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Take ``at_least`` out of the query, which the model of the query would refuse, and keep it for the wait."""
        handle = super().get_route_handler()

        async def handle_rest(request: Request) -> Response:
            if b"at_least" not in request.scope["query_string"]:
                return await handle(request)
            given = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
            rest = urlencode([(name, value) for name, value in given if name not in _NAMES])
            wanted = {name: value for name, value in given if name in _NAMES}
            scope = {**request.scope, "query_string": rest.encode(), "evalstream.at_least": wanted}
            return await handle(Request(scope, request.receive))

        return handle_rest


_NAMES: Final = ("at_least", "at_least_seconds")


async def reflected(request: Request) -> None:
    """Wait until the position that the query names is reflected; a dependency behind the one that checks the key.

    Raises
    ------
    HTTPException
        425 if it is not in time, 422 if it is no position or nobody here knows of positions.
    """
    wanted: dict[str, str] = request.scope.get("evalstream.at_least", {})
    if not wanted:
        return
    is_reflected = backend_of(request).is_reflected
    if is_reflected is None:
        raise HTTPException(
            422, "at_least: a cluster does not know positions; ask for `progress` until nothing is pending"
        )
    try:
        position = read(wanted.get("at_least", ""))
    except PositionError as error:
        raise HTTPException(422, f"at_least: {error}") from None
    seconds = _seconds(wanted.get("at_least_seconds", ""))
    deadline = time.monotonic() + seconds
    while not is_reflected(position):
        if time.monotonic() >= deadline:
            raise HTTPException(
                425,
                f"position {wanted['at_least']} is not reflected yet, after {seconds:g} s; ask again, or have"
                f" at_least_seconds be more (at most {MOST_SECONDS:g})",
                {"Retry-After": "1"},
            )
        await asyncio.sleep(_LOOK_SECONDS)


def _seconds(given: str) -> float:
    try:
        seconds = float(given) if given else USUAL_SECONDS
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= MOST_SECONDS:
        raise HTTPException(422, f"at_least_seconds: must be a number from 0 to {MOST_SECONDS:g} (got {given!r})")
    return seconds
