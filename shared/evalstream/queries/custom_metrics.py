"""Metrics that producers sent: by row, feature, subclass or object, brought together at any threshold and filter.

A value holds from its confidence threshold up to the next; below the first one the first value holds. A metric of an
object is there while the object is. Then, within a data row and from the bottom up: a feature has the value that was
sent for it, otherwise the aggregate of its subclasses' values, otherwise of its objects'; the row has the value that
was sent for it, otherwise the aggregate of its features'. A selection has the aggregate over its rows.

Names come from producers: in SQL they are bound parameters or columns, and never part of the text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal

import numpy as np
from pydantic import AfterValidator, BaseModel, Field

from evalstream.metrics.aggregate import CONFUSION_FIGURES, confusion_scores
from evalstream.selection import Filter, QuestionError, Selection
from evalstream.stored.counted import Fragment, ask, selected
from evalstream.stored.roll_up import FEATURES, rolled_up
from evalstream.tabular import Tabular
from evalstream.types import AGGREGATIONS, CUSTOM, Aggregation

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

Level = Literal["row", "feature", "subclass", "object"]
_LEVELS: Final[tuple[Level, ...]] = ("row", "feature", "subclass", "object")
_MATRIX: Final = AGGREGATIONS.index("confusion_matrix")

_COUNTS: Final = {"tp": "value[1]", "fp": "value[2]", "tn": "value[3]", "fn": "value[4]"}
_RATIOS: Final = {
    name: "if({1} = 0, NULL, {0} / {1})".format(
        *("(" + " + ".join(f"{k} * value[{i}]" for i, k in enumerate(ks, 1) if k) + ")" for ks in figure)
    )
    for name, figure in CONFUSION_FIGURES.items()
}
#: What begins the name of a custom metric where the metrics of rows may stand, and which figure of it is meant: its
#: value, which of a confusion matrix is the F1; or another figure of a confusion matrix.
PREFIXES: Final = {
    CUSTOM: f"if(aggregation = {_MATRIX}, {_RATIOS['f1']}, value[1])",
    **{f"custom_{name}.": figure for name, figure in (_COUNTS | _RATIOS).items()},
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


class Confusion(BaseModel):
    """A confusion matrix, summed, and its scores."""

    tp: float
    fp: float
    tn: float
    fn: float
    precision: float | None
    recall: float | None
    f1: float | None
    accuracy: float | None


class CustomFigures(BaseModel):
    """Aggregate of values."""

    value: float | None = Field(description="of a confusion matrix its F1")
    confusion: Confusion | None = Field(description="of aggregation `confusion_matrix` only")
    rows: int = Field(description="data rows that have a value")
    undefined: dict[str, str] = Field(description="why a figure is null")


class CustomFeature(CustomFigures):
    """A custom metric of one feature: the values that were sent for it, or for what is below it."""

    feature: str


class CustomMetric(CustomFigures):
    """A custom metric, aggregated over the selected data rows."""

    name: str
    aggregation: Aggregation
    levels: list[Level] = Field(description="what values were sent for")
    objects: int = Field(description="predictions that have a value of their own")
    features: list[CustomFeature] = Field(description="each feature that values were sent for, or for objects of")


class CustomMetrics(Tabular):
    """All custom metrics of the run."""

    table: ClassVar = "metrics"

    metrics: list[CustomMetric] = Field(description="by name and aggregation")
    notes: list[str] = Field(description="what has to be known of this answer")


class CustomMetricsPage(BaseModel):
    """Query of custom metrics."""

    metric: list[str] = Field(default=[], max_length=100, description="names of custom metrics; all if none")


class CustomMetricsQuery(Filter, CustomMetricsPage):
    """A filter, and which custom metrics."""


def custom_metrics(client: Client, selection: Selection, page: CustomMetricsPage | None = None) -> CustomMetrics:
    """Aggregate every custom metric over the selected data rows, and by feature."""
    names = page.metric if page else []
    known = [key for key in _known(client, selection) if not names or key[0] in names]
    entries = _entries(selection, "empty({names:Array(String)}) OR has({names:Array(String)}, name)", names=names)
    by_feature = _by_feature(entries, selection)
    by_row = _by_row(by_feature)
    key = ("name", "aggregation")
    sent = {
        (name, code): (levels, objects)
        for name, code, levels, objects in ask(
            client,
            "SELECT name, aggregation, arraySort(groupUniqArray(level)), countIf(level = 3)"
            f" FROM ({entries.sql}) GROUP BY name, aggregation",
            entries.parameters,
        )
    }
    of_features: dict[tuple[str, int], list[CustomFeature]] = {}
    per_feature = _up(f"SELECT *, 0 AS level FROM ({by_feature.sql}) WHERE feature != ''", *key, "feature")
    for name, code, feature, value, rows in ask(
        client,
        f"SELECT name, aggregation, feature, value, below FROM ({per_feature}) ORDER BY feature",
        by_feature.parameters,
    ):
        own = CustomFeature(feature=feature, **_figures(code, value, rows))
        of_features.setdefault((name, code), []).append(own)
    whole = {
        (name, code): (value, rows)
        for name, code, value, rows in ask(
            client,
            f"SELECT name, aggregation, value, below FROM ({_up(f'SELECT *, 0 AS level FROM ({by_row.sql})', *key)})",
            by_row.parameters,
        )
    }
    metrics = []
    for name, code in known:
        levels, objects = sent.get((name, code), ([], 0))
        metrics.append(
            CustomMetric(
                name=name,
                aggregation=AGGREGATIONS[code],
                levels=[_LEVELS[level] for level in levels],
                objects=objects,
                features=of_features.get((name, code), []),
                **_figures(code, *whole.get((name, code), ([], 0))),
            )
        )
    return CustomMetrics(metrics=metrics, notes=_notes(known, selection))


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
    known = _known(client, selection)
    for i, metric in enumerate(metrics):
        prefix, name = metric[: metric.index(".") + 1], metric[metric.index(".") + 1 :]
        entries = _entries(
            selection,
            f"name = {{custom{i}:String}} AND aggregation = {{custom_aggregation{i}:UInt8}}",
            **{f"custom{i}": name, f"custom_aggregation{i}": _one_aggregation(known, name, prefix)},
        )
        rows = _by_row(_by_feature(entries, selection))
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
    return _by_row(_by_feature(_entries(selection, "1"), selection))


def custom_of_objects(client: Client, selection: Selection, name: str, parameter: str = "custom") -> Fragment:
    """SQL for the values (column ``custom0``) of one custom metric of single predictions, a row a prediction.

    ``prediction`` is its position on the ``data_row``; ``parameter`` is what the name is bound to.

    Raises
    ------
    QuestionError
        If the run has no such metric, or has it with more than one aggregation.
    """
    _one_aggregation(_known(client, selection), name, CUSTOM)
    entries = _entries(selection, f"name = {{{parameter}:String}} AND level = 3", **{parameter: name})
    return Fragment(
        f"SELECT data_row, prediction, {PREFIXES[CUSTOM]} AS custom0 FROM ({entries.sql})", entries.parameters
    )


def custom_of_predictions(row: Mapping[str, Any], confidence: float) -> Iterator[tuple[int, str, float | None]]:
    """Yield the custom metrics of the single predictions of a row of results, at a confidence threshold.

    Each as the position of its prediction, its name, and its value; of a confusion matrix its F1, null where that is
    not defined. ``_entries`` says in SQL how a value is stored.
    """
    columns = (row[f"measure_{name}"] for name in ("prediction", "name", "confidence", "value"))
    for prediction, name, above, stored in zip(*columns, strict=True):
        if prediction < 0 or not name.startswith(CUSTOM) or above < confidence:
            continue
        aggregation, thresholds = int(stored[0]), int(stored[1])
        width = 4 if aggregation == _MATRIX else 1
        nth = max(sum(threshold <= confidence for threshold in stored[2 : 2 + thresholds]), 1)
        value = stored[2 + thresholds + width * (nth - 1) :][:width]
        shown = confusion_scores(np.array(value)).f1 if aggregation == _MATRIX else value[0]
        yield prediction, name.removeprefix(CUSTOM), shown


def _entries(selection: Selection, chosen: str, **more: Any) -> Fragment:
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
            toUInt32(entry.2[2]) AS thresholds, if(aggregation = {_MATRIX}, 4, 1) AS width,
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


def _by_feature(entries: Fragment, selection: Selection) -> Fragment:
    """SQL for the value of each feature in each data row; feature '' is what was sent for the row."""
    key = ("data_row", "name", "aggregation", "feature")
    sql = _up(entries.sql, *key)
    if selection.roll_up:
        kinds = f"SELECT * REPLACE ({rolled_up('feature')} AS feature), 0 AS level FROM ({sql})"
        sql = _up(kinds, *key)
    return Fragment(sql, entries.parameters)


def _by_row(features: Fragment) -> Fragment:
    """SQL for the value of each data row."""
    levelled = f"SELECT *, if(feature = '', 0, 1) AS level FROM ({features.sql})"
    return Fragment(_up(levelled, "data_row", "name", "aggregation"), features.parameters)


def _up(sql: str, *key: str) -> str:
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


def _known(client: Client, selection: Selection) -> list[tuple[str, int]]:
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
    if prefix != CUSTOM and codes[0] != _MATRIX:
        raise QuestionError(f"the custom metric {name!r} is not a confusion matrix: ask for custom.{name}")
    return codes[0]


def _figures(code: int, value: Sequence[float], rows: int) -> dict[str, Any]:
    if not len(value):
        why = "no value is left at these thresholds and filters"
        return {"value": None, "confusion": None, "rows": 0, "undefined": {"value": why}}
    if code != _MATRIX:
        return {"value": value[0], "confusion": None, "rows": rows, "undefined": {}}
    counts = np.array(value)
    scores = confusion_scores(counts)
    undefined = {f"confusion.{name}": _DENOMINATORS[name] for name, own in scores._asdict().items() if own is None}
    if scores.f1 is None:
        undefined["value"] = _DENOMINATORS["f1"]
    confusion = Confusion(**dict(zip(_COUNTS, counts.tolist(), strict=True)), **scores._asdict())
    return {"value": scores.f1, "confusion": confusion, "rows": rows, "undefined": undefined}


_DENOMINATORS: Final = {
    "precision": "tp + fp is 0",
    "recall": "tp + fn is 0",
    "f1": "2 tp + fp + fn is 0",
    "accuracy": "tp + fp + tn + fn is 0",
}


def _notes(known: Sequence[tuple[str, int]], selection: Selection) -> list[str]:
    names = [name for name, _ in known]
    notes = [
        f"{name!r} was sent with more than one aggregation: there is an entry for each, of its own values only."
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]
    if selection.type and known:
        notes.append("With `type`, only metrics of single objects count: those of rows and features have no type.")
    elif selection.feature and known:
        notes.append("With `feature`, metrics of whole rows do not count: they are of everything on the row.")
    return notes
