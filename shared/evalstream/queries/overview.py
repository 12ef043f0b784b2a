"""Summary, classes and confusion matrix in one answer, from one reading of the table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, Field

from evalstream.queries.confusion_matrix import (
    CellsPage,
    Classes,
    ClassesPage,
    ConfusionMatrix,
    classes_of,
    matrix_of,
)
from evalstream.queries.summary import Summary, summary_of
from evalstream.scoring.tally import Kind, kinds_of
from evalstream.selection import Selection
from evalstream.stored.label_counts import SCORING, Scoring
from evalstream.stored.tally import tally_and_notes

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client


class OverviewOptions(BaseModel):
    """Options of the overview: how much is given where there is very much."""

    cells: int = Field(default=2_000, ge=1, le=100_000, description="the most cells of the matrix, the largest first")
    labels: int = Field(default=200, ge=1, le=100_000, description="the most labels with figures of their own, by name")
    partial: bool = Field(
        default=True,
        description="whether some cells, or some labels, are given where there are more than these; false: then there "
        "are none of them, which is quick, for whoever can do nothing with a part",
    )


class Overview(BaseModel):
    """Answers that agree with each other, even while predictions arrive."""

    summary: Summary
    kinds: dict[Kind, Summary] = Field(
        default={},
        description="the same of objects alone and of answers alone, where there are both: what the `type` of one kind "
        "gives; the notes are those of all",
    )
    confusion_matrix: ConfusionMatrix
    classes: Classes


def overview(
    client: Client,
    selection: Selection,
    options: OverviewOptions = OverviewOptions(),  # noqa: B008
    scoring: Scoring = SCORING,
) -> Overview:
    """Answer ``summary``, ``confusion_matrix`` and ``classes`` at once, of one and the same state of the run."""
    tallied, known = tally_and_notes(client, selection)
    return Overview(
        summary=summary_of(tallied, *known, scoring),
        kinds={kind: summary_of(part, *known, scoring) for kind, part in kinds_of(tallied).items()},
        confusion_matrix=matrix_of(tallied, CellsPage(limit=options.cells), partial=options.partial),
        classes=classes_of(tallied, ClassesPage(limit=options.labels), scoring, partial=options.partial),
    )
