"""Errors over HTTP: ``{"detail": "what is wrong, and what to do"}``.

For parameters of the wrong form ``detail`` is FastAPI's list, an entry a parameter. Routes declare what they answer
with :func:`declared`, so that the OpenAPI document names every status with its body.
"""

from __future__ import annotations

import errno
import logging
import os
import re
from collections.abc import Mapping
from typing import Any, Final

from clickhouse_connect.driver.exceptions import ClickHouseError
from evalstream.events.versions import OutOfVersionsError
from evalstream.room import NoRoomError
from evalstream.selection import QuestionError
from evalstream.telemetry import SHED
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from pydantic.json_schema import models_json_schema
from starlette.requests import ClientDisconnect
from starlette.routing import Match

from evalstream_service.load import RETRY_SECONDS

log = logging.getLogger(__name__)

_CODE = re.compile(r"\bCode: (\d+)")
_BOUNDS = {
    "159": (504, "the question took longer than it may; narrow it with a split, a feature or a metadata filter"),
    "241": (503, "there is not enough memory for the question now; try again, or narrow it with a split or a filter"),
    "243": (507, "the disk is full, and what was sent last is not stored; make room, then send it again"),
    "396": (422, "the answer is larger than it may be; narrow the question, or ask for fewer points or rows"),
}


_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


#: Told by words, for the engine has one code for what every question may have and for what all may have together.
_TOO_MUCH_FOR_ONE: Final = re.compile(r"\bQuery memory limit exceeded|\bmemory limit \(for query\)", re.IGNORECASE)
_TOO_LARGE: Final = (
    422,
    "the question needs more memory than one may have, and will whenever it is asked; narrow it with a split or a"
    " metadata filter",
)
#: What the system says where a disk, or one's share of it, is full: in its own errors, and in those of the engine.
_DISK_FULL: Final = tuple(os.strerror(code) for code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG))


class Problem(BaseModel):
    """Why there is no answer."""

    detail: str = Field(description="what is wrong, and what to do")


class WrongField(BaseModel):
    """Error in one parameter or field."""

    loc: list[str | int] = Field(description="where it stands: in the path, the query or the body, and there by name")
    msg: str
    type: str


class Invalid(BaseModel):
    """Why a request cannot be answered as it is."""

    detail: str | list[WrongField]


#: Every status of an error that any route answers, and what it means.
_STATUSES: Final[Mapping[int, str]] = {
    400: "The body is not text in UTF-8.",
    401: "An API key is needed, or the one given is not known.",
    403: "The API key is not for this, or a page of another site asks for a change.",
    404: "There is no such dataset, run or record.",
    408: "Nothing came for too long in the middle of the body.",
    409: "No version is left for events without one.",
    413: "The body is too large.",
    415: "The body is encoded in a way that is not read here.",
    421: "The service is not served under this name.",
    422: "The request cannot be answered as it is; `detail` says why.",
    425: "The position that was asked for is not reflected yet.",
    429: "Too much is under way, or the key asks too often; `Retry-After` says when to come back.",
    503: "The service cannot answer now.",
    504: "The question took longer than it may.",
    507: "The disk is full; what was sent last is not stored.",
}
#: What any route that wants a key may answer.
KEYED: Final = (401, 403, 421, 422, 429, 503)


def declared(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe the errors that a route answers, for its ``responses``.

    By reference: of a model FastAPI would build a validator for each status of each route, which took a tenth of the
    time in which an embedded engine starts. :func:`tell_errors` puts the models themselves into the document.
    """
    return {
        status: {"description": _STATUSES[status], "content": _CONTENT[422 if status == 422 else 0]}
        for status in sorted(statuses)
    }


_REFERENCE: Final = "#/components/schemas/{model}"
_CONTENT: Final = {
    status: {"application/json": {"schema": {"$ref": _REFERENCE.format(model=model.__name__)}}}
    for status, model in ((0, Problem), (422, Invalid))
}


def _describe_errors(app: FastAPI) -> None:
    describe = app.openapi

    def openapi() -> dict[str, Any]:
        document = describe()
        _, schema = models_json_schema(
            [(Problem, "serialization"), (Invalid, "serialization")], ref_template=_REFERENCE
        )
        known = document.setdefault("components", {}).setdefault("schemas", {})
        known.update(schema["$defs"])
        document["components"]["schemas"] = dict(sorted(known.items()))
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def told(error: str) -> tuple[int, str] | None:
    """Say what an error of the engine is to whoever asked: a status, and what to do."""
    if _TOO_MUCH_FOR_ONE.search(error):
        return _TOO_LARGE
    if any(words in error for words in _DISK_FULL):
        return _BOUNDS["243"]
    code = _CODE.search(error)
    return _BOUNDS.get(code[1]) if code else None


def tell_errors(app: FastAPI) -> None:
    """Install the handlers, and describe what they answer with."""
    _describe_errors(app)

    @app.exception_handler(ClientDisconnect)
    def _gone(_request: Request, _error: ClientDisconnect) -> Response:
        """Say so to nobody: the client has left before it had sent everything."""
        return Response(status_code=400)

    @app.exception_handler(405)
    def _wrong_method(request: Request, _error: Exception) -> JSONResponse:
        """Name the methods of all routes of this path, not only of the first one."""
        allowed = [
            method
            for method in _METHODS
            if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in app.router.routes)
        ]
        detail = f"{request.method} is not answered here; there is {', '.join(allowed)}"
        return JSONResponse({"detail": detail}, 405, {"Allow": ", ".join(allowed)})

    @app.exception_handler(OutOfVersionsError)
    def _out_of_versions(_request: Request, error: OutOfVersionsError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 409)

    @app.exception_handler(QuestionError)
    def _wrong_question(_request: Request, error: QuestionError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 422)

    @app.exception_handler(NoRoomError)
    def _no_room(_request: Request, error: NoRoomError) -> JSONResponse:
        SHED.labels("memory").inc()
        return JSONResponse({"detail": str(error)}, 503, {"Retry-After": str(RETRY_SECONDS)})

    @app.exception_handler(OSError)
    def _system(_request: Request, error: OSError) -> JSONResponse:
        if error.strerror not in _DISK_FULL:
            raise error
        status, detail = _BOUNDS["243"]
        log.error("the disk is full: %s", error)
        return JSONResponse({"detail": detail}, status)

    @app.exception_handler(ClickHouseError)
    def _engine(_request: Request, error: ClickHouseError) -> JSONResponse:
        if (said := told(str(error))) is not None:
            status, detail = said
            if status == 507:
                log.error("the disk is full: %s", error)
            return JSONResponse({"detail": detail}, status)
        log.error("the engine refused a statement: %s", error)
        return JSONResponse({"detail": "the storage engine could not answer; try again, or see the service's log"}, 503)
