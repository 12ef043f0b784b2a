"""Single objects and what became of each: the pairs, the missed ones and the false alarms behind a number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal

from pydantic import AfterValidator, BaseModel, Field

from evalstream.events.base import Name
from evalstream.queries.comparison import false_positives_alone
from evalstream.queries.rows import Page, Row, RowObject, is_row_condition, rows_named, rows_where
from evalstream.scoring.causes import Cause, ErrorOptions
from evalstream.selection import Selection, parse_condition
from evalstream.stored.causes import caused
from evalstream.stored.counted import ask, check_rows, scored
from evalstream.stored.custom_metrics import OBJECT_PREFIX, custom_of_objects
from evalstream.tabular import Tabular

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

Outcome = Literal["right", "wrong", "missed", "false_alarm"]
Counted = Literal["tp", "fp", "fn"]
Order = Literal["data_row", "confidence", "iou"]

# Of each case its annotation and its prediction, as positions (-1: there is none), and what it is told apart by. The
# last two are the confidence of a prediction that counts, and whether the annotation does: under a feature filter a
# pair may count for one of the two only.
_CASES = """
SELECT data_row, arrayJoin(arrayConcat(
    arrayMap(
        (a, p, actual, predicted, iou, conf, cause, counted, there) ->
            (a, p, actual, predicted, iou, conf, cause, counted, there),
        arrayMap(i -> toInt32(match_annotation[i]), pairs),
        arrayMap(i -> toInt32(match_prediction[i]), pairs),
        arrayMap(i -> match_actual[i], pairs),
        arrayMap(i -> match_predicted[i], pairs),
        arrayMap(i -> match_iou[i], pairs),
        arrayMap(i -> prediction_confidence[match_prediction[i] + 1], pairs),
        arrayMap(i -> {cause_of_pair}, pairs),
        arrayMap(p -> if(prediction_counts[p + 1], prediction_confidence[p + 1], -1.), taken),
        arrayMap(a -> annotation_counts[a + 1] = 1, found)
    ),
    arrayMap(
        i -> (toInt32(i - 1), toInt32(-1), annotation_label[i], '', -1., -1., {cause_of_annotation}, -1., true),
        arrayFilter((i, ok) -> ok AND NOT has(found, toUInt32(i - 1)), arrayEnumerate(annotation_label),
            annotation_counts)
    ),
    arrayMap(
        i -> (toInt32(-1), toInt32(i - 1), '', prediction_label[i], -1., prediction_confidence[i],
            {cause_of_prediction}, prediction_confidence[i], false),
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
_COUNTED: Final = {
    "tp": "case.3 = case.4",
    "fp": "case.8 >= 0 AND case.3 != case.4",
    "fn": "case.9 AND case.3 != case.4",
}
_ORDERS: Final = {"data_row": "length(data_row) {0}, data_row {0}", "confidence": "case.6 {0}", "iou": "case.5 {0}"}
#: What may be asked of single objects, beside the metrics of their rows; outside [0, 1] where they have none.
_OWN: Final = {"confidence": "case.8", "iou": "case.5"}


def _is_own(name: str) -> bool:
    return name in _OWN or name.startswith(OBJECT_PREFIX)


def _is_condition(text: str) -> str:
    condition = parse_condition(text)
    if not _is_own(condition.name):
        return is_row_condition(text)
    condition.number()
    return text


class ObjectsPage(ErrorOptions):
    """Page of objects: which, in which order, and how many."""

    outcome: Outcome | None = Field(
        default=None,
        description="`right`; `wrong`: taken for another label; `missed`: nothing was said; `false_alarm`: nothing was "
        "there",
    )
    counted: Counted | None = Field(
        default=None,
        description="exactly those that `summary` counts so: of `fp` and `fn` those taken for another label are part",
    )
    not_by: Name | None = Field(
        default=None,
        description="another run: only false positives that it does not make, told apart by number as in `comparison`, "
        "over the data rows of both",
    )
    actual: str | None = Field(default=None, description="what it truly is; empty: nothing was there")
    predicted: str | None = Field(default=None, description="what it was taken for; empty: missed")
    cause: Cause | None = Field(
        default=None, description="of the error: exactly those that `errors` counts, under the same options"
    )
    where: list[Annotated[str, AfterValidator(_is_condition)]] = Field(
        default=[],
        max_length=20,
        description="conditions on the object's own `confidence`, `iou` or `custom_object.NAME`, or on metrics of its "
        "data row, as in `rows`: `iou<0.6`, `fp>=1`",
    )
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


class Objects(Tabular):
    """A page of objects, and the data rows that they are on."""

    table: ClassVar = "objects"

    total: int = Field(description="objects that fit, on all pages; with a cell's labels, the count of that cell")
    objects: list[Case]
    rows: dict[str, Row] = Field(description="by data row, with every object of each")


def objects(client: Client, selection: Selection, page: ObjectsPage) -> Objects:
    """List the cases that a confusion matrix counts, one by one: exactly those of a cell, an outcome or a cause."""
    # Only where they are asked for need the engine work out causes.
    if page.cause:
        check_rows(client, selection)
    found_rows = caused(selection, page) if page.cause else scored(selection)
    of_rows = [text for text in page.where if not _is_own(parse_condition(text).name)]
    sql, parameters = rows_where(client, selection, found_rows, of_rows)
    cause = "toString({}_error[{}])" if page.cause else "''"
    tests, bound = _of_objects(client, selection, [text for text in page.where if text not in of_rows])
    if page.outcome:
        tests.append(_OUTCOMES[page.outcome])
    if page.counted:
        tests.append(_COUNTED[page.counted])
    if page.not_by:
        alone, values = false_positives_alone(selection, page.not_by)
        tests.append(f"(data_row, case.2) IN ({alone})")
        bound |= values
    for name, column in (("actual", 3), ("predicted", 4), ("cause", 7)):
        if getattr(page, name) is not None:
            tests.append(f"case.{column} = {{case_{name}:String}}")
            bound[f"case_{name}"] = getattr(page, name)
    cases = _CASES.format(
        rows=sql,
        cause_of_pair=f"concat({cause.format('prediction', 'match_prediction[i] + 1')},"
        f" {cause.format('annotation', 'match_annotation[i] + 1')})",  # one of the two at most
        cause_of_annotation=cause.format("annotation", "i"),
        cause_of_prediction=cause.format("prediction", "i"),
    )
    fitting = f"FROM ({cases}) WHERE {' AND '.join(tests) or '1'}"
    parameters = parameters | bound
    order = _ORDERS[page.sort].format("DESC" if page.descending else "ASC")
    records = ask(
        client,
        f"SELECT data_row, case.1, case.2, case.3, case.4, count() OVER () {fitting}"
        f" ORDER BY {order}, length(data_row), data_row, case.2, case.1"
        " LIMIT {limit:UInt32} OFFSET {offset:UInt64}",
        parameters | {"limit": page.limit, "offset": page.offset},
    )
    if records or not page.offset:
        total = records[0][-1] if records else 0
    else:  # beyond the end nobody counted
        ((total,),) = ask(client, f"SELECT count() {fitting}", parameters)
    names = list(dict.fromkeys(case[0] for case in records))
    listed = rows_named(client, selection, names, Page(background=page.background, max_detections=page.max_detections))
    by_name = {row.data_row: row for row in listed}
    return Objects(total=total, objects=[_case(*case, row=by_name[case[0]]) for *case, _ in records], rows=by_name)


def _of_objects(client: Client, selection: Selection, where: Sequence[str]) -> tuple[list[str], dict[str, Any]]:
    """Tests of cases, for conditions on what is their own."""
    tests = []
    bound: dict[str, Any] = {}
    for i, condition in enumerate(map(parse_condition, where)):
        holds = f"{condition.operator} {{own{i}:Float64}}"
        bound[f"own{i}"] = condition.number()
        if condition.name in _OWN:
            tests.append("{0} BETWEEN 0 AND 1 AND {0} {1}".format(_OWN[condition.name], holds))
        else:
            name = condition.name.removeprefix(OBJECT_PREFIX)
            sql, parameters = custom_of_objects(client, selection, name, f"own_name{i}")
            tests.append(f"(data_row, case.2) IN (SELECT data_row, prediction FROM ({sql}) WHERE custom0 {holds})")
            bound |= parameters
    return tests, bound


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
