"""A selection of a stored run as columns in memory.

Most of what a question over a small run costs the engine is the analysis of long SQL. So small ones are read as they
are stored, and counted by :mod:`evalstream.scoring`; large ones are counted where they are. Tests hold both against
each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from evalstream import room
from evalstream.matching.nearest import Nearest
from evalstream.pipeline.fold import Facts
from evalstream.scenes import RECTANGLE, Code, Int, row_order
from evalstream.scoring.columns import Columns, Side
from evalstream.selection import QuestionError, Selection
from evalstream.storage.remembered import outdated, recalled, remembered
from evalstream.storage.results import of_policy
from evalstream.stored.counted import ROW_KEY, ask, ask_arrow, selected
from evalstream.stored.roll_up import FEATURES, NO_ROLL_UP
from evalstream.stored.splice import MOST_CHANGED, Parts, Rows, changed_rows, results_parts, splice
from evalstream.types import CODES

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

#: A run whose columns here are larger than this is counted where it is: about 1,500,000 objects.
MOST_BYTES: Final = 112 * 2**20
#: What a question that looks at each object takes for one, at the most: what is read, what the engine needs to hand it
#: over, and what is made of it. A rectangle counts as an object. Measured, over millions of them.
BYTES_OF_OBJECT: Final = 400
#: Where they are resampled as well.
BYTES_OF_RESAMPLED: Final = 500
#: And for a data row, its name included.
BYTES_OF_ROW: Final = 1_000
#: Room that is taken without a closer look.
_LITTLE: Final = 64 * 2**20
#: A reading of fewer bytes is done again as a whole: that takes no longer than to ask what has changed.
WORTH_IT = 8 * 2**20
#: The engine's code for an answer that is larger than asked for.
_TOO_LARGE: Final = "396"
#: Runs, by dataset and name, that were too large when they were last read. It saves the attempt, and decides no answer.
_LARGE: Final[dict[tuple[str, str], None]] = {}
_LARGE_LIMIT: Final = 1_000

SIDES: Final = ("annotation", "prediction")
_OBJECT: Final = ("type", "feature", "label", "area", "parent")
_READ: Final = (
    "error",
    *(f"annotation_{name}" for name in (*_OBJECT, "crowd")),
    *(f"prediction_{name}" for name in (*_OBJECT, "confidence", "rank")),
    *(f"match_{name}" for name in RECTANGLE.names or ()),
    "measure_name",
)
_NEAREST: Final = ("prediction_own", "prediction_own_iou", "prediction_other", "prediction_other_iou")
#: By what they are of, a column that is as long in each row as all of them.
_LISTS: Final = {
    "annotation": "annotation_label",
    "prediction": "prediction_label",
    "match": "match_prediction",
    "measure": "measure_name",
}
#: What only policy `coco` looks at, and is 0 under the others.
_OF_LIMITS: Final = ("annotation_area", "prediction_area", "prediction_rank", "match_area_range")
_SETTINGS: Final = {"max_result_bytes": MOST_BYTES}
#: How rows are asked for.
AS_READ: Final = {"output_format_arrow_low_cardinality_as_dictionary": 1}
_NO_FACTS: Final = Facts("", 0, 0, "", "", "", {})


#: What a selection asks of rows, and what it asks of objects: rows are the same whatever is asked of objects.
_DONE: Final[dict[str, Any]] = {
    "data_row": [],
    "split": [],
    "metadata": [],
    "both_sides": False,
    "shared_with": None,
    "roll_up": None,
}
_OPEN: Final[dict[str, Any]] = {
    "confidence": 0.0,
    "iou": 0.5,
    "at_threshold": None,
    "area": "all",
    "feature": [],
    "type": [],
}


class Stored(NamedTuple):
    """The selected rows of a stored run: ``selection`` is what has yet to be asked of them."""

    columns: Columns
    selection: Selection
    rows_failed: int  # selected, and not among the columns
    nearest: Nearest | None  # where it was asked for
    data_row: pa.Array  # the name of each row
    key: NDArray[np.uint64]  # and its hash (:data:`ROW_KEY`), where it was read
    measured: list[str]  # every name of what was measured, and perhaps more
    failed: pa.Array  # the name of each row that failed
    parts: Parts | None = None  # of the table when it was read, or before; none: not known


def read_columns(
    client: Client, selection: Selection, *, ordered: bool = False, with_nearest: bool = False
) -> Stored | None:
    """Read the selected rows, with what thresholds and filters of objects decide left open; none if they are too large.

    Those that are too large are given if a question that needs them all has read them, and nothing was written since.
    Areas, ranks and area ranges are 0 but under policy ``coco``. With ``ordered`` rows are in COCO's order.
    """
    if (selection.dataset, selection.run) in _LARGE:
        known: Stored | None = recalled(client, _keys(selection.model_copy(update=_OPEN), ordered, with_nearest))
        return None if known is None else known._replace(selection=_left(every_kind(client, selection)))
    try:
        return _read(client, selection, ordered, with_nearest, _ask_few)
    except _TooLargeError:
        return None


class _TooLargeError(Exception):
    """A run is to be counted where it is."""


#: Asks for columns of the selected rows: the client, the selection, and SQL with its parameters.
_Ask = Callable[["Client", Selection, str, dict[str, Any]], pa.Table]


def _ask_few(client: Client, selection: Selection, sql: str, parameters: dict[str, Any]) -> pa.Table:
    """Ask for columns unless they are too large."""
    from clickhouse_connect.driver.exceptions import ClickHouseError  # which whoever has a client has loaded

    run = selection.dataset, selection.run
    if run in _LARGE:  # whoever was waited for has found it so
        raise _TooLargeError
    try:
        return ask_arrow(client, sql, parameters, **AS_READ, **_SETTINGS)
    except ClickHouseError as error:
        if f"Code: {_TOO_LARGE}." not in str(error):
            raise
        while len(_LARGE) >= _LARGE_LIMIT:
            del _LARGE[next(iter(_LARGE))]
        _LARGE[run] = None
        raise _TooLargeError from error


def read_all(
    client: Client,
    selection: Selection,
    *,
    ordered: bool = False,
    with_nearest: bool = False,
    bytes_of_object: int = BYTES_OF_OBJECT,
) -> Stored:
    """Read the selected rows as :func:`read_columns` does, as many as there is room for.

    What is made of single detections needs all of them in memory (:mod:`evalstream.room`).

    Raises
    ------
    QuestionError
        If they take more room than one question may have.
    NoRoomError
        If others have it now.
    """
    size = _take_room(client, selection, bytes_of_object)

    def ask_all(client: Client, _selection: Selection, sql: str, parameters: dict[str, Any]) -> pa.Table:
        return ask_arrow(client, sql, parameters, **AS_READ, max_result_bytes=max(size, MOST_BYTES))

    return _read(client, selection, ordered, with_nearest, ask_all)


def _take_room(client: Client, selection: Selection, bytes_of_object: int) -> int:
    """Take room for the selected rows and what is made of them, before any is read; give the bytes."""
    size = _needed(_most_objects(client, selection), bytes_of_object)
    if size > _LITTLE:  # but versions that were replaced are among them, and rows that are not selected
        found = _objects(client, selection)
        size = _needed(found, bytes_of_object)
        if size + room.own() > room.most():
            raise QuestionError(
                f"{found.annotations:,} annotations and {found.predictions:,} predictions are selected: to look at each"
                f" would take about {room.in_words(size)} of memory, and one question may have"
                f" {room.in_words(room.most())}; narrow it with a split or a metadata filter, or raise"
                " EVALSTREAM_QUESTIONS_MEMORY"
            )
    room.take(size)
    return size


class _Objects(NamedTuple):
    rows: int
    annotations: int
    predictions: int
    rectangles: int


def _needed(found: _Objects, bytes_of_object: int) -> int:
    return BYTES_OF_ROW * found.rows + bytes_of_object * (found.annotations + found.predictions + found.rectangles)


_SIZES: Final = ("annotation_type", "prediction_type", "match_prediction")
_SUMS: Final = ", ".join(["count()", *(f"sum(length({{{name}}}))" for name in _SIZES)])


def _most_objects(client: Client, selection: Selection) -> _Objects:
    """Count what is stored of a run: no less than what is selected of it, and a fraction of the time to count that."""
    names = {name: name for name in _SIZES} | {"match_prediction": f"`{of_policy(selection.policy, 'prediction')}`"}
    where = "dataset = {dataset:String} AND run IN ('', {run:String})"
    bound = {"dataset": selection.dataset, "run": selection.run}
    return _Objects(*ask(client, f"SELECT {_SUMS.format(**names)} FROM results WHERE {where}", bound)[0])


def _objects(client: Client, selection: Selection) -> _Objects:
    """Count what is selected. Only the lengths of lists are read."""
    rows, parameters = selected(selection.model_copy(update=_OPEN), with_failed=True, columns=_SIZES)
    sums = _SUMS.format(**{name: name for name in _SIZES})
    return _Objects(*ask(client, f"SELECT {sums} FROM ({rows})", parameters)[0])


def _read(client: Client, selection: Selection, ordered: bool, with_nearest: bool, ask_for: _Ask) -> Stored:
    open_to_all = selection.model_copy(update=_OPEN)
    keys = _keys(open_to_all, ordered, with_nearest)
    earlier: Stored | None = None
    key = keys[0]
    if recalled(client, keys) is None:
        known = outdated(client, keys)
        # Of a row that another run has as well, or that only the ontology says what its labels are, parts do not tell.
        if known and _of_rows_alone(open_to_all) and _size(known[1]) >= WORTH_IT:
            key, earlier = known

    def read() -> Stored:
        found = _renewed(client, open_to_all, key, earlier, ask_for)
        for array in _arrays(found):
            array.flags.writeable = False  # others will be given the same
        return found

    found = remembered(client, key, read, _size, or_else=[one for one in keys if one != key])
    return found._replace(selection=_left(every_kind(client, selection)))


def _of_rows_alone(selection: Selection) -> bool:
    """Whether a data row's results alone decide whether it is selected, and what is read of it."""
    return selection.shared_with is None and not selection.roll_up and selection.missing_rows == "leave_out"


