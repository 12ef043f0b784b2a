"""Tell over HTTP, before annotations are sent, which data rows are there already with other files."""

from __future__ import annotations

from typing import Annotated

from evalstream.changes import FileNames, OtherFiles
from evalstream.events.base import Name
from evalstream.storage.events import file_names
from evalstream_service.backend import backend_of
from evalstream_service.errors import KEYED, declared
from evalstream_service.load import change
from evalstream_service.security import require
from fastapi import APIRouter, Depends, Path, Request

router = APIRouter(
    prefix="/v1/datasets/{dataset}",
    tags=["events"],
    dependencies=[Depends(require("write")), Depends(change)],
    responses=declared(*KEYED, 400, 408, 413),
)


@router.post("/other-files")
def post_other_files(request: Request, dataset: Annotated[Name, Path()], said: FileNames) -> OtherFiles:
    """Tell which of some data rows are there with another `file_name` in their metadata. Nothing is changed.

    Two splits whose images are counted alike would otherwise overwrite each other's annotations.
    """
    client = backend_of(request).clients()
    known = file_names(client, dataset, list(said.file_names))
    return OtherFiles(other_files={row: own for row, own in known.items() if own != said.file_names[row]})
