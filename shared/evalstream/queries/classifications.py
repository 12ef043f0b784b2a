"""Questions with one answer: how far answers agree with the truth, and what is taken for what."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, ClassVar, Final, Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, Field

from evalstream.metrics.agreement import agreement
from evalstream.metrics.ranking import hits_at, log_loss
from evalstream.metrics.scores import ratio
from evalstream.queries.confusion_matrix import Cell, CellsPage, matrix_of
from evalstream.selection import Selection
from evalstream.stored.label_counts import (
    SCORING,
    AverageScores,
    ClassScores,
    LabelCounts,
    Scoring,
    average_scores,
    class_columns,
    class_scores,
    label_counts,
    undefined,
)
from evalstream.stored.rankings import Ranked, rankings
from evalstream.stored.tally import tally
from evalstream.tabular import Tabular

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

#: What becomes of a case where only one side answers. ``wrong``: it is a case, and "nothing" is the answer of the other
#: side. ``ignore``: it is none.
Unanswered = Literal["wrong", "ignore"]


class QuestionScores(BaseModel):
    """One question, over the cases in which it was asked. Null: not defined."""

    question: str
    cases: int = Field(description="cases in which either side answers; with `unanswered=ignore` in which both do")
    asked: int = Field(description="cases with a true answer")
    answered: int = Field(description="cases with a true answer and a predicted one")
    missing: int = Field(description="cases with a true answer and no predicted one")
    unasked: int = Field(description="cases with a predicted answer and no true one")
    correct: int
    accuracy: float | None
    balanced_accuracy: float | None = Field(description="mean recall over the answers that are true in any case")
    kappa: float | None = Field(description="Cohen's kappa")
    mcc: float | None = Field(description="Matthews' correlation, for any number of answers (Gorodkin's R_K)")
    averages: AverageScores
    classes: list[ClassScores]
    confusion: list[Cell] = Field(description="the largest cells that are not zero; null stands for no answer")
    top_k: int
    top_k_accuracy: float | None = Field(description="share of scored cases with the truth among the k highest scores")
    log_loss: float | None = Field(description="over scored cases")
    scored: int = Field(description="answered cases with scores")
    filled: int = Field(description="options of scored cases that have no score, while others have: they count as 0")
    undefined: dict[str, str] = Field(description="why figures are null, by their names; in averages and classes too")


class Classifications(Tabular):
    """One entry a question, by name."""

    table: ClassVar = "questions"

    questions: list[QuestionScores]


class _Part(NamedTuple):
    """A question's part in what was counted."""

    counts: LabelCounts
    cells: list[Cell]
    ranked: Ranked | None


_NO_SCORES: Final = "no matched answer has scores: send `scores` with predicted answers"
_REASONS: Final = {
    "accuracy": "there is no case",
    "balanced_accuracy": "there is no case with a true answer",
    "kappa": "both sides say one and the same thing in every case, or there is no case",
    "mcc": "one side says one thing in every case (scikit-learn gives 0), or there is no case",
    "top_k_accuracy": _NO_SCORES,
    "log_loss": _NO_SCORES,
}


def classifications(
    client: Client,
    selection: Selection,
    scoring: Scoring = SCORING,
    *,
    unanswered: Unanswered = "wrong",
    top_k: int = 2,
    cells: int = 10_000,
) -> Classifications:
    """Score every radio question, nested ones too.

    An answer below the selected confidence is none. With ``unanswered="ignore"`` the figures are scikit-learn's on the
    cases that both sides answer; with ``wrong`` they are scikit-learn's with "nothing" as one more label, which no mean
    over labels counts. ``cells`` bounds the cells of all confusion matrices together.
    """
    if selection.type and "radio" not in selection.type:
        return Classifications(questions=[])
    radio = selection.model_copy(update={"type": ["radio"]})
    parts = _parts(client, radio, cells, unanswered)
    return Classifications(
        questions=[_question(name, parts[name], scoring, unanswered, top_k) for name in sorted(parts)]
    )


def _parts(client: Client, radio: Selection, cells: int, unanswered: Unanswered) -> dict[str, _Part]:
    tallied = tally(client, radio)
    counts = label_counts(tallied)
    of_label = dict(zip(counts.label, counts.question, strict=True))
    matrix: dict[str, list[Cell]] = defaultdict(list)
    for cell in matrix_of(tallied, CellsPage(limit=cells)).cells:
        if unanswered == "wrong" or (cell.actual is not None and cell.predicted is not None):
            matrix[of_label[cell.actual or cell.predicted or ""]].append(cell)
    ranked = {} if radio.roll_up else {own.question: own for own in rankings(client, radio, "radio")}
    members: dict[str, list[int]] = defaultdict(list)
    for i, question in enumerate(counts.question):
        members[question].append(i)
    return {
        question: _Part(counts.take(np.array(own)), matrix[question], ranked.get(question))
        for question, own in members.items()
    }


def _question(name: str, part: _Part, scoring: Scoring, unanswered: Unanswered, top_k: int) -> QuestionScores:
    whole = part.counts
    asked, given, answered = (int(column.sum()) for column in (whole.annotations, whole.predictions, whole.matched))
    counted = whole.answered_only() if unanswered == "ignore" else whole
    cases = answered if unanswered == "ignore" else asked + given - answered
    correct = int(counted.tp.sum())
    averages = average_scores(counted.counts(), scoring)
    of_labels = class_scores(counted, class_columns(counted, scoring.beta), np.arange(len(counted.label)))
    ranking = part.ranked.ranking if part.ranked else None
    answer = QuestionScores(
        question=name,
        cases=cases,
        asked=asked,
        answered=answered,
        missing=asked - answered,
        unasked=given - answered,
        correct=correct,
        **agreement(counted.annotations, counted.predictions, counted.tp, cases)._asdict(),
        averages=averages,
        classes=of_labels,
        confusion=part.cells,
        top_k=top_k,
        top_k_accuracy=ratio(hits_at(ranking, top_k), ranking.cases) if ranking else None,
        log_loss=log_loss(ranking) if ranking else None,
        scored=ranking.cases if ranking else 0,
        filled=part.ranked.filled if part.ranked else 0,
        undefined={},
    )
    of_means = undefined(averages.micro, averages.macro, averages.weighted, *of_labels)
    return answer.model_copy(update={"undefined": of_means | undefined(answer, reasons=_REASONS)})
