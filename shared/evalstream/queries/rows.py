"""Data rows themselves: filtered, sorted, a page at a time, with every object and what became of it."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from clickhouse_connect.driver.client import Client
from pydantic import AfterValidator, BaseModel, Field

from evalstream.queries.selection import ROW_METRICS, QuestionError, RowMetric, Selection, ask, parse_condition, scored


def _is_row_condition(text: str) -> str:
    condition = parse_condition(text)
    if condition.name not in ROW_METRICS:
        raise QuestionError(f"there is no metric {condition.name!r} of a row; there are {', '.join(ROW_METRICS)}")
    condition.number()
    return text


class Page(BaseModel):
    """Which rows, in which order, and how many."""

    sort: RowMetric | Literal["data_row"] = Field(default="data_row", description="a metric of the row, or its key")
    descending: bool = False
    where: list[Annotated[str, AfterValidator(_is_row_condition)]] = Field(
        default=[], max_length=20, description="conditions on metrics of the row: `fp>=1`, `recall<0.5`"
    )
    actual: str | None = Field(
        default=None, description="rows with such a cell of the confusion matrix; empty: a false alarm"
    )
    predicted: str | None = Field(default=None, description="rows with such a cell; empty: missed")
    offset: int = Field(default=0, ge=0, lt=2**53)
    limit: int = Field(default=50, ge=1, le=500)


class RowObject(BaseModel):
    """An annotation or a prediction of a row, and what became of it."""

    id: str
    type: str
    feature: str
    label: str
    geometry: list[float] = Field(description="as the event gave it; of a bbox x, y, width, height")
    confidence: float | None = Field(description="of a prediction")
    outcome: Literal["tp", "fp", "fn", "ignored"] | None = Field(
        description="ignored: to the policy neither right nor wrong; null: outside the feature or type filter, or "
        "below the confidence threshold"
    )
    matched: str | None = Field(description="the id of the other side of its match")
    iou: float | None = Field(description="of the match; null for a classification")


class Row(BaseModel):
    """A data row, its metrics, and its objects."""

    data_row: str
    split: str
    width: int
    height: int
    media_url: str
    metadata: dict[str, str]
    metrics: dict[str, float | None]
    annotations: list[RowObject]
    predictions: list[RowObject]


class Rows(BaseModel):
    """A page of rows."""

    total: int = Field(description="rows that fit, on all pages")
    rows: list[Row]


def rows(client: Client, selection: Selection, page: Page) -> Rows:
    """List data rows with their metrics and objects, at the selected thresholds."""
    sql, parameters = scored(selection)
    conditions, bound = _conditions(page)
    parameters = parameters | bound
    metrics = ", ".join(
        f"toNullable(toFloat64({expression})) AS row_{name}" for name, expression in ROW_METRICS.items()
    )
    fitting = f"SELECT *, {metrics} FROM ({sql}) WHERE {conditions}"
    direction = "DESC" if page.descending else "ASC"
    if page.sort == "data_row":
        order = f"length(data_row) {direction}, data_row {direction}"
    else:
        order = f"row_{page.sort} {direction} NULLS LAST, length(data_row), data_row"
    columns = [*_ROW, *(f"row_{name}" for name in ROW_METRICS), *_ANNOTATION, *_PREDICTION, *_MATCH]
    found = ask(
        client,
        f"SELECT {', '.join(columns)} FROM ({fitting}) ORDER BY {order}"
        " LIMIT {limit:UInt32} OFFSET {offset:UInt64}",
        parameters | {"limit": page.limit, "offset": page.offset},
    )
    ((total,),) = ask(client, f"SELECT count() FROM ({fitting})", parameters)
    return Rows(total=total, rows=[_row(dict(zip(columns, values, strict=True)), selection) for values in found])


_UNMATCHED = "countEqual({0}, {{cell_{0}:String}}) > countEqual(matched_{0}, {{cell_{0}:String}})"


def _conditions(page: Page) -> tuple[str, dict[str, Any]]:
    tests = ["1"]
    bound: dict[str, Any] = {}
    for i, text in enumerate(page.where):
        condition = parse_condition(text)
        tests.append(f"({ROW_METRICS[condition.name]}) {condition.operator} {{where{i}:Float64}}")
        bound[f"where{i}"] = condition.number()
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


_ROW = ("data_row", "split", "width", "height", "media_url", "metadata")
_ANNOTATION = tuple(f"annotation_{name}" for name in ("id", "type", "feature", "label", "geometry", "counts"))
_PREDICTION = tuple(
    f"prediction_{name}" for name in ("id", "type", "feature", "label", "geometry", "confidence", "counts")
)
_MATCH = ("match_prediction", "match_annotation", "match_iou", "live", "counting", "match_ignored")


def _row(values: dict[str, Any], selection: Selection) -> Row:
    partner_of: dict[int, int] = {}
    matched_by: dict[int, int] = {}
    iou: dict[int, float] = {}
    for p, a, overlap, live, skip in zip(*(values[name] for name in _MATCH[:4]), values["match_ignored"], strict=True):
        if not live:
            continue
        partner_of[p], iou[p] = a, overlap
        if not skip:
            matched_by[a] = p
    annotations = _side(values, "annotation")
    predictions = _side(values, "prediction")
    for j, item in enumerate(annotations):
        p = matched_by.get(j)
        if p is not None:
            item.matched, item.iou = predictions[p].id, _finite(iou[p])
        if values["annotation_counts"][j]:
            item.outcome = "tp" if p is not None and predictions[p].label == item.label else "fn"
        elif _asked(item, selection):
            item.outcome = "ignored"
    for i, item in enumerate(predictions):
        item.confidence = values["prediction_confidence"][i]
        a = partner_of.get(i)
        if a is not None:
            item.matched, item.iou = annotations[a].id, _finite(iou[i])
        if values["prediction_counts"][i]:
            item.outcome = "tp" if a is not None and annotations[a].label == item.label else "fp"
        elif _asked(item, selection) and item.confidence >= selection.confidence:
            item.outcome = "ignored"
    return Row(
        **{name: values[name] for name in _ROW},
        metrics={name: values[f"row_{name}"] for name in ROW_METRICS},
        annotations=annotations,
        predictions=predictions,
    )


def _asked(item: RowObject, selection: Selection) -> bool:
    of_feature = not selection.feature or item.feature in selection.feature
    return of_feature and (not selection.type or item.type in selection.type)


def _side(values: dict[str, Any], side: str) -> list[RowObject]:
    names = ("id", "type", "feature", "label", "geometry")
    columns = zip(*(values[f"{side}_{name}"] for name in names), strict=True)
    return [
        RowObject(**dict(zip(names, item, strict=True)), confidence=None, outcome=None, matched=None, iou=None)
        for item in columns
    ]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
