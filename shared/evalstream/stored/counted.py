"""SQL for what counts: the one piece of it that every question is asked through.

``counted`` gives, for each selected data row, what counts at the selected thresholds: which of its annotations,
predictions and matched pairs; ``scored`` gives their labels too. Every number is a sum over these, so no two questions
can disagree.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pyarrow as pa

from evalstream import room
from evalstream.matching import AREA_RANGES, MAX_DETECTIONS, MAX_SKELETONS
from evalstream.scoring.outcomes import RowMetric
from evalstream.selection import ORDERED, QuestionError, Selection, object_codes, parse_condition
from evalstream.storage.boxes import geometry_in_units
from evalstream.storage.remembered import short_answer
from evalstream.storage.results import MATCHES, of_policy, overlap
from evalstream.storage.settings import QUERY
from evalstream.stored.roll_up import FEATURES, NO_ROLL_UP, rolled_up
from evalstream.types import UNCOUNTED

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

_UNCOUNTED: Final = ", ".join(f"'{name}'" for name in UNCOUNTED)
#: How many predictions of one type and class count in one row, under policy ``coco``: of type ``k``.
MOST_COUNTED: Final = f"if(k = 'keypoints', {MAX_SKELETONS}, {MAX_DETECTIONS})"


class Fragment(NamedTuple):
    """A piece of SQL with the values that its placeholders are bound to."""

    sql: str
    parameters: dict[str, Any]


def selected(
    selection: Selection,
    *,
    with_failed: bool = False,
    columns: Collection[str] | None = None,
    among: pa.Array | None = None,
) -> Fragment:
    """SQL for the results of the selected data rows, unscored; what the policy says of them is in ``match_…``.

    Rows that could not be matched are left out, unless asked for; they have an ``error`` and no objects. ``columns``
    names those that are needed, which spares the engine a look at all the others; ``among`` leaves only rows of these
    names.
    """
    where = ["has(policies, {policy:String})"]
    if selection.both_sides:
        both = "notEmpty(annotation_id) AND arrayExists(c -> c >= 0, prediction_confidence)"
        where.append(f"(error != '' OR {both})")
    parameters: dict[str, Any] = {"dataset": selection.dataset, "run": selection.run, "policy": selection.policy}
    parameters["roll_up"] = selection.roll_up or NO_ROLL_UP
    if among is not None:
        where.append("data_row IN {among:Array(String)}")
        parameters["among"] = among.to_pylist()
    if selection.data_row:
        where.append("data_row IN {data_row:Array(String)}")
        parameters["data_row"] = selection.data_row
    if selection.split:
        where.append("split IN {split:Array(String)}")
        parameters["split"] = list(selection.split)
    for i, text in enumerate(selection.metadata):
        condition = parse_condition(text)
        key, value = f"key{i}", f"value{i}"
        parameters[key] = condition.name
        if condition.operator in ORDERED:
            where.append(f"toFloat64OrNull(metadata[{{{key}:String}}]) {condition.operator} {{{value}:Float64}}")
            parameters[value] = condition.number()
        else:
            where.append(f"metadata[{{{key}:String}}] {condition.operator} {{{value}:String}}")
            parameters[value] = condition.value
    matched = "error = ''"
    own = [_of_run(selection, "{run:String}"), *where, *([] if with_failed else [matched])]
    if selection.shared_with is not None:
        theirs = " AND ".join([_of_run(selection, "{shared_with:String}"), *where, matched])
        own.append(f"data_row IN (SELECT data_row FROM results FINAL WHERE {theirs})")
        parameters["shared_with"] = selection.shared_with
    return Fragment(f"SELECT {_columns(selection, columns)} FROM results FINAL WHERE {' AND '.join(own)}", parameters)


def _of_run(selection: Selection, run: str) -> str:
    """SQL for whether a result is of a run, or of the annotations alone of a row that counts as one of the run's."""
    if selection.missing_rows == "leave_out":
        return f"dataset = {{dataset:String}} AND run = {run}"
    said = f"SELECT data_row FROM results FINAL WHERE dataset = {{dataset:String}} AND run = {run}"
    return f"dataset = {{dataset:String}} AND run IN ('', {run}) AND (run != '' OR data_row NOT IN ({said}))"


def _columns(selection: Selection, only: Collection[str] | None) -> str:
    """SQL for columns, those of the policy as ``match_…``; every label rolled up where that is asked for."""

    def rolled(name: str, column: str) -> str:
        return f"arrayMap(label -> {rolled_up('label')}, {column})" if selection.roll_up and name in _LABELS else column

    matches = {f"match_{name}": f"`{of_policy(selection.policy, name)}`" for name in MATCHES}
    matches["match_iou"] = overlap(selection.policy)
    own = [f"{rolled(name, column)} AS {name}" for name, column in matches.items() if only is None or name in only]
    shapes = {f"{side}_geometry": geometry_in_units(side) for side in ("annotation", "prediction")}
    if only is not None:
        rest = [name for name in only if name not in matches]
        return ", ".join([*(f"{shapes.get(name) or rolled(name, name)} AS {name}" for name in rest), *own])
    objects = [f"{rolled(name, name)} AS {name}" for name in _LABELS if name not in matches and selection.roll_up]
    replaced = [*objects, *(f"{column} AS {name}" for name, column in shapes.items())]
    return ", ".join([f"* REPLACE ({', '.join(replaced)})", *own])


