"""Pictures of data rows, from a folder that the service was told to serve."""

from __future__ import annotations

import mimetypes
import posixpath
from pathlib import Path
from typing import Final

from evalstream_service.errors import declared
from evalstream_service.security import demand, require
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

#: Whether a picture has changed, and may be seen, is asked each time; and it is a picture, whatever else it may hold.
_HEADERS: Final = {
    "Cache-Control": "private, no-cache",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "X-Content-Type-Options": "nosniff",
}


def media_router(folder: Path) -> APIRouter:
    """Make the route that serves a folder of images under ``/media``."""
    files = StaticFiles(directory=folder)
    for suffix in ("webp", "avif"):  # not every system's table has them
        mimetypes.add_type(f"image/{suffix}", f".{suffix}")
    router = APIRouter(tags=["questions"], dependencies=[Depends(require("read"))])

    @router.get(
        "/media/{path:path}",
        summary="Media",
        response_class=FileResponse,
        responses=declared(401, 403, 404, 421, 422, 429, 503),
    )
    async def _media(request: Request, path: str) -> Response:
        """Give an image of the demo, or of whatever folder the service was told to serve.

        A key for some datasets only sees what lies in a folder that is named as one of them.
        """
        # Normalised first: the folder that is checked must be the one that is read.
        path = posixpath.normpath(f"/{path.lstrip('/')}")[1:]
        folder, slash, _ = path.partition("/")
        demand(request, folder if slash else None)
        response = await files.get_response(path, request.scope)
        response.headers.update(_HEADERS)
        return response

    return router
