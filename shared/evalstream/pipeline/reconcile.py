"""Bring the results of changed data rows up to date."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from clickhouse_connect.driver.client import Client

from evalstream.pipeline.match import match
from evalstream.storage.events import datasets, load_events
from evalstream.storage.results import stale_rows, write_results

#: Data rows matched at a time: enough to keep the kernels busy, few enough to hold in memory.
BATCH_ROWS = 2_000


def rematch(
    client: Client,
    dataset: str,
    data_rows: Sequence[str],
    policies: Sequence[str],
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> None:
    """Match data rows anew from their events, every run of each."""
    for start in range(0, len(data_rows), BATCH_ROWS):
        batch = data_rows[start : start + BATCH_ROWS]
        write_results(client, match(dataset, load_events(client, dataset, batch), policies))
        on_progress(start + len(batch), len(data_rows))


def reconcile(
    client: Client,
    policies: Sequence[str],
    *,
    failed: bool = False,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> int:
    """Find every data row whose results are missing or out of date, and match it; return how many there were.

    This is the recovery from anything: what is pending is a question to the tables, not a journal that could be lost.
    With ``failed``, rows whose matching failed are tried again too.
    """
    count = 0
    for dataset in datasets(client):
        stale = stale_rows(client, dataset, policies, failed=failed)
        rematch(client, dataset, stale, policies, on_progress)
        count += len(stale)
    return count
