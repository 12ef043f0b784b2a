"""Data rows themselves: filtered, sorted, a page at a time, with every object and what became of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, NamedTuple

from clickhouse_connect.driver.client import Client
from pydantic import AfterValidator, BaseModel, Field

from evalstream.queries.causes import BACKGROUND, Cause, caused
from evalstream.queries.custom_metrics import CustomName, is_custom, with_custom
from evalstream.queries.measures import MeasureName, is_measure, with_measures
from evalstream.queries.roll_up import FEATURES
from evalstream.queries.selection import ROW_METRICS, QuestionError, RowMetric, Selection, ask, parse_condition
from evalstream.types import UNCOUNTED


def _is_row_condition(text: str) -> str:
    condition = parse_condition(text)
    if condition.name not in ROW_METRICS and not is_custom(condition.name) and not is_measure(condition.name):
        known = f"{', '.join(ROW_METRICS)}, measure.NAME and custom.NAME"
        raise QuestionError(f"there is no metric {condition.name!r} of a row; there are {known}")
    condition.number()
    return text


class Page(BaseModel):
    """Which rows, in which order, and how many."""

    sort: RowMetric | Literal["data_row"] | CustomName | MeasureName = Field(
        default="data_row",
        description="a metric of the row, or its key; `custom.NAME` is a metric that producers sent, "
        "`custom_precision.NAME` and the like another figure of a confusion matrix than its F1; `measure.NAME` is the "
        "mean of a measure over the row's correct pairs",
    )
    descending: bool = False
    where: list[Annotated[str, AfterValidator(_is_row_condition)]] = Field(
        default=[], max_length=20, description="conditions on metrics of the row: `fp>=1`, `custom.NAME<0.5`"
    )
    data_row: list[str] = Field(default=[], max_length=500, description="only these; all if none")
    actual: str | None = Field(
        default=None, description="rows with such a cell of the confusion matrix; empty: a false alarm"
    )
    predicted: str | None = Field(default=None, description="rows with such a cell; empty: missed")
    cause: Cause | None = Field(default=None, description="rows with an error of this cause")
    background: float = Field(
        default=BACKGROUND,
        gt=0,
        le=1,
        description="of causes: a prediction that overlaps no annotation by more is of the background",
    )
    offset: int = Field(default=0, ge=0, lt=2**53)
    limit: int = Field(default=50, ge=1, le=500)


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


class Rows(BaseModel):
    """A page of rows."""

    total: int = Field(description="rows that fit, on all pages")
    rows: list[Row]


def rows(client: Client, selection: Selection, page: Page) -> Rows:
    """List data rows with their metrics and objects, at the selected thresholds."""
    custom = {name: f"custom{i}" for i, name in enumerate(_named(page, is_custom))}
    measured = {name: f"measure{i}" for i, name in enumerate(_named(page, is_measure))}
    found_rows = with_custom(client, selection, caused(selection, page.background), list(custom))
    sql, parameters = with_measures(selection, found_rows, list(measured))
    expressions = ROW_METRICS | custom | measured
    conditions, bound = _conditions(page, expressions)
    parameters = parameters | bound
    column = {name: f"row_{name}" for name in ROW_METRICS} | custom | measured
    metrics = ", ".join(f"toNullable(toFloat64({ROW_METRICS[name]})) AS {column[name]}" for name in ROW_METRICS)
    fitting = f"SELECT *, {metrics} FROM ({sql}) WHERE {conditions}"
    direction = "DESC" if page.descending else "ASC"
    if page.sort == "data_row":
        order = f"length(data_row) {direction}, data_row {direction}"
    else:
        order = f"{column[page.sort]} {direction} NULLS LAST, length(data_row), data_row"
    of_matches = [*_MATCH, *(f"match_{name}" for name in _BOUNDS)]
    columns = [*_ROW, *column.values(), *_ANNOTATION, *_PREDICTION, *_REPAIRED.values(), *of_matches]
    found = ask(
        client,
        f"SELECT {', '.join(columns)} FROM ({fitting}) ORDER BY {order}"
        " LIMIT {limit:UInt32} OFFSET {offset:UInt64}",
        parameters | {"limit": page.limit, "offset": page.offset},
    )
    ((total,),) = ask(client, f"SELECT count() FROM ({fitting})", parameters)
    if selection.feature:  # every kind of them is asked for too
        features = [name for (name,) in ask(client, f"SELECT * FROM {FEATURES}", parameters)]
        selection = selection.model_copy(update={"feature": features})
    read = (dict(zip(columns, values, strict=True)) for values in found)
    return Rows(total=total, rows=[_row(values, column, selection) for values in read])


def _named(page: Page, is_one: Callable[[str], bool]) -> list[str]:
    """The metrics of one kind that a page names, each once."""
    named = [page.sort, *(parse_condition(text).name for text in page.where)]
    return [name for name in dict.fromkeys(named) if is_one(name)]


_UNMATCHED = "countEqual({0}, {{cell_{0}:String}}) > countEqual(matched_{0}, {{cell_{0}:String}})"


def _conditions(page: Page, expressions: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    tests = ["1"]
    bound: dict[str, Any] = {}
    for i, text in enumerate(page.where):
        condition = parse_condition(text)
        tests.append(f"({expressions[condition.name]}) {condition.operator} {{where{i}:Float64}}")
        bound[f"where{i}"] = condition.number()
    if page.data_row:
        tests.append("data_row IN {only:Array(String)}")
        bound["only"] = page.data_row
    if page.cause:
        tests.append(
            "(has(annotation_cause, {cause:String})"
            " OR arrayExists((x, ok) -> ok AND x = {cause:String}, prediction_cause, prediction_counts))"
        )
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
    return " AND ".join(tests), bound


_ROW = ("data_row", "split", "width", "height", "coordinates", "media_url", "text", "metadata")
_OBJECT = ("id", "type", "feature", "label", "geometry", "detail")
_ANNOTATION = tuple(f"annotation_{name}" for name in (*_OBJECT, "parent", "counts", "cause"))
_PREDICTION = tuple(f"prediction_{name}" for name in (*_OBJECT, "parent", "confidence", "counts", "cause"))
_BOUNDS = ("confidence_low", "confidence_high", "iou_low", "iou_high")
_REPAIRED = {
    side: f"arrayFilter((i, name) -> name = 'repaired', measure_{side}, measure_name)"
    for side in ("annotation", "prediction")
}
_MATCH = ("match_prediction", "match_annotation", "match_iou", "live", "match_ignored")


class _Match(NamedTuple):
    prediction: int
    annotation: int
    iou: float
    bounds: list[float]


def _row(values: dict[str, Any], column: Mapping[str, str], selection: Selection) -> Row:
    match_of: dict[int, _Match] = {}  # by prediction
    matched_by: dict[int, _Match] = {}  # by annotation
    matches = zip(*(values[name] for name in _MATCH), *(values[f"match_{name}"] for name in _BOUNDS), strict=True)
    for p, a, overlap, live, ignored, *bounds in matches:
        if not live:
            continue
        match_of[p] = _Match(p, a, overlap, bounds)
        if not ignored:
            matched_by[a] = match_of[p]
    annotations = _side(values, "annotation")
    predictions = _side(values, "prediction")
    for j, item in enumerate(annotations):
        match = matched_by.get(j)
        if match:
            _put_match(item, match, predictions[match.prediction])
        if values["annotation_counts"][j]:
            item.outcome = "tp" if match and predictions[match.prediction].label == item.label else "fn"
            item.cause = values["annotation_cause"][j] or None
        elif _asked(item, selection):
            item.outcome = "ignored"
    for i, item in enumerate(predictions):
        item.confidence = values["prediction_confidence"][i]
        match = match_of.get(i)
        if match:
            _put_match(item, match, annotations[match.annotation])
        if values["prediction_counts"][i]:
            item.outcome = "tp" if match and annotations[match.annotation].label == item.label else "fp"
            item.cause = values["prediction_cause"][i] or None
        elif _asked(item, selection) and item.confidence >= selection.confidence:
            item.outcome = "ignored"
    return Row(
        **{name: values[name] for name in _ROW},
        metrics={name: values[own] for name, own in column.items()},
        annotations=annotations,
        predictions=predictions,
    )


def _put_match(item: RowObject, match: _Match, other: RowObject) -> None:
    item.matched = other.id
    item.iou = match.iou if match.iou <= 1 else None
    # No threshold lies outside [0, 1].
    low, high, iou_low, iou_high = (bound if 0 <= bound <= 1 else None for bound in match.bounds)
    item.matched_confidence, item.matched_iou = (low, high), (iou_low, iou_high)


def _asked(item: RowObject, selection: Selection) -> bool:
    of_feature = not selection.feature or item.feature in selection.feature
    return item.type not in UNCOUNTED and of_feature and (not selection.type or item.type in selection.type)


def _side(values: dict[str, Any], side: str) -> list[RowObject]:
    columns = zip(*(values[f"{side}_{name}"] for name in _OBJECT), strict=True)
    found = []
    repaired = set(values[_REPAIRED[side]])
    for i, (item, parent) in enumerate(zip(columns, values[f"{side}_parent"], strict=True)):
        parent_id = values[f"{side}_id"][parent] if parent >= 0 else None
        known = dict(zip(_OBJECT, item, strict=True))
        found.append(RowObject(**known, parent=parent_id, repaired=i in repaired))
    return found
