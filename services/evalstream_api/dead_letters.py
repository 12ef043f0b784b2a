"""Dead letters over HTTP: look at what could not be read, put it back, or drop it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Final

from clickhouse_connect.driver.client import Client
from evalstream.storage.dead_letters import (
    DeadLetter,
    dataset_by_id,
    datasets_of_dead_letters,
    drop_dead_letters,
    list_dead_letters,
    load_dead_letter,
)
from evalstream_service.backend import backend_of, intake_of
from evalstream_service.errors import KEYED, declared
from evalstream_service.load import change
from evalstream_service.security import audit, require, sees, sees_everything
from fastapi import APIRouter, Depends, HTTPException, Query, Request
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

#: How many one request may replay or drop: few enough to answer soon, and to hold in memory.
IDS_LIMIT: Final = 100

#: How RFC 3339 begins: pydantic would take numbers for seconds since 1970, which the OpenAPI document does not say.
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]")

router = APIRouter(prefix="/v1/dead-letters", tags=["dead letters"], responses=declared(*KEYED))
#: Whoever sends events may see which of them could not be read; what is done about them is an administrator's business.
_LOOK: Final = [Depends(require("write")), Depends(change)]
_CHANGE: Final = [Depends(require("admin")), Depends(change)]


class Listed(BaseModel):
    """A dead letter, without its content."""

    model_config = ConfigDict(from_attributes=True)

    id: str = Field(description="where it came from: topic/partition/offset, or upload/line")
    source: str = Field(description="a Kafka topic, or the route of an upload")
    partition: int = Field(description="-1 for an upload")
    position: int = Field(description="the offset in the partition, or the line in the upload")
    data_row: str = Field(description="empty where the record does not say")
    reason: str
    size: int = Field(description="bytes of the record")
    received_at: datetime


class DeadLetters(BaseModel):
    """Some dead letters."""

    dead_letters: list[Listed]


class Header(BaseModel):
    """A header of a Kafka record."""

    model_config = ConfigDict(ser_json_bytes="base64")

    name: str
    value: bytes | None


class Whole(Listed):
    """A dead letter, whole; what is bytes comes in the URL-safe alphabet of base64."""

    model_config = ConfigDict(ser_json_bytes="base64")

    key: bytes | None = Field(description="of the Kafka record")
    headers: list[Header]
    payload: bytes | None = Field(
        description="the record as it came, cut off where it is a line over the limit; null for a Kafka record "
        "without a value"
    )


class Chosen(BaseModel):
    """Selection of dead letters."""

    ids: list[str] = Field(min_length=1, max_length=IDS_LIMIT)


class Count(BaseModel):
    """Count of the dead letters that were changed; unknown ids do not count."""

    count: int


def _is_date(value: object) -> object:
    if isinstance(value, str) and not _DATE.match(value):
        raise ValueError("must be a date and time with its zone, such as 2026-01-31T12:00:00Z")
    return value


class Choice(BaseModel):
    """Query of the list of dead letters."""

    source: str = Field(default="", description="only of this topic or route")
    reason: str = Field(default="", description="only where the reason contains this, in upper or lower case")
    since: Annotated[AwareDatetime, BeforeValidator(_is_date)] | None = Field(
        default=None, ge=datetime(1970, 1, 1, tzinfo=UTC), description="only what came then or later"
    )
    limit: int = Field(default=100, ge=1, le=10_000)
    oldest_first: bool = False


def _client(request: Request) -> Client:
    return backend_of(request).clients()


def _load(request: Request, name: str) -> DeadLetter | None:
    return load_dead_letter(_client(request), name) if _seen(request, [name]) else None


def _drop(request: Request, ids: list[str]) -> int:
    return drop_dead_letters(_client(request), _seen(request, ids))


def _seen(request: Request, ids: list[str]) -> list[str]:
    """Leave out the dead letters that the request's key may not know of; they are to it as if there were none."""
    if sees_everything(request):
        return ids
    datasets = dataset_by_id(_client(request), ids)
    return [name for name in ids if (dataset := datasets.get(name)) and sees(request, dataset)]


def _datasets(request: Request) -> list[str] | None:
    """Name the datasets whose dead letters the request's key may see; None: of all, and those of no known dataset."""
    if sees_everything(request):
        return None
    return [dataset for dataset in datasets_of_dead_letters(_client(request)) if sees(request, dataset)]


@router.get("", dependencies=_LOOK)
def get_dead_letters(request: Request, choice: Annotated[Choice, Query()]) -> DeadLetters:
    """List records that could not be read, with the reason; the newest first."""
    letters = list_dead_letters(_client(request), **choice.model_dump(), datasets=_datasets(request))
    return DeadLetters(dead_letters=[Listed.model_validate(letter) for letter in letters])


@router.get("/{id:path}", dependencies=_LOOK, responses=declared(404))
def get_dead_letter(request: Request, id: str) -> Whole:  # noqa: A002 - the parameter's name in the URL
    """Give one with all that was kept: to the last byte, except of an upload's line that is over the limit."""
    letter = _load(request, id)
    if letter is None:
        raise HTTPException(404, f"there is no dead letter {id!r}; it may have been replayed or dropped")
    headers = [{"name": name, "value": value} for name, value in letter.headers]
    return Whole.model_validate(letter._asdict() | {"headers": headers, "size": len(letter.payload or b"")})


@router.delete("", dependencies=_CHANGE, responses=declared(507))
def delete_dead_letters(request: Request, chosen: Annotated[Chosen, Query()]) -> Count:
    """Drop dead letters for good."""
    count = _drop(request, chosen.ids)
    audit(request, "dead-letters.drop", ids=chosen.ids, count=count)
    return Count(count=count)


@router.post("/replay", dependencies=_CHANGE, responses=declared(400, 408, 409, 413, 507))
async def replay_dead_letters(request: Request, chosen: Chosen) -> Count:
    """Put dead letters back where they came from, one after another, in the order given.

    Each leaves the table only after it was acknowledged there. One that still cannot be read becomes a dead letter
    again, with an id of its own. The first error ends it; those before it are done.
    """
    put_back = intake_of(request).put_back
    done: list[str] = []
    try:
        for name in chosen.ids:
            letter = await run_in_threadpool(_load, request, name)
            if letter is not None:
                await put_back(letter)
                done.append(letter.id)
    except ValueError as error:
        raise HTTPException(422, f"after {len(done)} put back: {error}") from error
    finally:
        audit(request, "dead-letters.replay", ids=done, count=len(done))
        await run_in_threadpool(_drop, request, done)
    return Count(count=len(done))