def _renewed(client: Client, selection: Selection, key: Key, earlier: Stored | None, ask_for: _Ask) -> Stored:
    """Read what is selected; only the data rows that have changed, where an earlier reading has the others."""
    parts = None if earlier is None else results_parts(client)  # before anything is read
    if earlier is not None and earlier.parts is not None and parts is not None:
        changed = changed_rows(client, selection, earlier.parts, parts)
        if changed is not None and len(changed) <= MOST_CHANGED * len(earlier.data_row):
            found = _rows(client, selection, key, ask_for, changed) if len(changed) else None
            return (earlier if found is None else _spliced(earlier, changed, found, key))._replace(parts=parts)
    state = getattr(client, "known_state", None)
    found = _rows(client, selection, key, ask_for, None)
    if parts is None and state is not None and _size(found) >= WORTH_IT:
        parts = results_parts(client)
        if getattr(client, "known_state", None) != state:  # they may have more than what was read
            parts = None
    return found._replace(parts=parts)


def _rows(client: Client, selection: Selection, key: Key, ask_for: _Ask, names: pa.Array | None) -> Stored:
    """Read the selected rows; only those of some names, if any are given."""
    columns = ["data_row", *to_read(selection, with_nearest=key.with_nearest)]
    sql, parameters = selected(selection, with_failed=True, columns=columns, among=names)
    sql = f"SELECT *, {ROW_KEY} AS row_key FROM ({sql})"
    return stored(ask_for(client, selection, sql, parameters), selection, ordered=key.ordered)


