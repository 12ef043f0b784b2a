"""Metadata of data rows: the values of one key of their metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from pydantic import BaseModel, Field

from evalstream.selection import Filter, Selection
from evalstream.stored.counted import ask, selected
from evalstream.tabular import Tabular

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

_KEY: Final = "metadata[{metadata_key:String}]"
_HAS: Final = "mapContains(metadata, {metadata_key:String})"
#: SQL for the value of the key ``metadata_key`` as a number, or NULL: "nan" and "inf" are texts.
METADATA_NUMBER: Final = f"if(isFinite(toFloat64OrNull({_KEY})), toFloat64OrNull({_KEY}), NULL)"


class MetadataPage(BaseModel):
    """Query of metadata: which key, and which page of its values."""

    key: str = Field(min_length=1, max_length=128, description="of the data rows' metadata")
    search: str = Field(default="", max_length=1024, description="only values that contain this, in any case")
    offset: int = Field(default=0, ge=0, lt=2**53)
    limit: int = Field(default=50, ge=1, le=1000)


class MetadataQuery(Filter, MetadataPage):
    """A filter, and which values."""


class MetadataValue(BaseModel):
    """One value, as text: true is ``true``, and a number is as it was sent."""

    value: str
    rows: int = Field(description="data rows that have it")


class Metadata(Tabular):
    """Values of the selected data rows under one key of their metadata."""

    table: ClassVar = "values"

    key: str
    rows: int = Field(description="data rows that are selected")
    known: int = Field(description="those that have the key")
    numbers: int = Field(description="those whose value is a number, finite")
    minimum: float | None = Field(description="of the numbers; null where there is none")
    maximum: float | None
    total: int = Field(description="different values that fit, given or not")
    values: list[MetadataValue] = Field(description="the most frequent first, of equals by text")


def metadata(client: Client, selection: Selection, page: MetadataPage) -> Metadata:
    """List the values that the selected data rows have under a key, and how many rows have each."""
    sql, parameters = selected(selection)
    parameters = parameters | {"metadata_key": page.key}
    ((rows, known, numbers, minimum, maximum),) = ask(
        client,
        f"SELECT count(), countIf({_HAS}), count(number), min(number), max(number)"
        f" FROM (SELECT metadata, {METADATA_NUMBER} AS number FROM ({sql}))",
        parameters,
    )
    counted = ask(
        client,
        f"""
        SELECT value, count() AS having, count() OVER () FROM (SELECT {_KEY} AS value FROM ({sql}) WHERE {_HAS})
        WHERE {{search:String}} = '' OR positionCaseInsensitiveUTF8(value, {{search:String}}) > 0
        GROUP BY value ORDER BY having DESC, value LIMIT {{limit:UInt32}} OFFSET {{offset:UInt64}}
        """,
        parameters | page.model_dump(include={"search", "limit", "offset"}),
    )
    if not counted and page.offset:  # beyond the end nobody says how many there are
        first = page.model_copy(update={"offset": 0, "limit": 1})
        return metadata(client, selection, first).model_copy(update={"values": []})
    return Metadata(
        key=page.key,
        rows=rows,
        known=known,
        numbers=numbers,
        minimum=minimum,
        maximum=maximum,
        total=counted[0][2] if counted else 0,
        values=[MetadataValue(value=value, rows=count) for value, count, _ in counted],
    )
