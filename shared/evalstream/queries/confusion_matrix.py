"""What was taken for what."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from clickhouse_connect.driver.client import Client
from pydantic import BaseModel, Field

from evalstream.metrics.scores import scores
from evalstream.queries.selection import Selection, ask, scored

_CELLS = """
SELECT cell.1, cell.2, count() FROM (
    SELECT arrayJoin(arrayConcat(
        arrayZip(matched_actual, matched_predicted),
        arrayMap(label -> (label, ''), actual),
        arrayMap(label -> ('', label), predicted)
    )) AS cell FROM ({scored})
) GROUP BY cell
"""


class Tally(NamedTuple):
    """Objects and matches, counted from one look at the table."""

    actual: Counter[str]
    predicted: Counter[str]
    matched: Counter[tuple[str, str]]


class Cell(BaseModel):
    """How often annotations of one label were taken for another; null stands for nothing at all."""

    actual: str | None = Field(description="null: there was nothing (a false alarm)")
    predicted: str | None = Field(description="null: nothing was said (missed)")
    count: int


class ConfusionMatrix(BaseModel):
    """The cells that are not zero, and every label in them.

    The cells of one ``actual`` sum to the annotations of that label, those of one ``predicted`` to its predictions.
    With a ``feature`` filter this holds for the features chosen.
    """

    labels: list[str]
    cells: list[Cell]


class ClassScores(BaseModel):
    """Counts and scores of one label against all others."""

    label: str
    annotations: int
    predictions: int
    tp: int
    fp: int
    fn: int
    precision: float | None
    recall: float | None
    f1: float | None


class Classes(BaseModel):
    """One entry a label, by name."""

    classes: list[ClassScores]


def tally(client: Client, selection: Selection) -> Tally:
    """Count objects by label, and matched pairs by both labels."""
    sql, parameters = scored(selection)
    counts = Tally(Counter(), Counter(), Counter())
    for actual, predicted, count in ask(client, _CELLS.format(scored=sql), parameters):
        if not predicted:
            counts.actual[actual] = count
        elif not actual:
            counts.predicted[predicted] = count
        else:
            counts.matched[actual, predicted] = count
    return counts


def confusion_matrix(client: Client, selection: Selection) -> ConfusionMatrix:
    """Count what was taken for what, missed objects and false alarms included."""
    counts = tally(client, selection)
    missed, alarms = Counter(counts.actual), Counter(counts.predicted)
    for (actual, predicted), count in counts.matched.items():
        missed[actual] -= count
        alarms[predicted] -= count
    cells = [Cell(actual=a, predicted=p, count=count) for (a, p), count in counts.matched.items()]
    # A partner outside the feature filter was never counted as an object here, so its remainder is below zero.
    cells += [Cell(actual=label, predicted=None, count=count) for label, count in missed.items() if count > 0]
    cells += [Cell(actual=None, predicted=label, count=count) for label, count in alarms.items() if count > 0]
    cells.sort(key=lambda cell: (-cell.count, cell.actual or "", cell.predicted or ""))
    labels = {label for cell in cells for label in (cell.actual, cell.predicted) if label is not None}
    return ConfusionMatrix(labels=sorted(labels), cells=cells)


def classes(client: Client, selection: Selection) -> Classes:
    """Count and score each label."""
    counts = tally(client, selection)
    found = []
    for label in sorted(counts.actual | counts.predicted):
        tp = counts.matched[label, label]
        fp, fn = counts.predicted[label] - tp, counts.actual[label] - tp
        found.append(
            ClassScores(
                label=label,
                annotations=counts.actual[label],
                predictions=counts.predicted[label],
                tp=tp,
                fp=fp,
                fn=fn,
                **scores(tp, fp, fn)._asdict(),
            )
        )
    return Classes(classes=found)
