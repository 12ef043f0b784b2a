"""Records as they came to events that are kept, or to dead letters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from clickhouse_connect.driver.client import Client

from evalstream.events import Reader, Record, Rejection, decode, events_table
from evalstream.storage.dead_letters import keep_dead_letters
from evalstream.storage.events import append_events


class Ingested(NamedTuple):
    """What became of a batch: how many events were kept, the rows they changed, and what was rejected."""

    accepted: int
    changed: set[tuple[str, str]]
    rejected: list[Rejection]


def ingest(client: Client, records: Iterable[Record], reader: Reader, source: str) -> Ingested:
    """Validate a batch and keep all of it: the events in ``events``, the rest in ``dead_letters``.

    When this returns, both are on disk: the batch may be acknowledged. Ingest only appends; calling it again with the
    same records changes nothing but the dead letters' number.
    """
    received, rejected = decode(records, reader)
    if received:
        append_events(client, events_table(received))
    keep_dead_letters(client, source, rejected)
    return Ingested(len(received), {(item.event.dataset, item.event.data_row) for item in received}, rejected)
