"""Table ``retentions``: how long datasets keep what; and which of it is over."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from evalstream.storage.deletions import any_by_retention, conditions
from evalstream.storage.remembered import short_answer
from evalstream.storage.settings import INSERT

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

_IN_FORCE: Final = """
SELECT version, days, runs, set_at FROM retentions FINAL WHERE dataset = {{dataset:String}} AND {lives}
"""
_EXPIRED: Final = """
SELECT data_row, max(version) FROM events WHERE dataset = {{dataset:String}} AND {lives}
GROUP BY data_row HAVING toUnixTimestamp64Milli(max(received_at)) < {{before:Int64}}
ORDER BY data_row LIMIT {{at_most:UInt64}}
"""
_RUNS: Final = """
SELECT toString(run) AS name, max(version), max(received_at) AS last FROM events
WHERE dataset = {{dataset:String}} AND run != '' AND {lives} GROUP BY name ORDER BY last DESC, name DESC
"""
# Not of the dataset as it was before all of it was deleted; and not what has come again since.
_REMOVED: Final = """
SELECT uniqExactIf(data_row, data_row != '' AND data_row NOT IN (
           SELECT data_row FROM events WHERE dataset = {{dataset:String}} AND {lives})),
       uniqExactIf(run, run != '' AND run NOT IN (
           SELECT run FROM events WHERE dataset = {{dataset:String}} AND run != '' AND {lives})),
       maxIf(older_than, data_row != '')
FROM deletions
WHERE dataset = {{dataset:String}} AND toUnixTimestamp64Milli(older_than) > 0 AND {declaration_lives}
"""


class Retention(NamedTuple):
    """Retention of a dataset: data rows that something came of in so many days, and so many runs; None: all."""

    days: float | None
    runs: int | None


class InForce(NamedTuple):
    """The retention that was set last, its version and when."""

    retention: Retention
    version: int
    set_at: datetime | None


class Removed(NamedTuple):
    """Counts of what retention has removed and has not come again; of the rows nothing had since ``older_than``."""

    rows: int
    runs: int
    older_than: datetime | None


KEEP_ALL: Final = Retention(None, None)
NOTHING_REMOVED: Final = Removed(0, 0, None)


def set_retention(client: Client, dataset: str, retention: Retention, version: int) -> None:
    """Say what a dataset keeps from now on; when this returns it is on disk."""
    row = [dataset, version, retention.days or 0, retention.runs or 0]
    client.insert("retentions", [row], column_names=["dataset", "version", "days", "runs"], settings=INSERT)


def retention_in_force(client: Client, dataset: str) -> InForce:
    """Load what a dataset keeps: everything, unless something else was said."""
    statement = _IN_FORCE.format(lives=conditions(client, dataset).declaration_lives)
    rows = client.query(statement, parameters={"dataset": dataset}).result_rows
    if not rows:
        return InForce(KEEP_ALL, 0, None)
    ((version, days, runs, set_at),) = rows
    return InForce(Retention(days or None, runs or None), version, set_at.replace(tzinfo=UTC))


def retained(client: Client) -> list[str]:
    """Name the datasets that do not keep everything, or that are not there any more."""
    statement = "SELECT dataset FROM retentions FINAL WHERE days > 0 OR runs > 0 ORDER BY dataset"
    return [name for (name,) in client.query(statement).result_rows]


def expired_rows(client: Client, dataset: str, before: datetime, at_most: int) -> list[tuple[str, int]]:
    """Name data rows of which no event has come since, each with the highest version of its events."""
    return [(name, version) for name, version in _expired(client, _EXPIRED, dataset, before, at_most)]


def count_expired(client: Client, dataset: str, before: datetime) -> int:
    """Count them."""
    return int(_expired(client, f"SELECT count() FROM ({_EXPIRED})", dataset, before, 2**62)[0][0])


def _expired(client: Client, statement: str, dataset: str, before: datetime, at_most: int) -> Sequence[Any]:
    lives, *_, bound = conditions(client, dataset)
    parameters = {"dataset": dataset, "before": round(before.timestamp() * 1000), "at_most": at_most} | bound
    return client.query(statement.format(lives=lives), parameters=parameters).result_rows


def engine_time(client: Client) -> datetime:
    """Give the time by the clock that says when events were received."""
    ((milliseconds,),) = client.query("SELECT toUnixTimestamp64Milli(now64(3))").result_rows
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def runs_by_age(client: Client, dataset: str) -> list[tuple[str, int, datetime]]:
    """Name runs, those of which an event came last first, with their highest version and when that was."""
    lives, *_, bound = conditions(client, dataset)
    rows = client.query(_RUNS.format(lives=lives), parameters={"dataset": dataset} | bound).result_rows
    return [(name, version, last.replace(tzinfo=UTC)) for name, version, last in rows]


def removed(client: Client, dataset: str) -> Removed:
    """Count what retention has removed of a dataset, and has not come again since."""
    if not any_by_retention(client, dataset):  # nearly always, and cheap
        return NOTHING_REMOVED
    living = conditions(client, dataset)
    statement = _REMOVED.format(lives=living.lives, declaration_lives=living.declaration_lives)
    ((rows, runs, older_than),) = short_answer(client, statement, {"dataset": dataset} | living.parameters)
    return Removed(rows, runs, older_than.replace(tzinfo=UTC) if rows else None)
