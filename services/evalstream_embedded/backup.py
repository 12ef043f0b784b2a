"""A backup over HTTP, for the embedded engine can be open in this process only."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Final

from evalstream.storage.backup import write_backup
from evalstream_service.backend import backend_of
from evalstream_service.errors import KEYED, declared
from evalstream_service.security import audit, demand, require
from fastapi import APIRouter, Depends, Request
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

#: Within the folder of data: what is being written, and nothing of anybody else's.
_UNDER_WAY: Final = "backups-under-way"


def clear(data: Path) -> None:
    """Remove what a backup has left behind that ended with its process."""
    shutil.rmtree(data / _UNDER_WAY, ignore_errors=True)


def make_router(data: Path) -> APIRouter:
    """Make the route, for a service that keeps everything in this folder."""
    router = APIRouter(
        prefix="/v1/backup",
        tags=["operation"],
        dependencies=[Depends(require("admin"))],
        responses=declared(*KEYED, 507),
    )

    @router.get("", response_class=FileResponse)
    def get_backup(request: Request) -> FileResponse:
        """Give all data of the service as one file, which `evalstream restore` reads. Everything goes on meanwhile."""
        demand(request, None)  # a key for all datasets, for it holds all of them
        audit(request, "backup")
        under_way = data / _UNDER_WAY
        under_way.mkdir(exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=under_way))
        try:
            write_backup(backend_of(request).clients(), folder / "backup.zip")
        except BaseException:
            shutil.rmtree(folder)
            raise
        return FileResponse(
            folder / "backup.zip",
            media_type="application/zip",
            filename="evalstream-backup.zip",
            background=BackgroundTask(shutil.rmtree, folder),
        )

    return router
