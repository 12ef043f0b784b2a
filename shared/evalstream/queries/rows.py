"""Data rows themselves: filtered, sorted, a page at a time, with every object and what became of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from math import isfinite
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal, NamedTuple

import pyarrow as pa
from pydantic import AfterValidator, BaseModel, Field

from evalstream.collector import uncollected
from evalstream.events.base import Crowd
from evalstream.queries.measures import MeasureName, is_measure, with_measures
from evalstream.scoring.causes import Cause, ErrorOptions, causes
from evalstream.scoring.counting import count
from evalstream.scoring.outcomes import Outcomes, RowMetric, outcomes, row_metrics
from evalstream.selection import QuestionError, Selection, parse_condition
from evalstream.storage.remembered import remembered
from evalstream.stored.causes import caused
from evalstream.stored.columns import AS_READ, as_dicts, every_kind, stored, to_read
from evalstream.stored.counted import ROW_METRICS, Fragment, ask, ask_arrow, check_rows, scored, selected
from evalstream.stored.custom_metrics import CustomName, custom_of_predictions, is_custom, with_custom
from evalstream.stored.roll_up import FEATURES
from evalstream.tabular import Tabular

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client


def is_row_condition(text: str) -> str:
    """Give a condition on a metric of a row back, or say what is wrong with it."""
    condition = parse_condition(text)
    if condition.name not in ROW_METRICS and not is_custom(condition.name) and not is_measure(condition.name):
        known = f"{', '.join(ROW_METRICS)}, measure.NAME and custom.NAME"
        raise QuestionError(f"there is no metric {condition.name!r} of a row; there are {known}")
    condition.number()
    return text


class RowConditions(ErrorOptions):
    """Conditions on rows, beside the filter: which of them are listed."""

    where: list[Annotated[str, AfterValidator(is_row_condition)]] = Field(
        default=[], max_length=20, description="conditions on metrics of the row: `fp>=1`, `custom.NAME<0.5`"
    )
    data_row: list[str] = Field(default=[], max_length=500, description="only these; all if none")
    actual: str | None = Field(
        default=None, description="rows with such a cell of the confusion matrix; empty: a false alarm"
    )
    predicted: str | None = Field(default=None, description="rows with such a cell; empty: missed")
    cause: Cause | None = Field(
        default=None, description="rows with an error of this cause: one of those that `errors` counts"
    )
    of_feature: bool = Field(
        default=False,
        description="only rows that have an object of the features asked for: an annotation, or a prediction from the "
        "confidence threshold up",
    )


class Page(RowConditions):
    """Page of rows: which, in which order, and how many."""

    sort: RowMetric | Literal["data_row"] | CustomName | MeasureName = Field(
        default="data_row",
        description="a metric of the row, or its key; `custom.NAME` is a metric that producers sent, "
        "`custom_precision.NAME` and the like another figure of a confusion matrix than its F1; `measure.NAME` is the "
        "mean of a measure over the row's correct pairs",
    )
    descending: bool = False
    metric: list[CustomName | MeasureName] = Field(
        default=[], max_length=100, description="metrics to give with each row besides those it is sorted by"
    )
    after: str | None = Field(
        default=None,
        description="only rows after this one, in the order of keys: the last one of a page gives the next page, "
        "whatever came meanwhile",
    )
    offset: int = Field(default=0, ge=0, lt=2**53)
    limit: int = Field(default=50, ge=1, le=500)


#: Objects of all data rows of one answer, some 300 bytes each.
MOST_LISTED: Final = 100_000
#: The first rows, and no metric but the usual ones.
PAGE: Final = Page()


class RowObject(BaseModel):
    """An annotation or a prediction of a row, and what became of it."""

    id: str
    type: str
    feature: str
    label: str
    geometry: list[float] = Field(description="the numbers of its shape; of a bbox x, y, width, height")
    detail: str = Field(description="what numbers alone cannot say: of a mask its run lengths, of a text the text")
    parent: str | None = Field(default=None, description="the id of what it is nested in")
    repaired: bool = Field(default=False, description="a polygon that crossed itself, and was repaired to be measured")
    area: float | None = Field(
        default=None,
        description="of an annotation, as it was sent or else of its shape; in square metres for longitudes and "
        "latitudes",
    )
    crowd: bool = Field(default=False, description="an annotation that is a region of many objects, or a group of them")
    confidence: float | None = Field(default=None, description="of a prediction")
    outcome: Literal["tp", "fp", "fn", "ignored"] | None = Field(
        default=None,
        description="ignored: to the policy neither right nor wrong; null: outside the feature or type filter, or "
        "below the confidence threshold",
    )
    cause: Cause | None = Field(
        default=None,
        description="of an error, by TIDE's rules; an annotation not found has the cause of the prediction that should "
        "have been it, or is `missed`",
    )
    matched: str | None = Field(default=None, description="the id of the other side of its match")
    iou: float | None = Field(default=None, description="of the match; null for a classification")
    metrics: dict[str, float | None] = Field(
        default_factory=dict,
        description="of a prediction, those that producers sent for it, at the confidence threshold; of a confusion "
        "matrix its F1",
    )
    matched_confidence: tuple[float | None, float | None] | None = Field(
        default=None,
        description="the confidence thresholds c at which this match holds, all else being equal: from the first, not "
        "included, to the second, included; null for no bound",
    )
    matched_iou: tuple[float | None, float | None] | None = Field(
        default=None,
        description="the IoU thresholds at which it holds, likewise; where the policy asks for an IoU above the "
        "threshold, the second is the next smaller number",
    )


class Row(BaseModel):
    """A data row, its metrics, and its objects."""

    data_row: str
    split: str
    width: int
    height: int
    coordinates: str
    media_url: str
    text: str
    metadata: dict[str, str]
    metrics: dict[str, float | None] = Field(description="with those custom ones and measures that the question named")
    annotations: list[RowObject]
    predictions: list[RowObject]


class Rows(Tabular):
    """A page of rows."""

    table: ClassVar = "rows"

    total: int = Field(description="rows that fit, on all pages; with `after`, after that one")
    rows: list[Row]


def rows(client: Client, selection: Selection, page: Page) -> Rows:
    """List data rows with their metrics and objects, at the selected thresholds."""
    if page.data_row:
        selection = selection.model_copy(update={"data_row": page.data_row})
    names, total = _find(client, selection, page)
    return Rows(total=total, rows=rows_named(client, selection, names, page))


def _find(client: Client, selection: Selection, page: Page) -> tuple[list[str], int]:
    """The keys of a page's rows, in order; and how many there are on all pages.

    What became of each object costs the engine more to work out than all else, so that only what the page names is.
    """
    named = {name for name in (page.sort, *(parse_condition(text).name for text in page.where)) if name != "data_row"}
    if page.cause:
        check_rows(client, selection)
        fragment = caused(selection, page)
    elif named or page.actual is not None or page.predicted is not None:
        fragment = scored(selection)
    else:
        fragment = selected(selection)
    (sql, parameters), column = _with_metrics(client, selection, fragment, named)
    conditions, bound = _conditions(page, column)
    if page.after is not None:
        conditions += " AND (length(data_row), data_row) > (length({after:String}), {after:String})"
        bound |= {"after": page.after}
    if page.of_feature and selection.feature:
        conditions += f" AND {_OF_FEATURE}"
        bound |= {"feature": list(selection.feature), "confidence": selection.confidence}
    direction = "DESC" if page.descending else "ASC"
    order = f"length(data_row) {direction}, data_row {direction}"
    if page.sort != "data_row":
        order = f"{column[page.sort]} {direction} NULLS LAST, length(data_row), data_row"
    fitting = f"FROM ({sql}) WHERE {conditions}"
    keys = ask(
        client,
        f"SELECT data_row, count() OVER () {fitting} ORDER BY {order} LIMIT {{limit:UInt32}} OFFSET {{offset:UInt64}}",
        parameters | bound | {"limit": page.limit, "offset": page.offset},
    )
    if keys or not page.offset:
        return [name for name, _ in keys], keys[0][1] if keys else 0
    return [], ask(client, f"SELECT count() {fitting}", parameters | bound)[0][0]  # beyond the end nobody counted


@uncollected
def rows_named(client: Client, selection: Selection, names: Sequence[str], page: Page = PAGE) -> list[Row]:
    """Give these data rows, in this order, with the metrics that a page names."""
    if not names:
        return []
    only = selection.model_copy(update={"data_row": list(names)})
    _check_size(client, only)
    conditions = (parse_condition(text).name for text in page.where)
    named = {page.sort, *page.metric, *conditions} - {"data_row", *ROW_METRICS}
    (sql, parameters), column = _with_metrics(client, only, scored(only) if named else selected(only), named)
    columns = (*_ROW, *_ANNOTATION, *_PREDICTION, *_MEASURE, *_BOUNDS, *to_read(only, with_nearest=True))
    chosen = ", ".join(dict.fromkeys((*columns, *column.values())))
    statement = f"SELECT {chosen} FROM ({sql})"
    table: pa.Table = remembered(
        client,
        ("rows", statement, repr(parameters)),
        lambda: ask_arrow(client, statement, parameters, **AS_READ),
        lambda read: read.nbytes,
    )
    of, asked, _, near, *_ = stored(table, every_kind(client, only))
    assert near is not None
    counting = count(of, asked)
    row_outcomes = outcomes(of, counting, causes(of, counting, near, asked, page))
    by_name = {}
    for values, own in zip(as_dicts(table), row_outcomes, strict=True):
        metrics = row_metrics(own) | {name: values[place] for name, place in column.items()}
        row = _row(values, metrics, own, selection)
        by_name[row.data_row] = row
    return [by_name[name] for name in names if name in by_name]


def _check_size(client: Client, selection: Selection) -> None:
    """Refuse rows that are too many megabytes together, before they are read.

    Raises
    ------
    QuestionError
        Saying how many objects they have.
    """
    sql, parameters = selected(selection)
    sizes = "length(annotation_label) + length(prediction_label)"
    ((total, most, largest),) = ask(
        client, f"SELECT sum({sizes}), max({sizes}), argMax(data_row, {sizes}) FROM ({sql})", parameters
    )
    if most > MOST_LISTED:
        raise QuestionError(
            f"data row {largest!r} has {most:,} objects, and an answer lists at most {MOST_LISTED:,}; leave the row out"
            " with a split, a metadata filter or a condition such as `annotations<1000`"
        )
    if total > MOST_LISTED:
        raise QuestionError(
            f"these data rows have {total:,} objects together, and an answer lists at most {MOST_LISTED:,}; ask for"
            " fewer at a time (`limit`)"
        )


def _with_metrics(
    client: Client, selection: Selection, fragment: Fragment, named: Collection[str]
) -> tuple[Fragment, dict[str, str]]:
    """SQL with a column for each of the named metrics of a row; and which column is which."""
    custom = {name: f"custom{i}" for i, name in enumerate(sorted(filter(is_custom, named)))}
    measured = {name: f"measure{i}" for i, name in enumerate(sorted(filter(is_measure, named)))}
    usual = {name: f"row_{name}" for name in ROW_METRICS if name in named}
    sql, parameters = with_measures(selection, with_custom(client, selection, fragment, list(custom)), list(measured))
    metrics = "".join(f", toNullable(toFloat64({ROW_METRICS[name]})) AS {column}" for name, column in usual.items())
    return Fragment(f"SELECT *{metrics} FROM ({sql})", parameters), usual | custom | measured


_UNMATCHED = "countEqual({0}, {{cell_{0}:String}}) > countEqual(matched_{0}, {{cell_{0}:String}})"


def rows_where(client: Client, selection: Selection, fragment: Fragment, where: Sequence[str]) -> Fragment:
    """SQL for those of some rows that meet conditions on their metrics."""
    if not where:
        return fragment
    (sql, parameters), column = _with_metrics(
        client, selection, fragment, {parse_condition(text).name for text in where}
    )
    tests, bound = _of_metrics(where, column)
    return Fragment(f"SELECT * FROM ({sql}) WHERE {' AND '.join(tests)}", parameters | bound)


def _of_metrics(where: Sequence[str], column: Mapping[str, str]) -> tuple[list[str], dict[str, Any]]:
    conditions = [parse_condition(text) for text in where]
    tests = [f"{column[own.name]} {own.operator} {{where{i}:Float64}}" for i, own in enumerate(conditions)]
    return tests, {f"where{i}": own.number() for i, own in enumerate(conditions)}


_OF_FEATURE: Final = (
    f"(arrayExists(f -> f IN {FEATURES}, annotation_feature) OR arrayExists((f, c) -> c >= {{confidence:Float64}} AND"
    f" f IN {FEATURES}, prediction_feature, prediction_confidence))"
)


def _conditions(page: Page, column: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    tests, bound = _of_metrics(page.where, column)
    if page.cause:
        tests.append("(has(prediction_error, {cause:String}) OR has(annotation_error, {cause:String}))")
        bound["cause"] = page.cause
    for name in ("actual", "predicted"):
        if getattr(page, name):
            bound[f"cell_{name}"] = getattr(page, name)
    match page.actual, page.predicted:
        case (None, None):
            pass
        case (str(actual), str(predicted)) if actual and predicted:
            tests.append(
                "arrayExists((a, p) -> a = {cell_actual:String} AND p = {cell_predicted:String},"
                " matched_actual, matched_predicted)"
            )
        case (str(actual), "") if actual:
            tests.append(_UNMATCHED.format("actual"))
        case ("", str(predicted)) if predicted:
            tests.append(_UNMATCHED.format("predicted"))
        case (str(actual), None) if actual:
            tests.append("has(actual, {cell_actual:String})")
        case (None, str(predicted)) if predicted:
            tests.append("has(predicted, {cell_predicted:String})")
        case _:
            raise QuestionError("an empty `actual` or `predicted` means nothing at all: the other one must be a label")
    return " AND ".join(tests) or "1", bound


_ROW = ("data_row", "split", "width", "height", "coordinates", "media_url", "text", "metadata")
_OBJECT = ("id", "type", "feature", "label", "geometry", "detail")
_ANNOTATION = tuple(f"annotation_{name}" for name in (*_OBJECT, "parent", "area", "crowd"))
_PREDICTION = tuple(f"prediction_{name}" for name in (*_OBJECT, "parent"))
_MEASURE = tuple(f"measure_{name}" for name in ("name", "annotation", "prediction", "confidence", "value"))
_BOUNDS = tuple(f"match_{name}" for name in ("confidence_low", "confidence_high", "iou_low", "iou_high"))
_MATCH = ("match_prediction", "match_annotation", "match_iou", "match_ignored", *_BOUNDS)


class _Match(NamedTuple):
    prediction: int
    annotation: int
    iou: float
    bounds: list[float | None]


def _row(values: dict[str, Any], metrics: dict[str, float | None], row_outcomes: Outcomes, selection: Selection) -> Row:
    """Put a row together, of values that are checked at once: models that are filled bit by bit cost six times that."""
    match_of: dict[int, _Match] = {}  # by prediction
    matched_by: dict[int, _Match] = {}  # by annotation
    for live, p, a, overlap, ignored, *bounds in zip(
        row_outcomes.live, *(values[name] for name in _MATCH), strict=True
    ):
        if not live:
            continue
        # No threshold lies outside [0, 1].
        match_of[p] = _Match(p, a, overlap, [bound if 0 <= bound <= 1 else None for bound in bounds])
        if not ignored:
            matched_by[a] = match_of[p]
    annotations = _side(values, "annotation")
    predictions = _side(values, "prediction")
    for j, item in enumerate(annotations):
        area = values["annotation_area"][j]
        item["area"] = area if isfinite(area) else None
        item["crowd"] = values["annotation_crowd"][j] in (Crowd.CROWD, Crowd.GROUP_OF)
        match = matched_by.get(j)
        if match:
            _put_match(item, match, predictions[match.prediction])
        if row_outcomes.annotation_counts[j]:
            item["outcome"] = "tp" if match and predictions[match.prediction]["label"] == item["label"] else "fn"
            item["cause"] = row_outcomes.annotation_cause[j]
        elif row_outcomes.annotation_asked[j]:
            item["outcome"] = "ignored"
    for i, (item, confidence) in enumerate(zip(predictions, values["prediction_confidence"], strict=True)):
        item["confidence"] = confidence
        match = match_of.get(i)
        if match:
            _put_match(item, match, annotations[match.annotation])
        if row_outcomes.prediction_counts[i]:
            item["outcome"] = "tp" if match and annotations[match.annotation]["label"] == item["label"] else "fp"
            item["cause"] = row_outcomes.prediction_cause[i]
        elif row_outcomes.prediction_asked[i] and confidence >= selection.confidence:
            item["outcome"] = "ignored"
    for i, name, value in custom_of_predictions(values, selection.confidence):
        predictions[i].setdefault("metrics", {})[name] = value
    known = {name: values[name] for name in _ROW} | {"metadata": dict(values["metadata"])}
    return Row.model_validate(known | {"metrics": metrics, "annotations": annotations, "predictions": predictions})


def _put_match(item: dict[str, Any], match: _Match, other: dict[str, Any]) -> None:
    low, high, iou_low, iou_high = match.bounds
    item["matched"] = other["id"]
    item["iou"] = match.iou if match.iou <= 1 else None
    item["matched_confidence"], item["matched_iou"] = (low, high), (iou_low, iou_high)


def _side(values: dict[str, Any], side: str) -> list[dict[str, Any]]:
    columns = (values[f"{side}_{name}"] for name in _OBJECT)
    objects = [dict(zip(_OBJECT, item, strict=True)) for item in zip(*columns, strict=True)]
    for item, parent in zip(objects, values[f"{side}_parent"], strict=True):
        if parent >= 0:
            item["parent"] = objects[parent]["id"]
    for name, i in zip(values["measure_name"], values[f"measure_{side}"], strict=True):
        if name == "repaired" and i >= 0:
            objects[i]["repaired"] = True
    return objects