#: The columns that hold labels.
_LABELS: Final = ("annotation_label", "prediction_label", "match_actual", "match_predicted")


def is_object(selection: Selection) -> str:
    """SQL for whether an annotation with code ``c`` in column ``crowd`` is an object under the selection's policy."""
    return f"c IN ({', '.join(map(str, object_codes(selection)))})"


def of_type(selection: Selection, kind: str) -> str:
    """SQL for whether an object of the type in column ``kind`` is counted and passes the filter of types."""
    asked = [f"{kind} IN {{type:Array(String)}}"] if selection.type else []
    return " AND ".join([*asked, f"{kind} NOT IN ({_UNCOUNTED})"])


def counted(selection: Selection, *, whole_curve: bool = False, more: str = "") -> Fragment:
    """SQL for what counts in each selected data row, at the selected thresholds.

    Columns beside those of ``selected``, all arrays. Of each object ``…_asked`` says whether it passes the filters,
    ``…_counts`` whether it counts besides; of each rectangle ``live`` says whether it holds at the thresholds,
    ``counting`` whether it counts besides. With ``whole_curve`` there is also ``curve_counting``: which rectangles
    count at any confidence from the selected one up. ``more`` is SQL for further columns, in terms of these.
    """
    rows, parameters = selected(selection)
    limited = selection.traits.limited
    low, high = AREA_RANGES[selection.area]
    parameters = parameters | {
        "confidence": selection.confidence,
        "iou": selection.threshold(selection.iou),
        "area": list(AREA_RANGES).index(selection.area),
        **({"type": list(selection.type)} if selection.type else {}),
    }

    def chosen(*features: str, kind: str) -> str:
        """A condition that one of the features, and the type, is among those asked for."""
        tests = []
        if selection.feature:
            tests.append("(" + " OR ".join(f"{name} IN {FEATURES}" for name in features) + ")")
            parameters["feature"] = list(selection.feature)
        return " AND ".join([*tests, of_type(selection, kind)])

    live = (
        "arrayMap((cl, ch, tl, th, r) -> cl < {confidence:Float64} AND {confidence:Float64} <= ch"
        " AND tl < {iou:Float64} AND {iou:Float64} <= th AND r = {area:UInt8},"
        " match_confidence_low, match_confidence_high, match_iou_low, match_iou_high, match_area_range)"
    )
    counting = (
        "arrayMap((l, i, af, pf, k) -> l AND NOT i AND " + chosen("af", "pf", kind="k") + ","
        " live, match_ignored, match_actual_feature, match_predicted_feature, match_type)"
    )
    curve = (
        "arrayMap((ch, tl, th, r, i, af, pf, k) -> {confidence:Float64} <= ch AND tl < {iou:Float64} AND"
        " {iou:Float64} <= th AND r = {area:UInt8} AND NOT i AND " + chosen("af", "pf", kind="k") + ","
        " match_confidence_high, match_iou_low, match_iou_high, match_area_range, match_ignored, match_actual_feature,"
        " match_predicted_feature, match_type) AS curve_counting,"
    )
    annotation_asked = f"arrayMap((f, k) -> {chosen('f', kind='k')}, annotation_feature, annotation_type)"
    prediction_asked = f"arrayMap((f, k) -> {chosen('f', kind='k')}, prediction_feature, prediction_type)"
    actual = f"arrayMap((ok, c, a) -> ok AND {is_object(selection)}"
    predicted = "arrayMap((ok, c, a, k, n, i) -> ok AND c >= {confidence:Float64}"
    counted = "[]"
    # A prediction matched to an annotation that is ignored is neither right nor wrong.
    ignored = "arrayFilter((p, l, i) -> l AND i, match_prediction, live, match_ignored)"
    if selection.traits.ignores:
        predicted += " AND NOT has(ignored_prediction, i)"
    if limited:
        # Nor is one beyond the most that count, or outside the area range unless it is matched to one inside.
        parameters |= {"low": low, "high": high}
        inside = "a BETWEEN {low:Float64} AND {high:Float64}"
        actual += f" AND {inside}"
        predicted += f" AND n < {MOST_COUNTED} AND ({inside} OR has(counted_prediction, i))"
        counted = "arrayFilter((p, l, i) -> l AND NOT i, match_prediction, live, match_ignored)"
    actual += ", annotation_asked, annotation_crowd, annotation_area)"
    predicted += (
        ", prediction_asked, prediction_confidence, prediction_area, prediction_type, prediction_rank,"
        " range(length(prediction_confidence)))"
    )
    sql = f"""
        SELECT *,
            {live} AS live,
            {counting} AS counting,
            {curve if whole_curve else ""}
            {ignored} AS ignored_prediction,
            {counted} AS counted_prediction,
            {annotation_asked} AS annotation_asked,
            {prediction_asked} AS prediction_asked,
            {actual} AS annotation_counts,
            {predicted} AS prediction_counts
            {more}
        FROM ({rows})
    """
    return Fragment(sql, parameters)


