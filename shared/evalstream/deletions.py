"""Tombstones: which events a deletion has made dead, and how a result shows that it has seen the deletion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import pyarrow as pa

#: The version of a result counts events and declarations in its lower bits, and tombstones above them: a result from
#: after a deletion replaces every one from before it, however much that one had seen.
COUNT_BITS: Final = 40


class Tombstones(NamedTuple):
    """The tombstones of one scope: how many, and the lowest version that is above all of them."""

    number: int
    floor: int


NO_TOMBSTONES: Final = Tombstones(0, 0)


class Deletions(NamedTuple):
    """All tombstones of a dataset, by the run and data row that they name; an empty name means every one."""

    tombstones: Mapping[tuple[str, str], Tombstones]

    def covering(self, run: str, data_row: str) -> int:
        """Count the tombstones that cover a data row of a run."""
        return sum(own.number for own in self._of(run, data_row)) if self.tombstones else 0

    def floor(self, run: str, data_row: str) -> int:
        """Give the lowest version that lives of a data row of a run; 0 where nothing was deleted."""
        return max(own.floor for own in self._of(run, data_row))

    def live(self, events: pa.Table) -> pa.Table:
        """Leave out the events that a tombstone covers."""
        if not self.tombstones:
            return events
        keys = zip(events["run"].to_pylist(), events["data_row"].to_pylist(), strict=True)
        import pyarrow.compute as pc  # takes a while, and most datasets have no tombstone

        floors = [self.floor(*key) for key in keys]
        return events.filter(pc.greater_equal(events["version"], pa.array(floors, pa.uint64())))

    def _of(self, run: str, data_row: str) -> list[Tombstones]:
        scopes = {("", ""), (run, ""), ("", data_row)}  # a set, for annotations have no run
        return [self.tombstones.get(scope, NO_TOMBSTONES) for scope in scopes]


NOTHING_DELETED: Final = Deletions({})
