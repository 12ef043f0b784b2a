"""The confusion matrix, and scores of each class."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Final, Literal

import numpy as np
from pydantic import BaseModel, Field

from evalstream.scenes import Flag, Int
from evalstream.scoring.tally import Tally
from evalstream.selection import Selection
from evalstream.stored.label_counts import (
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
from evalstream.stored.labels import Labels
from evalstream.tabular import Tabular

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

_NOTHING: Final = 0
_Test = Callable[[Int, Int], Flag]
_KINDS: Final[dict[str, _Test]] = {
    "all": lambda actual, _predicted: np.ones(len(actual), np.bool_),
    "errors": lambda actual, predicted: actual != predicted,
    "confused": lambda actual, predicted: (actual != predicted) & (actual != _NOTHING) & (predicted != _NOTHING),
}
#: By what cells are sorted, the first first. Labels are numbered by name.
_ORDERS: Final[dict[str, Callable[[Int, Int, Int], tuple[Int | Flag, ...]]]] = {
    "count": lambda actual, predicted, count: (-count, actual, predicted),
    "confused": lambda actual, predicted, count: (
        (actual == _NOTHING) | (predicted == _NOTHING),
        -count,
        actual,
        predicted,
    ),
    "actual": lambda actual, predicted, _count: (actual, predicted),
    "predicted": lambda actual, predicted, _count: (predicted, actual),
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
assert set(ClassFigure.__args__) == ClassScores.model_fields.keys() - {"question"}  # type: ignore[attr-defined]


class CellsPage(Labels):
    """Page of a confusion matrix: which cells, in which order, and how many."""

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
    """Page of labels: which, in which order, and how many."""

    sort: ClassFigure = Field(default="label", description="figures that are not defined come last")
    descending: bool = False
    limit: int = Field(default=1_000, ge=1, le=100_000)


class Cell(BaseModel):
    """Count of annotations of one label that were predicted as another; null stands for nothing at all."""

    actual: str | None = Field(description="null: there was nothing (a false alarm)")
    predicted: str | None = Field(description="null: nothing was said (missed)")
    count: int


class ConfusionMatrix(Tabular):
    """The cells that are not zero, and every label in them.

    The cells of one ``actual`` sum to the annotations of that label, those of one ``predicted`` to its predictions.
    With a ``feature`` filter this holds for the features chosen. Where not all cells are given, the sums of the whole
    matrix stand in ``actual_sums`` and ``predicted_sums``, to take shares of.
    """

    table: ClassVar = "cells"

    labels: list[str] = Field(description="of the cells given")
    cells: list[Cell]
    total: int = Field(description="cells that fit, given or not")
    actual_sums: dict[str, int] = Field(description="of each `actual` of the cells given: all cells that have it")
    predicted_sums: dict[str, int] = Field(description="of each `predicted` of the cells given: all cells that have it")
    missed: int = Field(description="the sum of all cells without `predicted`, given or not")
    false_alarms: int = Field(description="the sum of all cells without `actual`, given or not")
    objects: int = Field(description="the sum of all cells, given or not; a matched pair is one")


class Classes(Tabular):
    """One entry a label."""

    table: ClassVar = "classes"

    classes: list[ClassScores]
    total: int = Field(description="labels that fit, given or not")
    averages: AverageScores = Field(description="over all labels that fit, given or not")
    undefined: dict[str, str] = Field(description="why figures are null, by their names; in averages too")


def confusion_matrix(client: Client, selection: Selection, page: CellsPage = CellsPage()) -> ConfusionMatrix:  # noqa: B008
    """Count what was taken for what, missed objects and false alarms included."""
    from evalstream.stored.tally import tally  # of stored runs alone, and takes a while

    return matrix_of(tally(client, selection), page)


def matrix_of(tallied: Tally, page: CellsPage = CellsPage(), *, partial: bool = True) -> ConfusionMatrix:  # noqa: B008
    """Lay a tally out in cells; unless ``partial``, in none where the page cannot hold them all."""
    names = ["", *tallied.label]
    actual, predicted, count = _cells(tallied)
    wanted = _KINDS[page.cells](actual, predicted)
    if page.search:
        holds = np.array([bool(name) and page.contains(name) for name in names])
        wanted &= holds[actual] | holds[predicted]
    if page.label:
        named = np.array([name in page.named for name in names])
        wanted &= named[actual] | named[predicted]
    fitting = np.flatnonzero(wanted)
    shown = fitting[:0]
    if partial or len(fitting) <= page.limit:
        order = np.lexsort(_ORDERS[page.sort](actual[fitting], predicted[fitting], count[fitting])[::-1])
        shown = fitting[order][page.offset : page.offset + page.limit]

    def sums(at: Int) -> dict[str, int]:
        whole = np.bincount(at, count, len(names)).astype(np.int64).tolist()
        return {names[i]: whole[i] for i in sorted(set(at[shown].tolist()) - {_NOTHING})}

    actual_sums, predicted_sums = sums(actual), sums(predicted)
    columns = (column[shown].tolist() for column in (actual, predicted, count))
    return ConfusionMatrix(
        labels=sorted(actual_sums.keys() | predicted_sums),
        cells=[
            Cell(actual=names[a] or None, predicted=names[p] or None, count=n) for a, p, n in zip(*columns, strict=True)
        ],
        total=len(fitting),
        actual_sums=actual_sums,
        predicted_sums=predicted_sums,
        missed=count[predicted == _NOTHING].sum(),
        false_alarms=count[actual == _NOTHING].sum(),
        objects=count.sum(),
    )


def _cells(tallied: Tally) -> tuple[Int, Int, Int]:
    """Columns of what was taken for what; labels are numbered from 1 and 0 is nothing.

    What is left of each label when its matches are taken out is missed, or a false alarm. A partner outside the feature
    filter is matched and was never counted as an object here: its remainder is below zero, and no cell.
    """
    size = len(tallied.label)
    missed = tallied.annotations - np.bincount(tallied.actual, tallied.pairs, size).astype(np.int64)
    alarms = tallied.predictions - np.bincount(tallied.predicted, tallied.pairs, size).astype(np.int64)
    label, nothing = np.arange(1, size + 1), np.full(size, _NOTHING)
    actual = np.concatenate([tallied.actual + 1, label, nothing])
    predicted = np.concatenate([tallied.predicted + 1, nothing, label])
    count = np.concatenate([tallied.pairs, missed, alarms])
    return actual[count > 0], predicted[count > 0], count[count > 0]


def classes(
    client: Client,
    selection: Selection,
    page: ClassesPage = ClassesPage(),  # noqa: B008
    scoring: Scoring = SCORING,
) -> Classes:
    """Count and score each label."""
    from evalstream.stored.tally import tally  # of stored runs alone, and takes a while

    return classes_of(tally(client, selection), page, scoring)


def classes_of(
    tallied: Tally,
    page: ClassesPage = ClassesPage(),  # noqa: B008
    scoring: Scoring = SCORING,
    *,
    partial: bool = True,
) -> Classes:
    """Score a tally label by label; unless ``partial``, no label where the page cannot hold them all."""
    counted = label_counts(tallied)
    columns = class_columns(counted, scoring.beta)
    fitting = np.flatnonzero([page.has(label) for label in counted.label])
    key = np.arange(len(counted.label)) if page.sort == "label" else columns[page.sort]
    # Stable, so that of equals the first by name comes first; what is not defined is NaN, and sorts last either way.
    order = np.argsort(-key[fitting] if page.descending else key[fitting], kind="stable")
    shown = (
        fitting[order][page.offset : page.offset + page.limit] if partial or len(fitting) <= page.limit else order[:0]
    )
    scores = class_scores(counted, columns, shown)
    averages = average_scores(counted.counts().take(fitting), scoring)
    return Classes(
        classes=scores,
        total=len(fitting),
        averages=averages,
        undefined=undefined(
            averages.micro,
            averages.macro,
            averages.weighted,
            of={name: column[shown] for name, column in columns.items()},
        ),
    )