def _spliced(earlier: Stored, changed: pa.Array, found: Stored, key: Key) -> Stored:
    one, other = (Rows(read.columns, read.nearest, read.data_row, read.key) for read in (earlier, found))
    limited = found.selection.traits.limited
    rows = splice(one, changed, other, _row_order if key.ordered else None, limited=limited)
    failed = pa.concat_arrays(
        [earlier.failed.filter(pc.invert(pc.is_in(earlier.failed, value_set=changed))), found.failed]
    )
    measured = sorted({*earlier.measured, *found.measured})
    return Stored(rows.columns, found.selection, len(failed), rows.nearest, rows.data_row, rows.key, measured, failed)


class Key(NamedTuple):
    """What is remembered of a run."""

    selection: str
    ordered: bool
    with_nearest: bool


def _keys(selection: Selection, ordered: bool, with_nearest: bool) -> list[Key]:
    """Give the key of what is asked for, and then those of readings with no less in them."""
    others = ((ordered, with_nearest), (ordered, True), (True, with_nearest), (True, True))
    said = selection.model_dump_json()
    return [Key(said, in_order, nearest) for in_order, nearest in dict.fromkeys(others)]


def _size(read: Stored) -> int:
    of = read.columns
    unread = () if read.selection.traits.limited else (of.annotation.area, of.prediction.area, of.rank)
    whole = sum(array.nbytes for array in (*_arrays(read), read.data_row)) - sum(array.nbytes for array in unread)
    return int(whole + 100 * len(of.data_row))


