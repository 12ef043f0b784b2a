"""Delete what a dataset no longer keeps: data rows of which nothing has come for long, and old runs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from evalstream.storage.deletions import Scope, bury_many, erase, erase_rows, rows_survive, survivors
from evalstream.storage.engine import Clients
from evalstream.storage.retentions import Retention, count_expired, expired_rows, runs_by_age

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

#: Data rows deleted at a time: few enough to be named in a statement.
BATCH_ROWS: Final = 1_000


class Step(NamedTuple):
    """Counts of what a step has deleted; ``survived``: something newer of it came, and has to be matched anew."""

    rows: int
    runs: int
    older_than: datetime
    survived: bool


class Over(NamedTuple):
    """Data over a dataset's retention: how many data rows, and which runs."""

    rows: int
    runs: list[str]


def over(client: Client, dataset: str, retention: Retention, now: datetime) -> Over:
    """Name what the next application of a retention would delete."""
    before = _before(retention, now)
    rows = 0 if before is None else count_expired(client, dataset, before)
    runs = [] if retention.runs is None else runs_by_age(client, dataset)[retention.runs :]
    return Over(rows, [name for name, _, _ in runs])


def applying(clients: Clients, dataset: str, retention: Retention, now: datetime) -> Iterator[Step]:
    """Delete what a dataset does not keep, a part each time that the next step is asked for.

    Each part is a deletion as one by request is: up to the version that the data row or run has. What is newer lives,
    what is cut off is finished by whoever reconciles, and doing it twice is doing it once.
    """
    before = _before(retention, now)
    while before is not None and (rows := expired_rows(clients(), dataset, before, BATCH_ROWS)):
        scopes = [(Scope(dataset, data_row=row), version) for row, version in rows]
        erase_rows(clients(), bury_many(clients(), scopes, before))
        yield Step(len(rows), 0, before, rows_survive(clients(), dataset, [row for row, _ in rows]))
    if retention.runs is not None:
        by_age = runs_by_age(clients(), dataset)
        kept_since = by_age[retention.runs - 1][2] if len(by_age) > retention.runs else now
        for run, version, _ in by_age[retention.runs :]:
            (deletion,) = bury_many(clients(), [(Scope(dataset, run=run), version)], kept_since)
            erase(clients(), deletion)
            yield Step(0, 1, kept_since, survivors(clients(), deletion.scope))


def _before(retention: Retention, now: datetime) -> datetime | None:
    return None if retention.days is None else now - timedelta(days=retention.days)
