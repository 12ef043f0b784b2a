"""How errors are told over HTTP: ``{"detail": "what is wrong, and what to do"}``.

For parameters of the wrong form ``detail`` is FastAPI's list, an entry a parameter.
"""

from __future__ import annotations

import logging
import re

from clickhouse_connect.driver.exceptions import ClickHouseError
from evalstream.selection import QuestionError
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.requests import ClientDisconnect

log = logging.getLogger(__name__)

_CODE = re.compile(r"\bCode: (\d+)")
_BOUNDS = {
    "159": (504, "the question took longer than it may; narrow it with a split, a feature or a metadata filter"),
    "241": (503, "the question needs more memory than it may have; narrow it with a split or a metadata filter"),
    "396": (422, "the answer is larger than it may be; narrow the question, or ask for fewer points or rows"),
}


class OutOfVersionsError(RuntimeError):
    """No version is left for what comes without one; the message says what to do."""


def tell_errors(app: FastAPI) -> None:
    """Install the handlers."""

    @app.exception_handler(ClientDisconnect)
    def _gone(_request: Request, _error: ClientDisconnect) -> Response:
        """Say so to nobody: the client has left before it had sent everything."""
        return Response(status_code=400)

    @app.exception_handler(OutOfVersionsError)
    def _out_of_versions(_request: Request, error: OutOfVersionsError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 409)

    @app.exception_handler(QuestionError)
    def _wrong_question(_request: Request, error: QuestionError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 422)

    @app.exception_handler(ClickHouseError)
    def _engine(_request: Request, error: ClickHouseError) -> JSONResponse:
        code = _CODE.search(str(error))
        if code and code[1] in _BOUNDS:
            status, detail = _BOUNDS[code[1]]
            return JSONResponse({"detail": detail}, status)
        log.error("the engine refused a statement: %s", error)
        return JSONResponse({"detail": "the storage engine could not answer; try again, or see the service's log"}, 503)