def _arrays(read: Stored) -> tuple[NDArray[Any], ...]:
    of = read.columns
    own = (*of.annotation, *of.prediction, of.crowd, of.confidence, of.rank, of.rectangle, of.repaired, read.key)
    return *own, *(read.nearest or ())


def _left(selection: Selection) -> Selection:
    """Give what has yet to be asked of the selected rows."""
    return selection.model_copy(update=_DONE)


def to_read(selection: Selection, *, with_nearest: bool) -> list[str]:
    """Name the columns of ``selected`` that :func:`stored` takes."""
    unread = () if selection.traits.limited else _OF_LIMITS
    return [name for name in _READ if name not in unread] + (list(_NEAREST) if with_nearest else [])


def every_kind(client: Client, selection: Selection) -> Selection:
    """Name among the features of a selection every kind of them, which are asked for too."""
    if not selection.feature:
        return selection
    bound = {"dataset": selection.dataset, "feature": selection.feature, "roll_up": selection.roll_up or NO_ROLL_UP}
    features = [name for (name,) in ask(client, f"SELECT * FROM {FEATURES}", bound)]
    return selection.model_copy(update={"feature": features})


def stored(table: pa.Table, selection: Selection, *, ordered: bool = False) -> Stored:
    """Take rows as they were read, with the settings :data:`AS_READ`.

    Parameters
    ----------
    table : pyarrow.Table
        The selected rows by name, with the columns of :func:`to_read`; the nearest annotations where it has theirs.
    selection : Selection
        With every kind of its features among them.
    ordered : bool
        Whether rows are put in COCO's order.
    """
    order = _row_order(table["data_row"]) if ordered else None
    of_rows = slice(None) if order is None else order
    failed = np.asarray(pc.not_equal(table["error"], ""))[of_rows]
    # Rows that failed have no objects, and are no rows of the columns.
    row = np.cumsum(~failed) - 1
    lists = {name: _lists(table[column], order) for name, column in _LISTS.items()}
    labels, label = _coded(table, "label", lists)
    feature_names, feature = _coded(table, "feature", lists)
    annotation, prediction = (_side(table, side, lists[side], row, feature[side], label[side]) for side in SIDES)
    of_pair = lists["match"].row()
    rectangle = np.zeros(len(of_pair), RECTANGLE)
    for name in RECTANGLE.names or ():
        if f"match_{name}" in table.column_names:
            rectangle[name] = lists["match"].values(table[f"match_{name}"])
    for side in SIDES:
        rectangle[side] += lists[side].first()[of_pair].astype(np.int32)
    names, name_of = lists["measure"].words(table["measure_name"])
    repaired = name_of == names.index("repaired") if "repaired" in names else np.zeros(len(name_of), np.bool_)
    rows = int(np.count_nonzero(~failed))
    columns = Columns(
        selection.policy,
        [""] * rows,  # whatever depends on a row's name and facts is selected already
        [_NO_FACTS] * rows,
        [],
        feature_names,
        labels,
        annotation,
        lists["annotation"].values(table["annotation_crowd"]),
        prediction,
        lists["prediction"].values(table["prediction_confidence"]),
        _numbers(table, "prediction_rank", lists["prediction"], np.int64),
        rectangle,
        row[lists["measure"].row()[repaired]],
    )
    nearest = _nearest(table, lists, columns) if set(_NEAREST) <= set(table.column_names) else None
    names_of_rows = table["data_row"].combine_chunks().cast(pa.string())
    names_of_rows = names_of_rows if order is None else names_of_rows.take(pa.array(order))
    data_row, failed_row = names_of_rows.filter(pa.array(~failed)), names_of_rows.filter(pa.array(failed))
    key = table["row_key"].to_numpy()[of_rows][~failed] if "row_key" in table.column_names else np.empty(0, np.uint64)
    return Stored(columns, _left(selection), len(failed) - rows, nearest, data_row, key, names, failed_row)


