"""Which events tombstones cover: at most their version, in the run and data row that they name."""

from __future__ import annotations

import pyarrow as pa
import pytest
from evalstream.deletions import NOTHING_DELETED, Deletions, Tombstones

EVENTS = [("", "r"), ("a", "r"), ("b", "r"), ("", "s"), ("a", "s")]


def table(version: int) -> pa.Table:
    run, data_row = zip(*EVENTS, strict=True)
    version_of = pa.array([version] * len(EVENTS), pa.uint64())
    return pa.table({"run": pa.array(run), "data_row": pa.array(data_row), "version": version_of})


@pytest.mark.parametrize(
    ("scope", "covered"),
    [
        (("", ""), EVENTS),
        (("a", ""), [("a", "r"), ("a", "s")]),
        (("", "r"), [("", "r"), ("a", "r"), ("b", "r")]),
        (("", "t"), []),
    ],
)
def test_a_tombstone_covers_what_it_names_up_to_its_version(scope: tuple[str, str], covered: list[str]) -> None:
    deletions = Deletions({scope: Tombstones(1, 8)})
    dead = deletions.live(table(7))
    alive = list(zip(dead["run"].to_pylist(), dead["data_row"].to_pylist(), strict=True))
    assert alive == [key for key in EVENTS if key not in covered]
    assert deletions.live(table(8)).num_rows == len(EVENTS)
    assert [deletions.covering(*key) for key in EVENTS] == [int(key in covered) for key in EVENTS]


def test_several_are_counted_together_and_the_highest_says_what_lives() -> None:
    deletions = Deletions({("", ""): Tombstones(2, 5), ("a", ""): Tombstones(1, 9), ("", "r"): Tombstones(4, 7)})
    assert [deletions.covering(*key) for key in EVENTS] == [6, 7, 6, 2, 3]
    assert [deletions.live(table(version)).num_rows for version in (4, 5, 6, 7, 8, 9)] == [0, 1, 1, 3, 3, 5]


def test_version_0_lives_where_nothing_is_deleted() -> None:
    assert NOTHING_DELETED.live(table(0)).num_rows == len(EVENTS)
    assert Deletions({("b", ""): Tombstones(1, 1)}).live(table(0)).num_rows == len(EVENTS) - 1
    assert Deletions({("", ""): Tombstones(1, 2**63)}).live(table(2**63 - 1)).num_rows == 0
