"""Table ``dead_letters``: what could not be read, kept until somebody replays or drops it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pyarrow as pa

from evalstream.storage.settings import INSERT
from evalstream.storage.statements import change

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

_SCHEMA: Final = pa.schema(
    [
        ("id", pa.string()),
        ("source", pa.string()),
        ("partition", pa.int32()),
        ("position", pa.uint64()),
        ("key", pa.binary()),
        ("headers", pa.map_(pa.string(), pa.binary())),
        ("data_row", pa.string()),
        ("reason", pa.string()),
        ("payload", pa.binary()),
    ]
)
#: The order in which they came; of one partition or upload, exactly so.
_ORDER: Final = ("received_at", "source", "partition", "position")
_TEXTS: Final = ("id", "source", "data_row", "reason")

#: The dataset that a letter was sent to, as the URL of its upload says or the header in which the gateway passes it on.
#: Empty where only the record itself could say, which could not be read.
_DATASET: Final = """
if(startsWith(source, '/v1/datasets/'), decodeURLComponent(splitByChar('/', source)[4]),
   ifNull(headers['evalstream-dataset'], ''))
"""

_WHERE = f"""
WHERE ({{source:String}} = '' OR source = {{source:String}})
  AND ({{reason:String}} = '' OR positionCaseInsensitiveUTF8(reason, {{reason:String}}) > 0)
  AND received_at >= {{since:DateTime64(3, 'UTC')}}
  AND ({{every_dataset:Bool}} OR {_DATASET} IN {{datasets:Array(String)}})
"""
_BRIEFLY = "id, source, partition, position, data_row, reason, ifNull(length(payload), 0) AS size, received_at"
_LOAD = f"SELECT {', '.join(_SCHEMA.names)}, received_at FROM dead_letters FINAL WHERE id = {{id:String}}"
_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


class DeadLetter(NamedTuple):
    """A record that could not be read, to the last byte."""

    id: str
    source: str
    partition: int
    position: int
    key: bytes | None
    headers: Sequence[tuple[str, bytes | None]]
    data_row: str
    reason: str
    payload: bytes | None
    received_at: datetime | None = None


class Brief(NamedTuple):
    """A dead letter as a list shows it: without its content, which may be large."""

    id: str
    source: str
    partition: int
    position: int
    data_row: str
    reason: str
    size: int
    received_at: datetime


def keep_dead_letters(client: Client, letters: Sequence[DeadLetter]) -> None:
    """Keep what could not be read; when this returns it is on disk."""
    if not letters:
        return
    columns = {name: [getattr(letter, name) for letter in letters] for name in _SCHEMA.names}
    client.insert_arrow("dead_letters", pa.table(columns, schema=_SCHEMA), settings=INSERT)


def list_dead_letters(
    client: Client,
    *,
    source: str = "",
    reason: str = "",
    since: datetime | None = None,
    limit: int = 100,
    oldest_first: bool = False,
    datasets: Sequence[str] | None = None,
) -> list[Brief]:
    """List dead letters: of one source, whose reason contains a text, that came since a time; the newest first.

    With ``datasets`` only those that are known to have been sent to one of them.
    """
    parameters = {
        "source": source,
        "reason": reason,
        "since": since or _LONG_AGO,
        "limit": limit,
        "every_dataset": datasets is None,
        "datasets": list(datasets or ()),
    }
    order = ", ".join(f"{column} {'ASC' if oldest_first else 'DESC'}" for column in _ORDER)
    statement = f"SELECT {_BRIEFLY} FROM dead_letters FINAL {_WHERE} ORDER BY {order} LIMIT {{limit:UInt32}}"
    return [Brief(*row) for row in client.query(statement, parameters=parameters).result_rows]


def datasets_of_dead_letters(client: Client) -> list[str]:
    """List the datasets that dead letters were sent to."""
    statement = f"SELECT DISTINCT {_DATASET} AS dataset FROM dead_letters WHERE dataset != '' ORDER BY dataset"
    return [dataset for (dataset,) in client.query(statement).result_rows]


def dataset_by_id(client: Client, ids: Sequence[str]) -> dict[str, str]:
    """Say which dataset each dead letter was sent to, empty where that is not known; leave out unknown ids."""
    statement = f"SELECT id, {_DATASET} FROM dead_letters FINAL WHERE id IN {{ids:Array(String)}}"
    return {row[0]: row[1] for row in client.query(statement, parameters={"ids": list(ids)}).result_rows}


def load_dead_letter(client: Client, name: str) -> DeadLetter | None:
    """Load the dead letter of an id, whole; None if there is none."""
    # As bytes throughout: what could not be read need not be text.
    rows = client.query_arrow(_LOAD, parameters={"id": name}, use_strings=False).to_pylist()
    return _letter(rows[0]) if rows else None


def drop_dead_letters(client: Client, ids: Sequence[str]) -> int:
    """Remove dead letters; when this returns no question finds them any more. Say how many of the ids there were."""
    parameters = {"ids": list(ids)}
    condition = "WHERE id IN {ids:Array(String)}"
    (count,) = client.query(f"SELECT count() FROM dead_letters FINAL {condition}", parameters=parameters).result_rows[0]
    if count:
        change(client, f"DELETE FROM dead_letters {condition}", parameters)
    return int(count)


def _letter(row: dict[str, Any]) -> DeadLetter:
    texts = {name: row[name].decode() for name in _TEXTS}
    headers = [(name.decode(), value) for name, value in row["headers"]]
    return DeadLetter(**row | texts | {"headers": headers})
