"""Values of custom metrics, in SQL: by row, feature, subclass or object, at any threshold and filter.

A value holds from its confidence threshold up to the next; below the first one the first value holds. A metric of an
object is there while the object is. Then, within a data row and from the bottom up: a feature has the value that was
sent for it, otherwise the aggregate of its subclasses' values, otherwise of its objects'; the row has the value that
was sent for it, otherwise the aggregate of its features'. A selection has the aggregate over its rows.

Names come from producers: in SQL they are bound parameters or columns, and never part of the text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

import numpy as np
from pydantic import AfterValidator

from evalstream.metrics.aggregate import CONFUSION_FIGURES, confusion_scores
from evalstream.selection import QuestionError, Selection
from evalstream.stored.counted import Fragment, ask, selected
from evalstream.stored.roll_up import FEATURES, rolled_up
from evalstream.types import AGGREGATIONS, CUSTOM

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

MATRIX: Final = AGGREGATIONS.index("confusion_matrix")

CONFUSION_COUNTS: Final = {"tp": "value[1]", "fp": "value[2]", "tn": "value[3]", "fn": "value[4]"}
_RATIOS: Final = {
    name: "if({1} = 0, NULL, {0} / {1})".format(
        *("(" + " + ".join(f"{k} * value[{i}]" for i, k in enumerate(ks, 1) if k) + ")" for ks in figure)
    )
    for name, figure in CONFUSION_FIGURES.items()
}
#: What begins the name of a custom metric where the metrics of rows may stand, and which figure of it is meant: its
#: value, which of a confusion matrix is the F1; or another figure of a confusion matrix.
PREFIXES: Final = {
    CUSTOM: f"if(aggregation = {MATRIX}, {_RATIOS['f1']}, value[1])",
    **{f"custom_{name}.": figure for name, figure in (CONFUSION_COUNTS | _RATIOS).items()},
}

#: Begins the name of a custom metric where the values of single predictions are meant.
OBJECT_PREFIX: Final = "custom_object."


def is_custom(metric: str) -> bool:
    """Whether it is the name of a custom metric, where other metrics may stand too: ``custom.NAME`` and the like."""
    prefix = metric.partition(".")[0] + "."
    return prefix in PREFIXES and len(metric) > len(prefix)


def _is_custom(text: str) -> str:
    if not is_custom(text):
        raise QuestionError(f"{text!r} is not a custom metric: write custom.NAME")
    return text


#: ``custom.NAME``, or ``custom_precision.NAME`` and the like for another figure of a confusion matrix.
CustomName = Annotated[str, AfterValidator(_is_custom)]


def with_custom(client: Client, selection: Selection, sql: Fragment, metrics: Sequence[str]) -> Fragment:
    """Add a column ``custom0``, ``custom1`` … to the SQL of data rows for each custom metric; null where undefined.

    Parameters
    ----------
    sql : Fragment
        Rows with a column ``data_row``.
    metrics : sequence of str
        Names such as ``custom.NAME`` (:data:`PREFIXES`).

    Raises
    ------
    QuestionError
        If the run has no such metric, or has it with more than one aggregation.
    """
    if not metrics:
        return sql
    known = known_metrics(client, selection)
    for i, metric in enumerate(metrics):
        prefix, name = metric[: metric.index(".") + 1], metric[metric.index(".") + 1 :]
        entries = entries_of(
            selection,
            f"name = {{custom{i}:String}} AND aggregation = {{custom_aggregation{i}:UInt8}}",
            **{f"custom{i}": name, f"custom_aggregation{i}": _one_aggregation(known, name, prefix)},
        )
        rows = values_by_row(values_by_feature(entries, selection))
        figure = PREFIXES[prefix]
        sql = Fragment(
            f"SELECT * FROM ({sql.sql}) AS every{i} LEFT JOIN"
            f" (SELECT data_row, toNullable(toFloat64({figure})) AS custom{i} FROM ({rows.sql})) AS own{i}"
            " USING (data_row)",
            sql.parameters | rows.parameters,
        )
    return sql


def custom_by_row(selection: Selection) -> Fragment:
    """SQL for the value of every custom metric in each selected data row that has one.

    Columns: ``data_row``, ``name``, ``aggregation`` (a position in ``AGGREGATIONS``), and ``value``, an array of one
    number, or of the four counts of a confusion matrix.
    """
    return values_by_row(values_by_feature(entries_of(selection, "1"), selection))


def custom_of_objects(client: Client, selection: Selection, name: str, parameter: str = "custom") -> Fragment:
    """SQL for the values (column ``custom0``) of one custom metric of single predictions, a row a prediction.

    ``prediction`` is its position on the ``data_row``; ``parameter`` is what the name is bound to.

    Raises
    ------
    QuestionError
        If the run has no such metric, or has it with more than one aggregation.
    """
    _one_aggregation(known_metrics(client, selection), name, CUSTOM)
    entries = entries_of(selection, f"name = {{{parameter}:String}} AND level = 3", **{parameter: name})
    return Fragment(
        f"SELECT data_row, prediction, {PREFIXES[CUSTOM]} AS custom0 FROM ({entries.sql})", entries.parameters
    )


def custom_of_predictions(row: Mapping[str, Any], confidence: float) -> Iterator[tuple[int, str, float | None]]:
    """Yield the custom metrics of the single predictions of a row of results, at a confidence threshold.

    Each as the position of its prediction, its name, and its value; of a confusion matrix its F1, null where that is
    not defined. ``entries_of`` says in SQL how a value is stored.
    """
    columns = (row[f"measure_{name}"] for name in ("prediction", "name", "confidence", "value"))
    for prediction, name, above, stored in zip(*columns, strict=True):
        if prediction < 0 or not name.startswith(CUSTOM) or above < confidence:
            continue
        aggregation, thresholds = int(stored[0]), int(stored[1])
        width = 4 if aggregation == MATRIX else 1
        nth = max(sum(threshold <= confidence for threshold in stored[2 : 2 + thresholds]), 1)
        value = stored[2 + thresholds + width * (nth - 1) :][:width]
        shown = confusion_scores(np.array(value)).f1 if aggregation == MATRIX else value[0]
        yield prediction, name.removeprefix(CUSTOM), shown


def entries_of(selection: Selection, chosen: str, **more: Any) -> Fragment:
    """SQL for every value that holds at the selected thresholds and passes the filters, a row each."""
    rows = selected(selection)
    tests = [f"({chosen})", "entry.6 >= {confidence:Float64}"]
    if selection.feature:
        tests.append(f"feature IN {FEATURES}")
    if selection.type:
        kind = "transform(prediction_type[entry.5 + 1], ['question'], ['checklist'])"
        tests.append(f"level = 3 AND {kind} IN {{type:Array(String)}}")
    columns = ["name", "value", "actual", "predicted", "prediction", "confidence"]
    zipped = f"arrayZip({', '.join(f'measure_{name}' for name in columns)})"
    types = ", prediction_type" if selection.type else ""
    return Fragment(
        f"""
        SELECT data_row, substring(entry.1, {len(CUSTOM) + 1}) AS name, toUInt8(entry.2[1]) AS aggregation,
            toString(entry.3) AS feature, multiIf(entry.5 >= 0, 3, entry.4 != '', 2, entry.3 != '', 1, 0) AS level,
            entry.5 AS prediction,
            toUInt32(entry.2[2]) AS thresholds, if(aggregation = {MATRIX}, 4, 1) AS width,
            greatest(arrayCount(c -> c <= {{confidence:Float64}}, arraySlice(entry.2, 3, thresholds)), 1) AS nth,
            arraySlice(entry.2, 3 + thresholds + width * (nth - 1), width) AS value
        FROM (
            SELECT data_row{types}, arrayJoin(arrayFilter(e -> startsWith(e.1, '{CUSTOM}'), {zipped})) AS entry
            FROM ({rows.sql})
        )
        WHERE {" AND ".join(tests)}
        """,
        rows.parameters
        | {"confidence": selection.confidence, "feature": list(selection.feature), "type": list(selection.type)}
        | more,
    )


def values_by_feature(entries: Fragment, selection: Selection) -> Fragment:
    """SQL for the value of each feature in each data row; feature '' is what was sent for the row."""
    key = ("data_row", "name", "aggregation", "feature")
    sql = aggregated_up(entries.sql, *key)
    if selection.roll_up:
        kinds = f"SELECT * REPLACE ({rolled_up('feature')} AS feature), 0 AS level FROM ({sql})"
        sql = aggregated_up(kinds, *key)
    return Fragment(sql, entries.parameters)


def values_by_row(features: Fragment) -> Fragment:
    """SQL for the value of each data row."""
    levelled = f"SELECT *, if(feature = '', 0, 1) AS level FROM ({features.sql})"
    return Fragment(aggregated_up(levelled, "data_row", "name", "aggregation"), features.parameters)


def aggregated_up(sql: str, *key: str) -> str:
    """SQL for one value of each group: the aggregate of the group's values of the lowest ``level``.

    They are sorted first, so that their sum does not depend on the order in which the engine comes upon them.
    ``below`` counts them.
    """
    keys = ", ".join(key)
    x = "arrayMap(v -> v[1], found)"
    return f"""
        SELECT {keys}, length(found) AS below, multiIf(
            below = 1, found[1],
            aggregation = 0, [arrayAvg({x})],
            aggregation = 1, [exp(arrayAvg(y -> log(y), {x}))],
            aggregation = 2, [below / arraySum(y -> 1 / y, {x})],
            aggregation = 3, [arraySum({x})],
            arrayMap(i -> arraySum(arrayMap(v -> v[i], found)), [1, 2, 3, 4])) AS value
        FROM (
            SELECT {keys}, arraySort(groupArray((level, value))) AS levelled, levelled[1].1 AS least,
                arrayMap(e -> e.2, arrayFilter(e -> e.1 = least, levelled)) AS found
            FROM ({sql}) GROUP BY {keys}
        )
    """


def known_metrics(client: Client, selection: Selection) -> list[tuple[str, int]]:
    """Every custom metric of the run, whatever is selected of it, with its aggregation; by name."""
    rows = ask(
        client,
        f"""
        SELECT DISTINCT substring(entry.1, {len(CUSTOM) + 1}) AS name, toUInt8(entry.2[1]) AS aggregation
        FROM (
            SELECT arrayJoin(arrayFilter(e -> startsWith(e.1, '{CUSTOM}'), arrayZip(measure_name, measure_value)))
                AS entry
            FROM results FINAL WHERE dataset = {{dataset:String}} AND run = {{run:String}}
        )
        ORDER BY name, aggregation
        """,
        {"dataset": selection.dataset, "run": selection.run},
    )
    return [(name, code) for name, code in rows]


def _one_aggregation(known: Sequence[tuple[str, int]], name: str, prefix: str) -> int:
    codes = [code for own, code in known if own == name]
    if not codes:
        there = ", ".join(dict.fromkeys(own for own, _ in known)) or "none"
        raise QuestionError(f"the run has no custom metric {name!r}; there are: {there}")
    if len(codes) > 1:
        raise QuestionError(
            f"the custom metric {name!r} was sent with more than one aggregation "
            f"({', '.join(AGGREGATIONS[code] for code in codes)}): its values cannot be compared"
        )
    if prefix != CUSTOM and codes[0] != MATRIX:
        raise QuestionError(f"the custom metric {name!r} is not a confusion matrix: ask for custom.{name}")
    return codes[0]
