"""Questions that wait until an upload is reflected: ``at_least=POSITION`` in the query of any question."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from evalstream.positions import PositionError, PositionsUnknownError, read
from evalstream_service.backend import backend_of
from fastapi import HTTPException, Request, Response
from fastapi.routing import APIRoute

#: Seconds that a question waits, unless it says so itself; and that it may say.
USUAL_SECONDS: Final = 5.0
MOST_SECONDS: Final = 30.0

#: What the OpenAPI document says of it.
PARAMETERS: Final[dict[str, Any]] = {
    "parameters": [
        {
            "name": "at_least",
            "in": "query",
            "required": False,
            "schema": {"type": "string"},
            "description": "the `position` of an upload: wait until the answer reflects it, and say 425 if it does not "
            "in time",
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
        425 if it is not in time, 422 if it is no position or nobody can tell, 503 if who can does not answer.
    """
    wanted: dict[str, str] = request.scope.get("evalstream.at_least", {})
    if not wanted:
        return
    reflects = backend_of(request).reflected
    if reflects is None:
        raise HTTPException(422, "at_least: this service does not know how far uploads have come")
    seconds = _seconds(wanted.get("at_least_seconds", ""))
    try:
        done = await reflects(read(wanted.get("at_least", "")), seconds)
    except PositionError as error:
        raise HTTPException(422, f"at_least: {error}") from None
    except PositionsUnknownError as error:
        raise HTTPException(503, f"at_least: {error}", {"Retry-After": "1"}) from None
    if not done:
        raise HTTPException(
            425,
            f"position {wanted['at_least']} is not reflected yet, after {seconds:g} s; ask again, or have"
            f" at_least_seconds be more (at most {MOST_SECONDS:g})",
            {"Retry-After": "1"},
        )


def _seconds(given: str) -> float:
    try:
        seconds = float(given) if given else USUAL_SECONDS
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= MOST_SECONDS:
        raise HTTPException(422, f"at_least_seconds: must be a number from 0 to {MOST_SECONDS:g} (got {given!r})")
    return seconds
