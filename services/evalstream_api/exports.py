"""Exports of a run over HTTP: the files that the exporters write for clients, asked for within the service."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import IO, Annotated, Any, Final, TypeVar, cast

from clickhouse_connect.driver.exceptions import ClickHouseError
from evalstream.client.errors import RefusedError
from evalstream.events.base import Name
from evalstream.exporters.files import Open, archived
from evalstream.exporters.questions import ExportQuery, MislabelsQuery, ReportDocument, ReportQuery
from evalstream.questions import Asked, NothingElse, Question
from evalstream.selection import QuestionError
from evalstream_service.backend import backend_of
from evalstream_service.errors import KEYED, declared, told
from evalstream_service.security import require
from evalstream_service.streaming import plain_name, streamed
from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from evalstream_api.questions import ANSWERS

A = TypeVar("A", bound=BaseModel)
Dataset = Annotated[Name, Path()]
Run = Annotated[Name, Path()]

router = APIRouter(
    prefix="/v1/datasets/{dataset}/runs/{run}",
    tags=["exports"],
    dependencies=[Depends(require("read"))],
    responses=declared(*KEYED, 404, 504),
)
#: The ending of a file, and what a browser is told of it.
_ENDINGS: Final = {"labelbox": "ndjson", "label-studio": "json", "cvat": "xml", "markdown": "md"}
_TYPES: Final = {"html": "text/html", "markdown": "text/markdown", "json": "application/json"}


def _binary(*types: str) -> dict[int | str, dict[str, Any]]:
    """Describe an answer that is a file."""
    return {200: {"content": {name: {"schema": {"type": "string", "format": "binary"}} for name in types}}}


class _Within(Asked):
    """Asks the service's own questions on the thread that writes their answers."""

    def __init__(self, request: Request) -> None:
        self._backend = backend_of(request)

    def _answer(self, question: Question[..., A], names: tuple[str, ...], said: dict[str, Any]) -> A:
        query = question.put(said)
        asked: dict[str, Any] = dict(zip(question.names, names, strict=True))
        if question.query is not NothingElse:
            asked["query"] = query
        try:
            return cast(A, ANSWERS[question.name](self._backend, **asked))
        except QuestionError as error:
            raise RefusedError("GET", question.path, 422, str(error)) from error
        except ClickHouseError as error:
            status, detail = told(str(error)) or (0, "")
            if status != 422:
                raise
            # An exporter asks for less then.
            raise RefusedError("GET", question.path, status, detail) from error


@router.get("/export", response_class=Response, responses=_binary("application/zip"))
async def get_export(
    request: Request, dataset: Dataset, run: Run, query: Annotated[ExportQuery, Query()]
) -> StreamingResponse:
    """Give every annotation and prediction with what became of it, and what that is of: a ZIP archive.

    It holds the files that `evalstream export` writes: one of the format, or a folder for `coco`, and `about.json`,
    which says policy, thresholds, filters, time, counts and what was left out. It is sent while it is written; if that
    fails on the way, the archive has no end, and cannot be opened.
    """
    from evalstream.exporters.export import write_export

    write = partial(write_export, _Within(request), dataset, run, query)
    return await _archive(request, write, f"{dataset}-{run}", "" if query.format == "coco" else f".{query.format}")


@router.get("/mislabels", response_class=Response, responses=_binary("application/zip"))
async def get_mislabels(
    request: Request, dataset: Dataset, run: Run, query: Annotated[MislabelsQuery, Query()]
) -> StreamingResponse:
    """Give data rows that may be labelled wrongly, for a labelling tool to import: a ZIP archive.

    It holds the files that `evalstream export-mislabels` writes: one for the tool, a list of the candidates, and
    `about.json`.
    """
    from evalstream.exporters.mislabels import write_mislabels

    write = partial(write_mislabels, _Within(request), dataset, run, query)
    return await _archive(request, write, f"{dataset}-{run}-mislabels", f".{_ENDINGS[query.format]}")


@router.get("/report", response_class=Response, responses=_binary(*_TYPES.values()))
async def get_report(
    request: Request, dataset: Dataset, run: Run, query: Annotated[ReportDocument, Query()]
) -> StreamingResponse:
    """Give a run's report as one document: what `evalstream export-report` writes."""
    from evalstream.exporters.documents import WRITERS
    from evalstream.exporters.report import gather

    ending = _ENDINGS.get(query.format, query.format)

    def write(file: IO[bytes]) -> None:
        said = query.model_dump(include=set(ReportQuery.model_fields))
        file.write(WRITERS[f".{ending}"](gather(_Within(request), dataset, run, **said)).encode())

    name = plain_name(f"{dataset}-{run}-report")
    return await streamed(request, _told(write), file_name=f"{name}.{ending}", media_type=_TYPES[query.format])


async def _archive(request: Request, write: Callable[[Open, str], Any], name: str, ending: str) -> StreamingResponse:
    """Answer with a ZIP archive of the files that are written; ``ending`` is that of the first."""
    name = plain_name(name)

    def write_archive(file: IO[bytes]) -> None:
        with archived(file) as open_file:
            write(open_file, f"{name}{ending}")

    return await streamed(request, _told(write_archive), file_name=f"{name}.zip", media_type="application/zip")


def _told(write: Callable[[IO[bytes]], None]) -> Callable[[IO[bytes]], None]:
    """Have a question that is refused answered as routes of questions do."""

    def write_or_tell(file: IO[bytes]) -> None:
        try:
            write(file)
        except RefusedError as error:
            raise HTTPException(error.status, error.detail) from error

    return write_or_tell
