"""Declare over HTTP what is known of a dataset: its classes, and how its shapes are to be compared."""

from __future__ import annotations

from typing import Annotated, Any, Final

from evalstream.changes import Declaration
from evalstream.events.base import Name
from evalstream.ontology import Ontology, OntologyClass
from evalstream.storage.ontologies import Declared, content_id, declare, in_force
from evalstream_service.backend import backend_of, intake_of
from evalstream_service.errors import KEYED, declared
from evalstream_service.load import change
from evalstream_service.security import require
from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

#: Of one document: 100,000 classes with a colour, a parent and an attribute take half of it.
BODY_LIMIT: Final = 32 * 1024 * 1024
ERRORS_TOLD: Final = 100


def _schema() -> dict[str, Any]:
    """The body's JSON Schema in one piece: a reference within it would point nowhere in an OpenAPI document."""
    schema = Ontology.model_json_schema()
    schema["properties"]["classes"]["items"] = schema.pop("$defs")[OntologyClass.__name__]
    return schema


router = APIRouter(
    prefix="/v1/datasets/{dataset}",
    tags=["ontology"],
    dependencies=[Depends(require("write")), Depends(change)],
    responses=declared(*KEYED, 408, 409, 413, 507),
)
_BODY = {
    "requestBody": {
        "required": True,
        "description": "the declaration, whole: it takes the place of the one before",
        "content": {"application/json": {"schema": _schema()}},
    }
}


@router.put("/ontology", openapi_extra=_BODY)
async def put_ontology(
    request: Request,
    dataset: Annotated[Name, Path()],
    version: Annotated[
        int | None,
        Query(ge=0, lt=2**63, description="the highest one is in force; none: the time of receipt in nanoseconds"),
    ] = None,
) -> Declaration:
    """Declare classes, their hierarchy, and how shapes are compared. Every data row is then matched anew.

    Sending the same again changes nothing.
    """
    body = await _bounded(request)
    declared, made = await run_in_threadpool(_declare, request, dataset, body, version)
    rematch_all = intake_of(request).rematch_all
    await rematch_all(dataset)
    is_it = (declared.version, declared.id) == made
    return Declaration(version=made[0], id=made[1], in_force=is_it, revisions=declared.revisions)


def _declare(request: Request, dataset: str, body: bytes, version: int | None) -> tuple[Declared, tuple[int, str]]:
    """Declare; return what is in force then, and the version and id of what was declared."""
    ontology = _read(body)
    client = backend_of(request).clients()
    clock = intake_of(request).clock
    if version is None:
        before = in_force(client, dataset)
        if before.revisions and before.id == content_id(ontology):  # said already, and nothing else since
            return before, (before.version, before.id)
        version = max(clock(), before.version + 1)  # not given, it is the newest, whatever clock the others went by
    name = declare(client, dataset, ontology, version)
    return in_force(client, dataset), (version, name)


def _read(body: bytes) -> Ontology:
    try:
        return Ontology.model_validate_json(body)
    except ValidationError as error:
        # Told as FastAPI tells it: the first part of the place is where in the request.
        errors = error.errors(include_url=False, include_input=False, include_context=False)[:ERRORS_TOLD]
        raise RequestValidationError([item | {"loc": ("body", *item["loc"])} for item in errors]) from None


async def _bounded(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_LIMIT:
            raise HTTPException(413, f"an ontology has at most {BODY_LIMIT} bytes")
    return bytes(body)