def scored(selection: Selection, *, whole_curve: bool = False) -> Fragment:
    """SQL for what counts in each selected data row, by its labels.

    Columns beside those of ``counted``, all arrays: ``actual`` and ``predicted``, the labels of annotations and
    predictions that count; ``matched_actual``, ``matched_predicted`` and ``matched_iou``, the pairs. What is in
    ``actual`` but not matched is missed, what is in ``predicted`` but not matched is a false alarm.
    """
    return counted(selection, whole_curve=whole_curve, more=_BY_LABEL)


_BY_LABEL = """,
    arrayFilter((x, ok) -> ok, annotation_label, annotation_counts) AS actual,
    arrayFilter((x, ok) -> ok, prediction_label, prediction_counts) AS predicted,
    arrayFilter((x, ok) -> ok, match_actual, counting) AS matched_actual,
    arrayFilter((x, ok) -> ok, match_predicted, counting) AS matched_predicted,
    arrayFilter((x, ok) -> ok, match_iou, counting) AS matched_iou,
    arrayMap((a, p) -> a = p, matched_actual, matched_predicted) AS correct
"""


#: What can be said of one data row, in terms of ``scored``: to sort and filter rows by, and to draw histograms of.
ROW_METRICS: Final = {
    "annotations": "length(actual)",
    "predictions": "length(predicted)",
    "tp": "arrayCount(ok -> ok, correct)",
    "fp": "length(predicted) - arrayCount(ok -> ok, correct)",
    "fn": "length(actual) - arrayCount(ok -> ok, correct)",
    "precision": "if(empty(predicted), NULL, arrayCount(ok -> ok, correct) / length(predicted))",
    "recall": "if(empty(actual), NULL, arrayCount(ok -> ok, correct) / length(actual))",
    "f1": "if(empty(predicted) AND empty(actual), NULL,"
    " 2 * arrayCount(ok -> ok, correct) / (length(predicted) + length(actual)))",
    "mean_iou": "if(arrayExists((i, ok) -> ok AND i <= 1, matched_iou, correct),"
    " arrayAvg(arrayFilter((i, ok) -> ok AND i <= 1, matched_iou, correct)), NULL)",
}
assert tuple(ROW_METRICS) == RowMetric.__args__  # type: ignore[attr-defined]


#: SQL for a hash of a data row's key, which is the same wherever and whenever it is asked for.
ROW_KEY: Final = "sipHash64(data_row)"


#: Annotations, or predictions, of the largest data row that causes and two runs are asked of: both look for each object
#: among all others of its row, and the engine takes memory for each pair.
MOST_ON_A_ROW: Final = 25_000


def check_rows(client: Client, selection: Selection) -> None:
    """Refuse a question that looks for each object among all others of its data row, where there are too many.

    Raises
    ------
    QuestionError
        Naming the largest data row.
    """
    rows, parameters = selected(selection)
    sizes = "greatest(length(annotation_label), length(prediction_label))"
    for name, size in ask(
        client,
        f"SELECT data_row, {sizes} AS size FROM ({rows}) WHERE size > {{most:UInt64}} ORDER BY size DESC LIMIT 1",
        parameters | {"most": MOST_ON_A_ROW},
    ):
        raise QuestionError(
            f"data row {name!r} has {size:,} objects on one side, and this question takes at most {MOST_ON_A_ROW:,} of"
            " a data row; leave the row out with a split or a metadata filter"
        )


def ask(client: Client, sql: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Run a bounded question; return its rows."""
    return short_answer(client, _bounded(sql, QUERY | _in_memory()), parameters)


#: Bytes that any answer of the engine may have.
LEAST_ANSWER: Final = 64 * 2**20


def _in_memory() -> dict[str, Any]:
    """Bound an answer of the engine: it is there twice, and what is made of it besides."""
    return {"max_result_bytes": max(room.most() // 8, LEAST_ANSWER)}


#: To compress columns, and to undo it, takes longer than the rest of what it takes to hand them over.
_PLAIN: Final = {"output_format_arrow_compression_method": "none"}


def ask_arrow(client: Client, sql: str, parameters: dict[str, Any], **settings: int) -> pa.Table:
    """Run a bounded question; return its columns."""
    # A stream, for a file would have to have one dictionary for all blocks: rows of several inserts have several.
    stream = client.raw_query(_bounded(sql, QUERY | _PLAIN | _in_memory() | settings), parameters, fmt="ArrowStream")
    return pa.ipc.open_stream(stream).read_all()


def _bounded(sql: str, settings: dict[str, Any]) -> str:
    """Make settings part of a statement.

    The embedded engine would set and take back settings that come beside it one by one, which costs more than a small
    question.
    """
    named = ", ".join(f"{name} = {value!r}" for name, value in settings.items())
    return f"{sql} SETTINGS {named}"
