"""Events over HTTP: streamed lines or columns in, counts and each rejected record's reason out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Final
from urllib.parse import quote, unquote
from uuid import uuid4

from evalstream.changes import REASONS_TOLD, RejectedLine, Upload
from evalstream.events import AnnotationEvent, PredictionEvent, Reader, Record
from evalstream.events.base import Name
from evalstream.events.decoding import PAYLOAD_LIMIT
from evalstream.positions import latest
from evalstream_service.backend import Kept, intake_of
from evalstream_service.errors import KEYED, declared
from evalstream_service.load import change
from evalstream_service.security import require
from fastapi import APIRouter, Depends, HTTPException, Path, Request

from evalstream_api import arrow_stream
from evalstream_api.ndjson import lines

#: Lines, and bytes, that are kept together: large inserts are cheap, and a batch must fit into memory many times over.
BATCH_LINES: Final = 1_000
BATCH_BYTES: Final = 8 * 1024 * 1024


router = APIRouter(
    prefix="/v1/datasets/{dataset}",
    tags=["events"],
    dependencies=[Depends(require("write")), Depends(change)],
    responses=declared(*KEYED, 400, 408, 409, 413, 415, 507),
)
_BODY = {
    "requestBody": {
        "required": False,
        "description": "one event a line, or none; `dataset` and `run` may be left out, for the URL says them. Or, as "
        f"`{arrow_stream.MEDIA_TYPE}`, events in columns: an uncompressed Arrow stream of the schema in "
        f"`schemas/event-columns.json`, whose batches have at most {arrow_stream.BATCH_BYTES} bytes and "
        f"{arrow_stream.BATCH_ROWS} rows. Whatever else the type says is read as lines",
        "content": {
            kind: {"schema": {"type": "string", "format": "binary"}}
            for kind in ("application/x-ndjson", arrow_stream.MEDIA_TYPE)
        },
    }
}


@router.post("/annotations", openapi_extra=_BODY)
async def upload_annotations(request: Request, dataset: Annotated[Name, Path()]) -> Upload:
    """Upload annotation events. What a line says takes effect for every model run over the data row."""
    return await _upload(request, Reader(AnnotationEvent, {"dataset": dataset}))


@router.post("/runs/{run}/predictions", openapi_extra=_BODY)
async def upload_predictions(
    request: Request, dataset: Annotated[Name, Path()], run: Annotated[Name, Path()]
) -> Upload:
    """Upload prediction events of one model run."""
    return await _upload(request, Reader(PredictionEvent, {"dataset": dataset, "run": run}))


def route_of(reader: Reader) -> str:
    """Name the route whose uploads are read so."""
    dataset, run = (quote(reader.known.get(name, ""), safe="") for name in ("dataset", "run"))
    if reader.model is AnnotationEvent:
        return f"/v1/datasets/{dataset}/annotations"
    return f"/v1/datasets/{dataset}/runs/{run}/predictions"


def reader_of(route: str) -> Reader:
    """Say how uploads to a route are read: the inverse of :func:`route_of`.

    Raises
    ------
    ValueError
        If it is not a route for uploads.
    """
    match [unquote(part) for part in route.split("/")]:
        case ["", "v1", "datasets", dataset, "annotations"]:
            return Reader(AnnotationEvent, {"dataset": dataset})
        case ["", "v1", "datasets", dataset, "runs", run, "predictions"]:
            return Reader(PredictionEvent, {"dataset": dataset, "run": run})
    raise ValueError(f"{route!r} is not a route for uploads, so nothing can be put back there")


async def _upload(request: Request, reader: Reader) -> Upload:
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if coding != "identity":
        raise HTTPException(415, f"Content-Encoding {coding!r} is not read here: send the lines as they are")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    kept = _kept_columns if kind == arrow_stream.MEDIA_TYPE else _kept_lines
    result = Upload(accepted=0, rejected=0, errors=[])
    positions: list[str | None] = []
    async for accepted, rejected, position in kept(request, reader):
        positions.append(position)
        result.accepted += accepted
        result.rejected += len(rejected)
        room = REASONS_TOLD - len(result.errors)
        result.errors += [
            RejectedLine(line=item.position, data_row=item.data_row, reason=item.reason) for item in rejected[:room]
        ]
    result.position = latest(positions) if positions else intake_of(request).position()
    return result


async def _kept_lines(request: Request, reader: Reader) -> AsyncIterator[Kept]:
    """Keep events that come as lines, a batch at a time."""
    accept, clock = intake_of(request).accept, intake_of(request).clock
    name = uuid4().hex
    batch: list[Record] = []
    size = 0
    async for line in lines(_bounded(request), PAYLOAD_LIMIT):
        batch.append(Record(line.content, line.number, clock()))
        size += len(line.content)
        if len(batch) >= BATCH_LINES or size >= BATCH_BYTES:
            yield await accept(batch, reader, name)
            batch, size = [], 0
    if batch:
        yield await accept(batch, reader, name)


async def _kept_columns(request: Request, reader: Reader) -> AsyncIterator[Kept]:
    """Keep events that come in columns, a batch at a time."""
    accept, name, first = intake_of(request).accept_columns, uuid4().hex, 1
    async for batch in arrow_stream.batches(_bounded(request)):
        yield await accept(batch, reader, name, first)
        first += batch.num_rows


async def _bounded(request: Request) -> AsyncIterator[bytes]:
    limit = intake_of(request).max_upload_bytes
    total = 0
    async for chunk in request.stream():
        total += len(chunk)
        if total > limit:
            raise HTTPException(
                413, f"an upload has at most {limit} bytes; send it in parts (parts already accepted stay accepted)"
            )
        yield chunk
