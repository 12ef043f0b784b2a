"""Readings of a run that has changed since: only the data rows that were written meanwhile are read again.

While predictions arrive, a run of millions of objects changes in a few data rows at a time. Which ones, the parts tell
that the engine keeps a table in: every insert makes one, numbered in turn, and merging makes one of several, which says
which numbers it is made of. Whatever is in a part of other numbers may have changed, the rest has not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from evalstream.matching.nearest import Nearest
from evalstream.scenes import Code, Int
from evalstream.scoring.columns import Columns, Side
from evalstream.selection import Selection

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

#: Where more than this share of the data rows has changed, all are read.
MOST_CHANGED: Final = 0.25


class Parts(NamedTuple):
    """The parts of the table of results at one moment."""

    table: str  # which one it is, and when it was made or altered
    names: list[str]
    first: list[int]  # the numbers of the inserts that each is made of, from the first to the last
    last: list[int]
    version: int  # of the last change to what was in parts already, 0 for none


def results_parts(client: Client) -> Parts:
    """Ask for the parts. What is read afterwards has all that is in them."""
    rows = client.query(
        "SELECT name, toInt64(min_block_number), toInt64(max_block_number), "
        "toInt64(if(data_version = min_block_number, 0, data_version)) "
        "FROM system.parts WHERE database = currentDatabase() AND table = 'results' AND active"
    ).result_rows
    made = client.query(
        "SELECT toString(uuid), toString(metadata_modification_time) FROM system.tables "
        "WHERE database = currentDatabase() AND name = 'results'"
    ).result_rows
    names, first, last = ([row[i] for row in rows] for i in range(3))
    return Parts(repr(made), names, first, last, max((row[3] for row in rows), default=0))


def changed_rows(client: Client, selection: Selection, earlier: Parts, now: Parts) -> pa.Array | None:
    """Name the data rows of a run that may have changed between two moments; None: any may have."""
    if earlier.table != now.table or earlier.version != now.version:
        return None
    before, after = _numbers(earlier), _numbers(now)
    if before - after:
        return None  # something was taken away as a whole
    same = [
        name
        for name, first, last in zip(now.names, now.first, now.last, strict=True)
        if before.issuperset(range(first, last + 1))
    ]
    if len(same) == len(now.names):
        return pa.array([], pa.string())
    # Not those that are new now: what is merged after they were asked for is of another name, and must not be missed.
    rows = client.query(
        "SELECT DISTINCT data_row FROM results WHERE dataset = {dataset:String} AND run = {run:String}"
        " AND _part NOT IN {same:Array(String)}",
        {"dataset": selection.dataset, "run": selection.run, "same": same},
    ).result_columns
    return pa.array(rows[0] if rows else [], pa.string())


def _numbers(parts: Parts) -> set[int]:
    return {number for first, last in zip(parts.first, parts.last, strict=True) for number in range(first, last + 1)}


class Rows(NamedTuple):
    """What a reading holds, apart from what it is a reading of."""

    columns: Columns
    nearest: Nearest | None
    data_row: pa.Array  # the name of each row
    key: NDArray[np.uint64]


def splice(earlier: Rows, changed: pa.Array, found: Rows, in_order: Callable[[pa.Array], Int] | None) -> Rows:
    """Put what was found of data rows in the place of what was there of those that have changed.

    Parameters
    ----------
    changed : (n,) string
        Names; of those that are not among ``found`` nothing is left.
    in_order : callable, optional
        Gives the positions of names in the order in which their rows shall be; none: in any order.
    """
    kept = ~np.asarray(pc.is_in(earlier.data_row, value_set=changed).to_numpy(zero_copy_only=False), np.bool_)
    was, now = earlier.columns, found.columns
    names = pa.concat_arrays([earlier.data_row, found.data_row])
    taken = np.append(np.flatnonzero(kept), np.arange(len(kept), len(names)))
    rows = _Joined(taken if in_order is None else taken[in_order(names.take(pa.array(taken)))], len(kept), len(names))
    labels, label_of = _united(was.labels, now.labels)
    features, feature_of = _united(was.features, now.features)
    sides = []
    for one, other in ((was.annotation, now.annotation), (was.prediction, now.prediction)):
        own = rows.of(one.row, other.row)
        sides.append(
            (
                own,
                Side(
                    own.row,
                    own.values(one.type, other.type),
                    own.values(_recoded(feature_of[0], one.feature), _recoded(feature_of[1], other.feature)),
                    own.values(_recoded(label_of[0], one.label), _recoded(label_of[1], other.label)),
                    own.values(one.area, other.area),
                    own.places(one.parent, other.parent, own),
                ),
            )
        )
    (of_annotation, annotation), (of_prediction, prediction) = sides
    of_pair = rows.of(was.prediction.row[was.rectangle["prediction"]], now.prediction.row[now.rectangle["prediction"]])
    rectangle = of_pair.values(was.rectangle, now.rectangle)
    for side, own in (("annotation", of_annotation), ("prediction", of_prediction)):
        rectangle[side] = of_pair.places(was.rectangle[side], now.rectangle[side], own)
    columns = Columns(
        was.policy,
        [""] * len(rows.taken),
        (was.facts or now.facts)[:1] * len(rows.taken),
        [],
        features,
        labels,
        annotation,
        of_annotation.values(was.crowd, now.crowd),
        prediction,
        of_prediction.values(was.confidence, now.confidence),
        of_prediction.values(was.rank, now.rank),
        rectangle,
        rows.of(was.repaired, now.repaired).row,
    )
    nearest = None
    if earlier.nearest is not None and found.nearest is not None:
        then, since = earlier.nearest, found.nearest
        nearest = Nearest(
            of_prediction.places(then.own, since.own, of_annotation),
            of_prediction.values(then.own_iou, since.own_iou),
            of_prediction.places(then.other, since.other, of_annotation),
            of_prediction.values(then.other_iou, since.other_iou),
        )
    key = np.concatenate((earlier.key, found.key))[rows.taken]
    return Rows(columns, nearest, names.take(pa.array(rows.taken)), key)


class _Joined(NamedTuple):
    """The data rows of two readings that are taken."""

    taken: Int  # positions among the rows of the earlier one, and then those of the other
    earlier: int  # how many rows the earlier one has
    both: int

    def of(self, earlier: Int, found: Int) -> _Entries:
        """Take the entries of these rows, of which the data rows are given, in their order."""
        row = np.append(earlier, found + self.earlier)
        length = np.bincount(row, minlength=self.both)
        first, own = (np.cumsum(length) - length)[self.taken], length[self.taken]
        moved = first - (np.cumsum(own) - own)
        return _Entries(
            np.repeat(np.arange(len(own)), own), np.repeat(moved, own) + np.arange(int(own.sum())), len(earlier)
        )


class _Entries(NamedTuple):
    """Entries of these data rows: objects, or rectangles."""

    row: Int  # of each that is taken
    taken: Int  # positions among the entries of the earlier reading, and then those of the other
    earlier: int  # how many the earlier one has

    def values(self, earlier: NDArray[Any], found: NDArray[Any]) -> NDArray[Any]:
        """Take them of two columns."""
        return np.concatenate((earlier, found))[self.taken]

    def places(self, earlier: NDArray[Any], found: NDArray[Any], of: _Entries) -> NDArray[Any]:
        """Take them of two columns of positions among others, −1 for none: where those are now."""
        places = self.values(earlier, np.where(found >= 0, found + of.earlier, -1).astype(found.dtype))
        there = np.flatnonzero(places >= 0)
        now = np.empty(int(np.max(of.taken, initial=-1)) + 1, places.dtype)
        now[of.taken] = np.arange(len(of.taken))
        places[there] = now[places[there]]
        return places


def _united(one: list[str], other: list[str]) -> tuple[list[str], tuple[Code | None, Code | None]]:
    """Give the names of either in their order, and the position of each one's own names; none where it is the same."""
    names = sorted({*one, *other})
    at = {name: place for place, name in enumerate(names)}
    places = [None if own == names else np.array([at[name] for name in own], np.int32) for own in (one, other)]
    return names, (places[0], places[1])


def _recoded(place: Code | None, code: Code) -> Code:
    return code if place is None else place[code]
