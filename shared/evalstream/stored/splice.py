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
from evalstream.scenes import Code, Int, Rectangles
from evalstream.scoring.columns import Columns, Side
from evalstream.selection import Selection
from evalstream.threads import on_threads

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


def splice(
    earlier: Rows, changed: pa.Array, found: Rows, in_order: Callable[[pa.Array], Int] | None, *, limited: bool
) -> Rows:
    """Put what was found of data rows in the place of what was there of those that have changed.

    Parameters
    ----------
    changed : (n,) string
        Names; of those that are not among ``found`` nothing is left.
    in_order : callable, optional
        Gives the positions of names in the order in which their rows shall be; none: in any order.
    limited : bool
        Whether areas and ranks were read.
    """
    kept = ~np.asarray(pc.is_in(earlier.data_row, value_set=changed).to_numpy(zero_copy_only=False), np.bool_)
    names = pa.concat_arrays([earlier.data_row, found.data_row])
    taken = np.append(np.flatnonzero(kept), np.arange(len(kept), len(names)))
    if in_order is not None:
        taken = taken[in_order(names.take(pa.array(taken)))]
    was, now = earlier.columns, found.columns
    rows = _rows_in_runs(taken, len(kept))
    labels, label_of = _united(was.labels, now.labels)
    features, feature_of = _united(was.features, now.features)

    of_annotation = _inside(rows, was.annotation.row, now.annotation.row)
    of_prediction = _inside(rows, was.prediction.row, now.prediction.row)
    # All rectangles of a row come after those of the row before, and so do the predictions that they are of.
    of_pair = _inside(of_prediction, was.rectangle["prediction"], now.rectangle["prediction"])
    of_repaired = _inside(rows, was.repaired, now.repaired)

    def read_of_limits(own: _Runs, one: NDArray[Any], other: NDArray[Any]) -> NDArray[Any]:
        return own.values(one, other) if limited else np.zeros(own.entries, one.dtype)

    def side(own: _Runs, one: Side, other: Side) -> Side:
        return Side(
            own.places(one.row, other.row, rows),
            own.values(one.type, other.type),
            own.values(_recoded(feature_of[0], one.feature), _recoded(feature_of[1], other.feature)),
            own.values(_recoded(label_of[0], one.label), _recoded(label_of[1], other.label)),
            read_of_limits(own, one.area, other.area),
            own.places(one.parent, other.parent, own),
        )

    def rectangles() -> Rectangles:
        rectangle = of_pair.values(was.rectangle, now.rectangle)
        of_pair.move(rectangle["annotation"], of_annotation)
        of_pair.move(rectangle["prediction"], of_prediction)
        return rectangle

    def nearest() -> Nearest | None:
        if earlier.nearest is None or found.nearest is None:
            return None
        then, since = earlier.nearest, found.nearest
        return Nearest(
            of_prediction.places(then.own, since.own, of_annotation),
            of_prediction.values(then.own_iou, since.own_iou),
            of_prediction.places(then.other, since.other, of_annotation),
            of_prediction.values(then.other_iou, since.other_iou),
        )

    work: list[Callable[[], Any]] = [
        lambda: side(of_prediction, was.prediction, now.prediction),
        rectangles,
        nearest,
        lambda: side(of_annotation, was.annotation, now.annotation),
        lambda: of_prediction.values(was.confidence, now.confidence),
        lambda: read_of_limits(of_prediction, was.rank, now.rank),
    ]
    prediction, rectangle, near, annotation, confidence, rank = on_threads(lambda do: do(), work)
    columns = Columns(
        was.policy,
        [""] * len(taken),
        (was.facts or now.facts)[:1] * len(taken),
        [],
        features,
        labels,
        annotation,
        of_annotation.values(was.crowd, now.crowd),
        prediction,
        confidence,
        rank,
        rectangle,
        of_repaired.places(was.repaired, now.repaired, rows),
    )
    return Rows(columns, near, names.take(pa.array(taken)), rows.values(earlier.key, found.key))


class _Runs(NamedTuple):
    """What is taken of two columns: piece by piece, each as it stands in one of them."""

    of_found: list[bool]  # whether the piece is of the reading of what has changed
    first: list[int]
    end: list[int]
    start: list[int]  # where the piece begins among all that is taken

    @property
    def entries(self) -> int:
        """How many entries are taken."""
        return sum(self.end) - sum(self.first)

    def values(self, earlier: NDArray[Any], found: NDArray[Any]) -> NDArray[Any]:
        """Take the entries."""
        pieces = zip(self.of_found, self.first, self.end, strict=True)
        return np.concatenate([earlier[:0], *((found if other else earlier)[a:b] for other, a, b in pieces)])

    def places(self, earlier: NDArray[Any], found: NDArray[Any], of: _Runs) -> NDArray[Any]:
        """Take entries that are positions among others, −1 for none: where those are now."""
        places = self.values(earlier, found)
        self.move(places, of)
        return places

    def move(self, places: NDArray[Any], of: _Runs) -> None:
        """Move positions, in place, as the pieces have moved that they are among."""
        for start, first, end, was, now in zip(self.start, self.first, self.end, of.first, of.start, strict=True):
            if was != now:
                own = places[start : start + end - first]
                np.add(own, now - was, out=own, where=own >= 0)


def _runs(of_found: list[bool], first: Int, end: Int) -> _Runs:
    return _Runs(of_found, first.tolist(), end.tolist(), (np.cumsum(end - first) - (end - first)).tolist())


def _rows_in_runs(taken: Int, earlier: int) -> _Runs:
    """Part positions, those of the earlier reading first, into runs of one after the other."""
    goes_on = (np.diff(taken) == 1) & (taken[1:] != earlier)
    begin = np.append(0, np.flatnonzero(~goes_on) + 1) if len(taken) else np.empty(0, np.int64)
    first, end = taken[begin], taken[np.append(begin[1:] - 1, len(taken) - 1)[: len(begin)]] + 1
    of_found = first >= earlier
    moved = np.where(of_found, earlier, 0)
    return _runs(of_found.tolist(), first - moved, end - moved)


def _inside(of: _Runs, earlier: Int, found: Int) -> _Runs:
    """Find the entries of pieces, by the position that each is of, in the order of these."""
    first, end = np.array(of.first, np.int64), np.array(of.end, np.int64)
    there = np.array(of.of_found, np.bool_)
    bounds = (np.where(there, found.searchsorted(at), earlier.searchsorted(at)) for at in (first, end))
    return _runs(of.of_found, *bounds)


def _united(one: list[str], other: list[str]) -> tuple[list[str], tuple[Code | None, Code | None]]:
    """Give the names of either in their order, and the position of each one's own names; none where it is the same."""
    names = sorted({*one, *other})
    at = {name: place for place, name in enumerate(names)}
    places = [None if own == names else np.array([at[name] for name in own], np.int32) for own in (one, other)]
    return names, (places[0], places[1])


def _recoded(place: Code | None, code: Code) -> Code:
    return code if place is None else place[code]
