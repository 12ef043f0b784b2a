"""Single objects and what became of each: the pairs, the missed ones and the false alarms behind a number."""

from __future__ import annotations

from typing import Any, Final, Literal

from clickhouse_connect.driver.client import Client
from pydantic import BaseModel, Field

from evalstream.queries.causes import BACKGROUND, Cause, caused
from evalstream.queries.rows import Page, Row, RowObject, rows
from evalstream.queries.selection import Selection, ask

Outcome = Literal["right", "wrong", "missed", "false_alarm"]
Order = Literal["data_row", "confidence", "iou"]

# Of each case its annotation and its prediction, as positions (-1: there is none), and what it is told apart by.
_CASES = """
SELECT data_row, arrayJoin(arrayConcat(
    arrayMap(
        (a, p, actual, predicted, iou, conf, cause) -> (a, p, actual, predicted, iou, conf, cause),
        arrayMap(i -> toInt32(match_annotation[i]), pairs),
        arrayMap(i -> toInt32(match_prediction[i]), pairs),
        arrayMap(i -> match_actual[i], pairs),
        arrayMap(i -> match_predicted[i], pairs),
        arrayMap(i -> match_iou[i], pairs),
        arrayMap(i -> prediction_confidence[match_prediction[i] + 1], pairs),
        arrayMap(i -> toString(prediction_cause[match_prediction[i] + 1]), pairs)
    ),
    arrayMap(
        i -> (toInt32(i - 1), toInt32(-1), annotation_label[i], '', -1., -1., toString(annotation_cause[i])),
        arrayFilter((i, ok) -> ok AND NOT has(found, toUInt32(i - 1)), arrayEnumerate(annotation_label),
            annotation_counts)
    ),
    arrayMap(
        i -> (toInt32(-1), toInt32(i - 1), '', prediction_label[i], -1., prediction_confidence[i],
            toString(prediction_cause[i])),
        arrayFilter((i, ok) -> ok AND NOT has(taken, toUInt32(i - 1)), arrayEnumerate(prediction_label),
            prediction_counts)
    )
)) AS case
FROM (
    SELECT *,
        arrayFilter((i, ok) -> ok, arrayEnumerate(counting), counting) AS pairs,
        arrayMap(i -> match_annotation[i], pairs) AS found,
        arrayMap(i -> match_prediction[i], pairs) AS taken
    FROM ({rows})
)
"""
_OUTCOMES: Final = {
    "right": "case.3 = case.4",
    "wrong": "case.3 != '' AND case.4 != '' AND case.3 != case.4",
    "missed": "case.4 = ''",
    "false_alarm": "case.3 = ''",
}
_ORDERS: Final = {"data_row": "length(data_row) {0}, data_row {0}", "confidence": "case.6 {0}", "iou": "case.5 {0}"}


class ObjectsPage(BaseModel):
    """Which objects, in which order, and how many."""

    outcome: Outcome | None = Field(
        default=None,
        description="`right`; `wrong`: taken for another label; `missed`: nothing was said; `false_alarm`: nothing was "
        "there",
    )
    actual: str | None = Field(default=None, description="what it truly is; empty: nothing was there")
    predicted: str | None = Field(default=None, description="what it was taken for; empty: missed")
    cause: Cause | None = Field(default=None, description="of the error")
    background: float = Field(default=BACKGROUND, gt=0, le=1, description="of causes: see `rows`")
    sort: Order = "data_row"
    descending: bool = False
    offset: int = Field(default=0, ge=0, lt=2**53)
    limit: int = Field(default=50, ge=1, le=500)


class Case(BaseModel):
    """One object: what is there, what was said, or both where the two are matched."""

    data_row: str
    outcome: Outcome
    annotation: RowObject | None = Field(description="null: nothing was there")
    prediction: RowObject | None = Field(description="null: nothing was said")


class Objects(BaseModel):
    """A page of objects, and the data rows that they are on."""

    total: int = Field(description="objects that fit, on all pages; with a cell's labels, the count of that cell")
    objects: list[Case]
    rows: dict[str, Row] = Field(description="by data row, with every object of each")


def objects(client: Client, selection: Selection, page: ObjectsPage) -> Objects:
    """List the cases that a confusion matrix counts, one by one: exactly those of a cell, an outcome or a cause."""
    sql, parameters = caused(selection, page.background)
    tests = [_OUTCOMES[page.outcome]] if page.outcome else []
    bound: dict[str, Any] = {}
    for name, column in (("actual", 3), ("predicted", 4), ("cause", 7)):
        if getattr(page, name) is not None:
            tests.append(f"case.{column} = {{case_{name}:String}}")
            bound[f"case_{name}"] = getattr(page, name)
    fitting = f"SELECT * FROM ({_CASES.format(rows=sql)}) WHERE {' AND '.join(tests) or '1'}"
    parameters = parameters | bound
    order = _ORDERS[page.sort].format("DESC" if page.descending else "ASC")
    found = ask(
        client,
        f"SELECT data_row, case.1, case.2, case.3, case.4 FROM ({fitting})"
        f" ORDER BY {order}, length(data_row), data_row, case.2, case.1"
        " LIMIT {limit:UInt32} OFFSET {offset:UInt64}",
        parameters | {"limit": page.limit, "offset": page.offset},
    )
    ((total,),) = ask(client, f"SELECT count() FROM ({fitting})", parameters)
    names = list(dict.fromkeys(case[0] for case in found))
    listed = rows(client, selection, Page(data_row=names, background=page.background, limit=500)).rows if names else []
    by_name = {row.data_row: row for row in listed}
    return Objects(total=total, objects=[_case(*case, row=by_name[case[0]]) for case in found], rows=by_name)


def _case(data_row: str, a: int, p: int, actual: str, predicted: str, *, row: Row) -> Case:
    outcome: Outcome
    if not predicted:
        outcome = "missed"
    elif not actual:
        outcome = "false_alarm"
    else:
        outcome = "right" if actual == predicted else "wrong"
    return Case(
        data_row=data_row,
        outcome=outcome,
        annotation=row.annotations[a] if a >= 0 else None,
        prediction=row.predictions[p] if p >= 0 else None,
    )
