"""The tally of a stored run: whoever wants several answers made of counts asks the table once."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from evalstream.scenes import Int
from evalstream.scoring.counting import count
from evalstream.scoring.notes import Unusual, unusual
from evalstream.scoring.tally import Tally, tally_of
from evalstream.selection import Selection
from evalstream.storage.remembered import remembered
from evalstream.stored.columns import read_columns
from evalstream.stored.counted import ask_arrow, counted
from evalstream.stored.notes import Known, notes, notes_on

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

_ROW, _ACTUAL, _PREDICTED, _PAIR = range(4)
# An entry for each row, for each object that counts, with its feature and type, and for each pair, with the other label
# and the overlap; beyond 1 there is none. IoUs are summed as decimals, whose sum does not depend on the order in which
# the engine comes upon the rows: the same events give the same answer to the last digit, in one process or a cluster.
# Lengths are those of stored columns: what counts is a long expression, which the engine would analyse once more.
_TALLY = f"""
SELECT entry.1 AS kind, entry.2 AS label, entry.3 AS other, entry.4 AS type, count() AS entries,
    countIf(entry.5 <= 1) AS located, toFloat64(sum(toDecimal64(if(entry.5 <= 1, entry.5, 0.), 18))) AS overlap,
    toFloat64(sum(toDecimal64(if(entry.5 <= 1, 2 * entry.5 / (1 + entry.5), 0.), 18))) AS dice
FROM (
    SELECT arrayJoin(arrayConcat(
        [({_ROW}, '', '', '', 0.)],
        arrayFilter((entry, ok) -> ok, arrayZip(
            arrayWithConstant(length(annotation_label), {_ACTUAL}), annotation_label, annotation_feature,
            annotation_type, arrayWithConstant(length(annotation_label), 0.)), annotation_counts),
        arrayFilter((entry, ok) -> ok, arrayZip(
            arrayWithConstant(length(prediction_label), {_PREDICTED}), prediction_label, prediction_feature,
            prediction_type, arrayWithConstant(length(prediction_label), 0.)), prediction_counts),
        arrayFilter((entry, ok) -> ok, arrayZip(
            arrayWithConstant(length(match_actual), {_PAIR}), match_actual, match_predicted,
            arrayWithConstant(length(match_actual), ''), match_iou), counting)
    )) AS entry FROM ({{counted}})
) GROUP BY kind, label, other, type ORDER BY kind, label, other, type
"""


class _Counted(NamedTuple):
    """A tally; and where it was counted in memory, what notes are made of."""

    tally: Tally
    rows_failed: int | None
    unusual: Unusual | None


def tally(client: Client, selection: Selection) -> Tally:
    """Count the rows, the objects and the matched pairs of a selection, by label.

    A label may be in pairs alone: the partner of an object that passes the filters need not pass them.
    """
    return _counted_once(client, selection).tally


def tally_and_notes(client: Client, selection: Selection) -> tuple[Tally, Known]:
    """Count, and say what has to be known of it: of a small run, from one look at it."""
    tallied, failed, found = _counted_once(client, selection)
    if failed is None or found is None:
        return tallied, notes(client, selection)
    return tallied, notes_on(client, selection, failed, found)


def _counted_once(client: Client, selection: Selection) -> _Counted:
    """Count, unless it was counted before and nothing was written since: a step asks several questions of one tally."""
    key = "tally", selection.model_dump_json()
    return remembered(client, key, lambda: _counted(client, selection), _size)


def _counted(client: Client, selection: Selection) -> _Counted:
    stored = read_columns(client, selection)
    if stored is None:
        found = _Counted(_counted_there(client, selection), None, None)
    else:
        columns, left, failed, *_ = stored
        counting = count(columns, left)
        found = _Counted(tally_of(columns, counting), failed, unusual(columns, counting, left))
    for column in found.tally:
        if isinstance(column, np.ndarray):
            column.flags.writeable = False  # others will be given the same
    return found


def _size(found: _Counted) -> int:
    arrays = sum(column.nbytes for column in found.tally if isinstance(column, np.ndarray))
    return arrays + sum(100 + len(label) for label in found.tally.label)


def _counted_there(client: Client, selection: Selection) -> Tally:
    sql, parameters = counted(selection)
    table = ask_arrow(client, _TALLY.format(counted=sql), parameters)
    rows, annotated, predicted, pairs = (
        table.filter(pc.equal(table["kind"], kind)) for kind in (_ROW, _ACTUAL, _PREDICTED, _PAIR)
    )
    named = [annotated["label"], predicted["label"], pairs["label"], pairs["other"]]
    names = pa.array(sorted(set().union(*(column.to_pylist() for column in named))), pa.string())
    label: list[str] = names.to_pylist()
    question, is_iou = [""] * len(label), np.ones(len(label), np.bool_)
    types = Counter[str]()
    for part in (predicted, annotated):
        for code, feature, of_type, entries in zip(
            _codes(part["label"], names).tolist(),
            part["other"].to_pylist(),
            part["type"].to_pylist(),
            part["entries"].to_pylist(),
            strict=True,
        ):
            types[of_type] += entries
            if of_type == "radio":
                question[code] = feature
            elif of_type == "keypoints":
                is_iou[code] = False

    def total(part: pa.Table) -> Int:
        return np.bincount(_codes(part["label"], names), _ints(part["entries"]), len(label)).astype(np.int64)

    return Tally(
        int(_ints(rows["entries"]).sum()),
        dict(sorted(types.items())),
        label,
        total(annotated),
        total(predicted),
        question,
        is_iou,
        _codes(pairs["label"], names),
        _codes(pairs["other"], names),
        _ints(pairs["entries"]),
        _ints(pairs["located"]),
        pairs["overlap"].to_numpy(),
        pairs["dice"].to_numpy(),
    )


def _codes(labels: pa.ChunkedArray, names: pa.Array) -> Int:
    return _ints(pc.index_in(labels, value_set=names))


def _ints(column: pa.ChunkedArray) -> NDArray[np.int64]:
    return np.asarray(column.to_numpy(), np.int64)