def as_dicts(table: pa.Table) -> Iterator[dict[str, Any]]:
    """Give the rows of a table as ``to_pylist`` does, in a tenth of its time: that makes a scalar of each value."""
    columns = [_as_list(column.combine_chunks()) for column in table.columns]
    return (dict(zip(table.column_names, row, strict=True)) for row in zip(*columns, strict=True))


def _as_list(array: pa.Array) -> list[Any]:
    if array.null_count or pa.types.is_map(array.type):
        return array.to_pylist()  # type: ignore[no-any-return]
    if pa.types.is_list(array.type):
        values = _as_list(array.flatten())
        ends = np.cumsum(np.asarray(pc.list_value_length(array), np.int64)).tolist()
        return [values[first:end] for first, end in pairwise([0, *ends])]
    if pa.types.is_dictionary(array.type):
        words = array.dictionary.to_pylist()
        return [words[code] for code in array.indices.to_numpy().tolist()]
    if pa.types.is_integer(array.type) or pa.types.is_floating(array.type):
        return array.to_numpy().tolist()  # type: ignore[no-any-return]
    return array.to_pylist()  # type: ignore[no-any-return]


def _nearest(table: pa.Table, lists: dict[str, _Lists], of: Columns) -> Nearest:
    before = lists["annotation"].first()[lists["prediction"].row()]
    own, own_iou, other, other_iou = (lists["prediction"].values(table[name]) for name in _NEAREST)
    own, other = (np.where(place >= 0, place + before, -1).astype(np.int32) for place in (own, other))
    # Under a roll-up what was the nearest of another class may be of the same one.
    same = np.zeros(len(other), np.bool_)
    rolled = np.flatnonzero(other >= 0)
    same[rolled] = of.annotation.label[other[rolled]] == of.prediction.label[rolled]
    nearer = same & (other_iou >= own_iou)
    return Nearest(
        np.where(nearer, other, own),
        np.where(nearer, other_iou, own_iou),
        np.where(same, -1, other),
        np.where(same, 0.0, other_iou),
    )


def _side(table: pa.Table, side: str, lists: _Lists, row: Int, feature: Code, label: Code) -> Side:
    of_object = lists.row()
    parent = lists.values(table[f"{side}_parent"]).astype(np.int64)
    words, word = lists.words(table[f"{side}_type"])
    return Side(
        row[of_object],
        np.array([CODES[name] if name else 0 for name in words], np.int32)[word],
        feature,
        label,
        _numbers(table, f"{side}_area", lists, np.float64),
        np.where(parent >= 0, parent + lists.first()[of_object], -1),
    )


