"""What was taken for what."""

from __future__ import annotations

from typing import Literal

import numpy as np
from clickhouse_connect.driver.client import Client
from pydantic import BaseModel, Field

from evalstream.queries.label_counts import (
    SCORING,
    AverageScores,
    ClassScores,
    Scoring,
    average_scores,
    class_columns,
    class_scores,
    label_counts,
    undefined,
)
from evalstream.queries.labels import Labels
from evalstream.queries.selection import Selection, ask, scored

# What was taken for what, with what is left of each label when its matches are taken out: missed, and false alarms. A
# partner outside the feature filter is matched and was never counted as an object here: its remainder is below zero.
_MATRIX = """
SELECT cell.1 AS a, cell.2 AS p, sum(cell.3) AS n FROM (
    SELECT arrayJoin(arrayConcat(
        arrayMap((a, p) -> (a, p, 1), matched_actual, matched_predicted),
        arrayMap(a -> (a, '', -1), matched_actual),
        arrayMap(p -> ('', p, -1), matched_predicted),
        arrayMap(label -> (label, '', 1), actual),
        arrayMap(label -> ('', label, 1), predicted)
    )) AS cell FROM ({scored})
) GROUP BY a, p HAVING n > 0
"""
_PAGE = f"""
SELECT a, p, n, of_actual, of_predicted, count() OVER () FROM (
    SELECT a, p, n, sum(n) OVER (PARTITION BY a) AS of_actual, sum(n) OVER (PARTITION BY p) AS of_predicted
    FROM ({_MATRIX})
) WHERE {{where}} ORDER BY {{order}} LIMIT {{{{limit:UInt32}}}} OFFSET {{{{offset:UInt64}}}}
"""
_CELL_KINDS = {"all": "1", "errors": "a != p", "confused": "a != p AND a != '' AND p != ''"}
_CELL_ORDERS = {
    "count": "n DESC, a, p",
    "confused": "a = '' OR p = '', n DESC, a, p",
    "actual": "a, p",
    "predicted": "p, a",
}

ClassFigure = Literal[
    "precision",
    "recall",
    "f1",
    "f_beta",
    "jaccard",
    "specificity",
    "accuracy_one_vs_rest",
    "label",
    "annotations",
    "predictions",
    "tp",
    "fp",
    "fn",
    "tn",
    "mean_iou",
    "dice",
]
assert ClassFigure.__args__ == tuple(ClassScores.model_fields)  # type: ignore[attr-defined]


class CellsPage(Labels):
    """Which cells of a confusion matrix, in which order, and how many."""

    cells: Literal["all", "errors", "confused"] = Field(
        default="all",
        description="`errors`: not what is right; `confused`: one label taken for another, nothing missed nor invented",
    )
    sort: Literal["count", "confused", "actual", "predicted"] = Field(
        default="count",
        description="`count`: the largest first; `confused`: so too, and what is missed or invented after all others",
    )
    limit: int = Field(default=10_000, ge=1, le=100_000)


class ClassesPage(Labels):
    """Which labels, in which order, and how many."""

    sort: ClassFigure = Field(default="label", description="figures that are not defined come last")
    descending: bool = False
    limit: int = Field(default=1_000, ge=1, le=100_000)


class Cell(BaseModel):
    """How often annotations of one label were taken for another; null stands for nothing at all."""

    actual: str | None = Field(description="null: there was nothing (a false alarm)")
    predicted: str | None = Field(description="null: nothing was said (missed)")
    count: int


class ConfusionMatrix(BaseModel):
    """The cells that are not zero, and every label in them.

    The cells of one ``actual`` sum to the annotations of that label, those of one ``predicted`` to its predictions.
    With a ``feature`` filter this holds for the features chosen. Where not all cells are given, the sums of the whole
    matrix stand in ``actual_sums`` and ``predicted_sums``, to take shares of.
    """

    labels: list[str] = Field(description="of the cells given")
    cells: list[Cell]
    total: int = Field(description="cells that fit, given or not")
    actual_sums: dict[str, int] = Field(description="of each `actual` of the cells given: all cells that have it")
    predicted_sums: dict[str, int] = Field(description="of each `predicted` of the cells given: all cells that have it")


class Classes(BaseModel):
    """One entry a label."""

    classes: list[ClassScores]
    total: int = Field(description="labels that fit, given or not")
    averages: AverageScores = Field(description="over all labels that fit, given or not")
    undefined: dict[str, str] = Field(description="why figures are null, by their names; in averages too")


def confusion_matrix(client: Client, selection: Selection, page: CellsPage = CellsPage()) -> ConfusionMatrix:  # noqa: B008
    """Count what was taken for what, missed objects and false alarms included."""
    sql, parameters = scored(selection)
    tests = [_CELL_KINDS[page.cells]]
    if page.search:
        tests.append(" OR ".join(f"positionCaseInsensitiveUTF8({name}, {{search:String}}) > 0" for name in "ap"))
    if page.label:
        tests.append("a IN {label:Array(String)} OR p IN {label:Array(String)}")
    where = " AND ".join(f"({test})" for test in tests)
    statement = _PAGE.format(scored=sql, where=where, order=_CELL_ORDERS[page.sort])
    found = ask(client, statement, parameters | page.model_dump(include={"search", "label", "limit", "offset"}))
    if not found and page.offset:  # beyond the end nobody says how many there are
        total = confusion_matrix(client, selection, page.model_copy(update={"offset": 0, "limit": 1})).total
        return ConfusionMatrix(labels=[], cells=[], total=total, actual_sums={}, predicted_sums={})
    actual_sums = {actual: of_actual for actual, _, _, of_actual, _, _ in found if actual}
    predicted_sums = {predicted: of_predicted for _, predicted, _, _, of_predicted, _ in found if predicted}
    return ConfusionMatrix(
        labels=sorted(actual_sums.keys() | predicted_sums),
        cells=[Cell(actual=a or None, predicted=p or None, count=n) for a, p, n, *_ in found],
        total=found[0][-1] if found else 0,
        actual_sums=actual_sums,
        predicted_sums=predicted_sums,
    )


def classes(
    client: Client,
    selection: Selection,
    page: ClassesPage = ClassesPage(),  # noqa: B008
    scoring: Scoring = SCORING,
) -> Classes:
    """Count and score each label."""
    tests = ["1"]
    if page.search:
        tests.append("positionCaseInsensitiveUTF8(label, {search:String}) > 0")
    if page.label:
        tests.append("label IN {label:Array(String)}")
    counted = label_counts(client, selection, " AND ".join(tests), page.model_dump(include={"search", "label"}))
    columns = class_columns(counted, scoring.beta)
    fitting = np.flatnonzero(counted.fits)
    key = np.arange(len(counted.label)) if page.sort == "label" else columns[page.sort]
    # Stable, so that of equals the first by name comes first; what is not defined is NaN, and sorts last either way.
    order = np.argsort(-key[fitting] if page.descending else key[fitting], kind="stable")
    found = class_scores(counted, columns, fitting[order][page.offset : page.offset + page.limit])
    averages = average_scores(counted.counts().take(counted.fits), scoring)
    return Classes(
        classes=found,
        total=len(fitting),
        averages=averages,
        undefined=undefined(*found, averages.micro, averages.macro, averages.weighted),
    )
