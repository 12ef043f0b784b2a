"""The page, where it was built (``make page``); the description of the API where it was not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from fastapi import FastAPI
from fastapi.responses import RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.routing import Match, Mount
from starlette.types import Scope

#: Where ``web/`` is built into, unless the environment says otherwise (another build, while one is at work on it).
PAGE: Final = Path(os.environ.get("EVALSTREAM_PAGE", Path(__file__).parent / "static"))

#: The page runs its own scripts and no others, and stands in no frame; pictures may lie anywhere. Charts set styles.
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; img-src * data: blob:; style-src 'self' 'unsafe-inline'; "
    "object-src 'none'; base-uri 'self'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


#: What is built has its content in its name and never changes; anything else is asked for anew, and mostly the same.
_BUILT: Final = "public, max-age=31536000, immutable"


class _Page(StaticFiles):
    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(_HEADERS)
        response.headers["Cache-Control"] = _BUILT if path.startswith("assets/") else "no-cache"
        return response


class _BesideTheApi(Mount):
    """Takes what is read, outside of the API: what routes there do not answer, they say themselves."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, child = super().matches(scope)
        if match is Match.NONE or scope["path"].startswith("/v1/"):
            return Match.NONE, {}
        return (Match.FULL if scope.get("method") in ("GET", "HEAD") else Match.PARTIAL), child


def serve(app: FastAPI, folder: Path = PAGE) -> None:
    """Serve the page at ``/``. Call it last: it takes every path that nothing else has taken."""
    if (folder / "index.html").is_file():
        app.router.routes.append(_BesideTheApi("/", _Page(directory=folder, html=True), name="page"))
        return

    @app.get("/", include_in_schema=False)
    def _home() -> RedirectResponse:
        return RedirectResponse("/docs")
