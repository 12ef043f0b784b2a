"""Table ``dead_letters``: what could not be read."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
from clickhouse_connect.driver.client import Client

from evalstream.events import Rejection
from evalstream.storage.engine import INSERT

_SCHEMA = pa.schema(
    [
        ("source", pa.string()),
        ("partition", pa.int32()),
        ("position", pa.uint64()),
        ("key", pa.string()),
        ("reason", pa.string()),
        ("payload", pa.binary()),  # the original bytes, whatever they are
    ]
)


def keep_dead_letters(client: Client, source: str, rejected: Sequence[Rejection], partition: int = -1) -> None:
    """Keep rejected records; when this returns they are on disk."""
    if not rejected:
        return
    columns = {
        "source": [source] * len(rejected),
        "partition": [partition] * len(rejected),
        "position": [item.position for item in rejected],
        "key": [item.data_row for item in rejected],
        "reason": [item.reason for item in rejected],
        "payload": [item.payload for item in rejected],
    }
    client.insert_arrow("dead_letters", pa.table(columns, schema=_SCHEMA), settings=INSERT)
