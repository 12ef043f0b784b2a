"""Delete a dataset, a run or a data row: from the events to the figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from evalstream.storage.deletions import (
    Counts,
    Deletion,
    Scope,
    bury,
    count_scope,
    erase,
    left_over,
    survivors,
    touched,
)

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client


class Deleted(NamedTuple):
    """Counts of what a deletion took away, and whether something newer in its scope lives on."""

    deletion: Deletion
    counts: Counts
    survived: bool


def delete(client: Client, scope: Scope, version: int) -> Deleted:
    """Delete what is in a scope and of at most this version, whether it is there already or comes later.

    When this returns no question finds any of it. It may be called again, and if it is cut off, whoever reconciles
    finishes it. What is newer stays; where that has survived, its results have yet to be made anew.
    """
    counts = count_scope(client, scope, version)
    deletion = bury(client, scope, version)
    erase(client, deletion)
    return Deleted(deletion, counts, survivors(client, scope))


def erase_left_over(client: Client, dataset: str | None = None) -> None:
    """Finish the deletions that were cut off, and erase what came only after it had been deleted.

    Of one dataset, or of all.
    """
    for name in touched(client) if dataset is None else [dataset]:
        for deletion in left_over(client, name):
            erase(client, deletion)
