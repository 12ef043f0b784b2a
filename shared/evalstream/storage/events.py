"""Table ``events``: append, and load whole data rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from evalstream.events import EVENTS
from evalstream.storage.boxes import in_hundredths, in_units, with_areas, without_areas
from evalstream.storage.deletions import conditions
from evalstream.storage.recent import EventKey, Recent
from evalstream.storage.settings import INSERT, INSERT_DISTINCT

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

#: Rows an insert; ClickHouse splits one of more than 1,048,576, and then it is no longer atomic.
INSERT_ROWS = 100_000
#: Keys a look-up; beyond some thousands ClickHouse spends its time on the list.
LOOKUP_ROWS = 5_000

#: Datasets of which a run has said something.
_PREDICTED: Final[set[str]] = set()
_PREDICTED_LIMIT: Final = 10_000
#: What the table has of an event: :func:`as_sent` makes an event of it.
STORED = (*EVENTS.names, "object_hundredths")

# The conditions look at the key alone, so that they may come before FINAL: without being told, the engine would read
# every column of whatever stands near these data rows.
_LOAD = f"""
SELECT {", ".join(STORED)} FROM events FINAL
WHERE dataset = {{dataset:String}} AND data_row IN {{data_rows:Array(String)}} AND ({{runs:Bool}} OR run = '')
ORDER BY data_row, run, version, event_id
SETTINGS optimize_move_to_prewhere_if_final = 1
"""

_KEYS = """
SELECT DISTINCT data_row, toString(run) AS run, version, event_id FROM events
WHERE dataset = {dataset:String} AND data_row IN {data_rows:Array(String)}
ORDER BY data_row, run, version, event_id
"""


def append_events(client: Client, events: pa.Table, recent: Recent | None = None) -> None:
    """Append events (schema ``EVENTS``); when this returns they are on disk, and held in memory where there is one."""
    from evalstream.telemetry import INSERT_SECONDS  # of services only, and takes a while

    for start in range(0, events.num_rows, INSERT_ROWS):
        part = events.slice(start, INSERT_ROWS)
        settings = INSERT_DISTINCT if _are_distinct(part) else INSERT
        with INSERT_SECONDS.labels("events").time():
            client.insert_arrow("events", in_hundredths(without_areas(part), "object"), settings=settings)
    if recent is not None:
        recent.keep(events)


def _are_distinct(events: pa.Table) -> bool:
    """Whether no key stands twice among events."""
    columns = (events[name].to_pylist() for name in ("dataset", *EventKey._fields))
    return len(set(zip(*columns, strict=True))) == int(events.num_rows)


def load_events(
    client: Client, dataset: str, data_rows: Sequence[str], *, runs: bool = True, recent: Recent | None = None
) -> pa.Table:
    """Load every event of the given data rows, dead ones too.

    Those of one data row and run lie together, by version and id. Without ``runs``, those of annotations alone. What a
    memory of recent events holds is not read again.
    """
    if recent is None or not runs:
        return _read_events(client, dataset, data_rows, runs=runs)
    held, missing = recent.give(dataset, _event_keys(client, dataset, data_rows))
    return pa.concat_tables([held, _read_events(client, dataset, sorted(missing), runs=True)])


def _event_keys(client: Client, dataset: str, data_rows: Sequence[str]) -> list[EventKey]:
    """Name every event of the given data rows once, by data row, run, version and id."""
    keys: list[EventKey] = []
    for start in range(0, len(data_rows), LOOKUP_ROWS):
        parameters = {"dataset": dataset, "data_rows": list(data_rows[start : start + LOOKUP_ROWS])}
        found = client.query_arrow(_KEYS, parameters=parameters)
        keys += map(EventKey._make, zip(*(found[name].to_pylist() for name in EventKey._fields), strict=True))
    return keys


def _read_events(client: Client, dataset: str, data_rows: Sequence[str], *, runs: bool) -> pa.Table:
    known = {"dataset": dataset, "runs": runs}
    parts = [
        client.query_arrow(_LOAD, parameters=known | {"data_rows": list(data_rows[start : start + LOOKUP_ROWS])})
        for start in range(0, len(data_rows), LOOKUP_ROWS)
    ]
    return as_sent(pa.concat_tables(parts)) if parts else EVENTS.empty_table()


def as_sent(stored: pa.Table) -> pa.Table:
    """Give events (schema ``EVENTS``) of rows of the table, with its columns :data:`STORED`."""
    return with_areas(in_units(stored, "object").cast(EVENTS))


def stored_versions(
    client: Client, dataset: str, data_rows: Sequence[str], ids: Sequence[str]
) -> list[tuple[str, str, int, list[tuple[str, int]]]]:
    """Give, of each data row and run, the highest version, and the versions of the events that have one of the ids."""
    statement = """
        SELECT data_row, toString(run), max(version), groupArrayIf((event_id, version), event_id IN {ids:Array(String)})
        FROM events WHERE dataset = {dataset:String} AND data_row IN {data_rows:Array(String)} GROUP BY data_row, run
    """
    versions: list[tuple[str, str, int, list[tuple[str, int]]]] = []
    for start in range(0, len(data_rows), LOOKUP_ROWS):
        some = data_rows[start : start + LOOKUP_ROWS]
        parameters = {"dataset": dataset, "data_rows": list(some), "ids": list(ids)}
        rows = client.query(statement, parameters=parameters).result_rows
        versions += [(data_row, run, version, list(own)) for data_row, run, version, own in rows]
    return versions


def file_names(client: Client, dataset: str, data_rows: Sequence[str]) -> dict[str, str]:
    """Give, of those of the given data rows that have one, the ``file_name`` in their metadata."""
    lives, *_, bound = conditions(client, dataset)
    statement = (
        "SELECT data_row, argMax(metadata['file_name'], (version, event_id)) FROM events"
        " WHERE dataset = {dataset:String} AND data_row IN {data_rows:Array(String)}"
        f" AND metadata['file_name'] != '' AND {lives} GROUP BY data_row ORDER BY data_row"
    )
    parameters = {"dataset": dataset, "data_rows": list(data_rows)} | bound
    return {row[0]: row[1] for row in client.query(statement, parameters=parameters).result_rows}


def newest_version(client: Client) -> int:
    """Give the highest version of any event, declaration, retention or deletion; 0 where there is none."""
    tables = ("events", "ontologies", "retentions", "deletions")
    versions = " UNION ALL ".join(f"SELECT max(version) AS v FROM {table}" for table in tables)
    return int(client.query(f"SELECT max(v) FROM ({versions})").result_rows[0][0])


def datasets(client: Client) -> Iterable[str]:
    """Name every dataset that has an event."""
    return [name for (name,) in client.query("SELECT DISTINCT dataset FROM events ORDER BY dataset").result_rows]


def has_predictions(client: Client, dataset: str) -> bool:
    """Whether a run has said something of a dataset, be it deleted by now.

    What was so once is not asked again: whoever matches asks this of each batch.
    """
    if dataset in _PREDICTED:
        return True
    statement = "SELECT 1 FROM events WHERE dataset = {dataset:String} AND run != '' LIMIT 1"
    found = bool(client.query(statement, parameters={"dataset": dataset}).result_rows)
    if found:
        if len(_PREDICTED) >= _PREDICTED_LIMIT:
            _PREDICTED.clear()
        _PREDICTED.add(dataset)
    return found


def predicted_rows(client: Client, dataset: str, *, after: str = "", at_most: int = 2**63) -> list[str]:
    """Name the data rows that a run has said something of, in order: those after a given one, so many at most."""
    lives, *_, bound = conditions(client, dataset)
    statement = (
        "SELECT DISTINCT data_row FROM events WHERE dataset = {dataset:String} AND run != ''"
        f" AND data_row > {{after:String}} AND {lives} ORDER BY data_row LIMIT {{at_most:UInt64}}"
    )
    parameters = {"dataset": dataset, "after": after, "at_most": at_most} | bound
    return [name for (name,) in client.query(statement, parameters=parameters).result_rows]


def without_predictions(lives: str) -> str:
    """SQL for the annotated data rows of which a run has said nothing, not even that it found nothing.

    ``{dataset:String}`` and ``{run:String}`` are bound; ``lives`` is SQL for whether an event does.
    """
    return (
        "SELECT data_row FROM events WHERE dataset = {dataset:String} AND run IN ('', {run:String})"
        f" AND {lives} GROUP BY data_row HAVING max(run = '') AND NOT max(run = {{run:String}})"
    )


def rows_to_close(client: Client, dataset: str, run: str, *, after: str, at_most: int) -> list[str]:
    """Name the data rows of :func:`without_predictions`, in order: those after a given one, so many at most."""
    lives, *_, bound = conditions(client, dataset)
    following = without_predictions(f"data_row > {{after:String}} AND {lives}")
    statement = f"{following} ORDER BY data_row LIMIT {{at_most:UInt64}}"
    parameters = {"dataset": dataset, "run": run, "after": after, "at_most": at_most} | bound
    return [name for (name,) in client.query(statement, parameters=parameters).result_rows]


def count_annotated(client: Client, dataset: str) -> int:
    """Count the data rows that are annotated, if only to say that there is nothing on them."""
    lives, *_, bound = conditions(client, dataset)
    statement = f"SELECT uniqExact(data_row) FROM events WHERE dataset = {{dataset:String}} AND run = '' AND {lives}"
    return int(client.query(statement, parameters={"dataset": dataset} | bound).result_rows[0][0])