def _numbers(table: pa.Table, name: str, lists: _Lists, kind: type[np.number[Any]]) -> NDArray[Any]:
    """A column of numbers; where it was not read zeros, which take no memory until they are written to."""
    if name in table.column_names:
        return lists.values(table[name]).astype(kind, copy=False)
    return np.zeros(int(lists.length.sum()), kind)


def _coded(table: pa.Table, name: str, lists: dict[str, _Lists]) -> tuple[list[str], dict[str, Code]]:
    """Code a column of both sides; give the string of each code too, in their order."""
    of_sides = {side: lists[side].words(table[f"{side}_{name}"]) for side in SIDES}
    names = sorted({word for words, _ in of_sides.values() for word in words})
    at = {word: code for code, word in enumerate(names)}
    return names, {side: np.array([at[w] for w in words], np.int32)[word] for side, (words, word) in of_sides.items()}


class _Lists(NamedTuple):
    """Lists that have the same length in each row, whatever they hold: how long they are, and in which order taken."""

    length: Int
    taken: Int | None  # the positions of their entries; none: as they come

    def first(self) -> Int:
        """Return where the entries of each row begin."""
        return np.cumsum(self.length) - self.length

    def row(self) -> Int:
        """Give the row of each entry."""
        return np.repeat(np.arange(len(self.length)), self.length)

    def values(self, column: pa.ChunkedArray) -> NDArray[Any]:
        """Give the entries of a column of numbers or flags."""
        parts = [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in column.chunks]
        values = np.concatenate(parts) if parts else np.empty(0, column.type.value_type.to_pandas_dtype())
        return values if self.taken is None else values[self.taken]

    def words(self, column: pa.ChunkedArray) -> tuple[list[str], Code]:
        """Give the distinct strings of a column, and which one each entry is. Some may be of no entry."""
        place: dict[str, int] = {}
        parts = []
        for chunk in column.chunks:  # each with a dictionary of its own
            own = chunk.flatten()
            own = own if pa.types.is_dictionary(own.type) else pc.dictionary_encode(own)  # what was rolled up
            codes = np.array([place.setdefault(word, len(place)) for word in own.dictionary.to_pylist()], np.int32)
            parts.append(codes[own.indices.to_numpy()] if len(own) else np.empty(0, np.int32))
        words = np.concatenate(parts) if parts else np.empty(0, np.int32)
        return list(place), words if self.taken is None else words[self.taken]


def _lists(column: pa.ChunkedArray, order: Int | None) -> _Lists:
    lengths = [np.asarray(pc.list_value_length(chunk), np.int64) for chunk in column.chunks]
    length = np.concatenate(lengths) if lengths else np.empty(0, np.int64)
    if order is None:
        return _Lists(length, None)
    first, ordered = np.cumsum(length) - length, length[order]
    moved = first[order] - (np.cumsum(ordered) - ordered)
    return _Lists(ordered, np.repeat(moved, ordered) + np.arange(int(ordered.sum())))


def _row_order(data_row: pa.Array | pa.ChunkedArray) -> Int:
    """Sort rows as :func:`evalstream.scenes.row_order` does; the engine would move all of their columns for it."""
    names = (data_row.combine_chunks() if isinstance(data_row, pa.ChunkedArray) else data_row).cast(pa.string())
    if pc.all(pc.match_substring_regex(names, "^[0-9]{1,18}$")).as_py():
        number = names.cast(pa.int64()).to_numpy()
        order = np.argsort(number, kind="stable")
        if np.all(number[order][1:] > number[order][:-1]):
            return order
    texts = names.to_pylist()
    return np.array(sorted(range(len(texts)), key=lambda i: row_order(texts[i])), np.int64)
