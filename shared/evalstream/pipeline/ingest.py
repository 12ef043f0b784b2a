"""Records as they came to events that are kept, or to dead letters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

import numpy as np
import pyarrow as pa

from evalstream.arrow import numbers
from evalstream.events import Reader, Record, Rejection, decode, events_table
from evalstream.events.checking import decode_columns
from evalstream.storage.dead_letters import DeadLetter, keep_dead_letters
from evalstream.storage.events import append_events
from evalstream.storage.recent import Recent

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client


class Ingested(NamedTuple):
    """Result of ingesting a batch: how many events were kept, the rows they changed, and what was rejected.

    ``newest`` is the highest version among the events, 0 where there are none.
    """

    accepted: int
    changed: set[tuple[str, str]]
    rejected: list[Rejection]
    newest: int


def ingest(
    client: Client,
    records: Iterable[Record],
    reader: Reader,
    source: str,
    upload: str | None = None,
    recent: Recent | None = None,
) -> Ingested:
    """Validate a batch and keep all of it: the events in ``events``, the rest in ``dead_letters``.

    When this returns, both are on disk: the batch may be acknowledged. Ingest only appends; calling it again with the
    same records of the same ``upload`` changes nothing. An upload that comes in several batches has one name, which
    tells its lines from those of all others; without one, each batch is an upload of its own. ``recent`` is the memory
    of who matches in this process.
    """
    received, rejected = decode(records, reader, as_models=False)
    if received:
        append_events(client, events_table(received), recent)
    name = upload or uuid4().hex
    keep_dead_letters(client, [_dead_letter(item, source, name) for item in rejected])
    changed = {(item.event.dataset, item.event.data_row) for item in received}
    return Ingested(len(received), changed, rejected, max((item.version for item in received), default=0))


def ingest_columns(
    client: Client,
    events: pa.RecordBatch,
    reader: Reader,
    source: str,
    upload: str,
    first: int,
    recent: Recent | None = None,
) -> Ingested:
    """Validate a batch of events in columns (schema ``EVENTS``) and keep all of it, as :func:`ingest` does.

    ``first`` is the position of the first one in its upload.
    """
    kept, rejected = decode_columns(events, reader, first)
    for table in kept:
        append_events(client, table, recent)
    keep_dead_letters(client, [_dead_letter(item, source, upload) for item in rejected])
    changed = {key for table in kept for key in _keys(table)}
    newest = max((int(np.max(numbers(table["version"].combine_chunks()))) for table in kept), default=0)
    return Ingested(sum(table.num_rows for table in kept), changed, rejected, newest)


def _keys(events: pa.Table) -> Iterable[tuple[str, str]]:
    return zip(events["dataset"].to_pylist(), events["data_row"].to_pylist(), strict=True)


def _dead_letter(item: Rejection, source: str, upload: str) -> DeadLetter:
    return DeadLetter(
        id=f"{upload}/{item.position}",
        source=source,
        partition=-1,
        position=item.position,
        key=None,
        headers=[],
        data_row=item.data_row,
        reason=item.reason,
        payload=item.payload,
    )
