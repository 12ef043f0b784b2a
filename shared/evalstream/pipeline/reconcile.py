"""Bring the results of changed data rows up to date."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import pyarrow as pa

from evalstream.deletions import NOTHING_DELETED
from evalstream.matching import POLICIES
from evalstream.pipeline.delete import erase_left_over
from evalstream.pipeline.match import match
from evalstream.storage.deletions import load_deletions
from evalstream.storage.engine import Clients
from evalstream.storage.events import datasets, has_predictions, load_events, predicted_rows
from evalstream.storage.ontologies import in_force
from evalstream.storage.recent import Recent
from evalstream.storage.results import stale_rows, write_results

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

#: Data rows matched at a time: enough to keep the kernels busy, few enough to hold in memory.
BATCH_ROWS = 2_500

#: Datasets of which something was deleted, as was found when they were matched.
_DELETED_FROM: Final[set[str]] = set()
_DELETED_FROM_LIMIT: Final = 10_000

#: Results that are missing or out of date; those and the ones that failed; or all.
Which = Literal["stale", "failed", "all"]


class Step(NamedTuple):
    """Progress: data rows done, of all that are to do."""

    done: int
    total: int


def rematch(
    client: Client,
    dataset: str,
    data_rows: Sequence[str],
    policies: Sequence[str],
    recent: Recent | None = None,
) -> None:
    """Match data rows anew from their events, every run of each; what ``recent`` holds of these is not read back."""
    if not has_predictions(client, dataset):
        return  # annotations alone, as when a dataset is new; who brings predictions has these rows matched
    for batch in _evenly(data_rows, BATCH_ROWS):
        write_results(client, _matched(client, dataset, batch, policies, recent=recent))


def _evenly(data_rows: Sequence[str], most: int) -> Iterator[Sequence[str]]:
    """Cut data rows into as few batches as can be, of about one size: a small batch costs nearly as much as a large."""
    count = -(-len(data_rows) // most)
    for i in range(count):
        yield data_rows[i * len(data_rows) // count : (i + 1) * len(data_rows) // count]


def match_alone(client: Client, dataset: str, data_rows: Sequence[str]) -> None:
    """Make the results of data rows as they are of a run that has found nothing on them: those of run ''."""
    for start in range(0, len(data_rows), BATCH_ROWS):
        batch = data_rows[start : start + BATCH_ROWS]
        write_results(client, _matched(client, dataset, batch, tuple(POLICIES), alone=True))


def _matched(
    client: Client,
    dataset: str,
    data_rows: Sequence[str],
    policies: Sequence[str],
    *,
    alone: bool = False,
    recent: Recent | None = None,
) -> pa.Table:
    """Match data rows by what is known of them at a moment at which nothing is being deleted."""
    # Of most datasets nothing was ever deleted. That is taken for granted, and found out below if it is not so.
    deletions = load_deletions(client, dataset, data_rows) if dataset in _DELETED_FROM else NOTHING_DELETED
    while True:
        # First what is declared, with its count, and then the events: the version must claim no more than was used.
        declared = in_force(client, dataset, deletions)
        events = load_events(client, dataset, data_rows, runs=not alone, recent=recent)
        # And the deletions last: what is matched without one was there before it, so that it has retracted the result.
        before, deletions = deletions, load_deletions(client, dataset, data_rows)
        if deletions == before:
            return match(dataset, events, policies, declared.ontology, declared.revisions, deletions, alone=alone)
        if len(_DELETED_FROM) >= _DELETED_FROM_LIMIT:
            _DELETED_FROM.clear()
        _DELETED_FROM.add(dataset)


def reconciling(
    clients: Clients, policies: Sequence[str], *, dataset: str | None = None, which: Which = "stale"
) -> Iterator[Step]:
    """Find the data rows that want matching and match them, a batch each time that the next step is asked for.

    First it erases whatever tombstones have left to erase.

    This is the recovery from anything: what is pending is a question to the tables, not a journal that could be lost.
    It may run beside matchers, and beside itself: a result's version is the number of events and declarations that it
    has seen, so whoever has seen less never wins. Of equal versions the one inserted last wins, which is what lets
    ``all`` replace results that are up to date, after a policy has changed for instance.
    """
    erase_left_over(clients(), dataset)
    names = datasets(clients()) if dataset is None else [dataset]
    chosen = {name: _chosen(clients(), name, policies, which) for name in names}
    done, total = 0, sum(map(len, chosen.values()))
    yield Step(done, total)
    for name, data_rows in chosen.items():
        for start in range(0, len(data_rows), BATCH_ROWS):
            batch = data_rows[start : start + BATCH_ROWS]
            rematch(clients(), name, batch, policies)
            done += len(batch)
            yield Step(done, total)


def reconcile(
    client: Client,
    policies: Sequence[str],
    *,
    dataset: str | None = None,
    failed: bool = False,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> int:
    """Match every data row whose results are missing or out of date, with ``failed`` those too whose matching failed.

    Of one dataset, or of all. Returns how many there were.
    """
    total = 0
    for done, total in reconciling(lambda: client, policies, dataset=dataset, which="failed" if failed else "stale"):
        on_progress(done, total)
    return total


def _chosen(client: Client, dataset: str, policies: Sequence[str], which: Which) -> list[str]:
    if which == "all":
        return predicted_rows(client, dataset)
    return stale_rows(client, dataset, policies, failed=which == "failed")
