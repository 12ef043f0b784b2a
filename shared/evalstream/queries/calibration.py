"""Whether a confidence of 0.8 is right four times in five."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, Literal

import numpy as np
from pydantic import BaseModel, Field

from evalstream.metrics.calibration import Strategy, reliability
from evalstream.metrics.ranking import brier
from evalstream.metrics.scores import ratio
from evalstream.selection import Selection
from evalstream.stored.counted import ask_arrow, scored
from evalstream.stored.rankings import rankings
from evalstream.tabular import Tabular

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

# Predictions, and those that are matched to an annotation of their own label, by confidence.
_BY_CONFIDENCE = """
SELECT one.1 AS confidence, countIf(one.2 = 0) AS count, countIf(one.2 = 1) AS correct FROM (
    SELECT arrayJoin(arrayConcat(
        arrayMap(c -> (c, 0), arrayFilter((c, ok) -> ok, {value}, prediction_counts)),
        arrayMap(p -> ({value}[p + 1], 1), arrayFilter((p, ok, a, b) -> ok AND a = b,
            match_prediction, counting, match_actual, match_predicted))
    )) AS one FROM ({scored})
) GROUP BY confidence HAVING count > 0 ORDER BY confidence
"""
_TOP_SCORE = (
    "arrayMap((c, k, f, l, o, s) -> if(k = 'radio' AND notEmpty(s),"
    " s[indexOf(o, substring(l, length(f) + 2))], c),"
    " prediction_confidence, prediction_type, prediction_feature, prediction_label,"
    " prediction_score_label, prediction_score)"
)


class ReliabilityBin(BaseModel):
    """Predictions of about one confidence: those with ``low < confidence <= high``; in the first bin, ``low`` too."""

    low: float
    high: float
    count: int
    correct: int
    mean_confidence: float | None
    accuracy: float | None = Field(description="correct / count")


class QuestionBrier(BaseModel):
    """Brier score of one question with scores."""

    question: str
    type: Literal["radio", "checklist"]
    cases: int
    brier: float | None = Field(description="mean over cases of the squared distance of scores from truth, summed")


class Calibration(Tabular):
    """Reliability of what is selected. Null: not defined."""

    table: ClassVar = "bins"

    predictions: int
    correct: int
    bins: list[ReliabilityBin]
    ece: float | None = Field(description="expected calibration error: mean gap of bins, weighted by predictions")
    mce: float | None = Field(description="maximum calibration error: the largest gap of a bin")
    questions: list[QuestionBrier]
    undefined: dict[str, str] = Field(description="why figures are null, by their names")


_NOTHING: Final = "nothing was predicted"
_NO_SCORES: Final = "no selected question has scores: send `scores` with predicted answers"


def calibration(
    client: Client,
    selection: Selection,
    *,
    bins: int = 10,
    strategy: Strategy = "uniform",
    value: Literal["confidence", "score"] = "confidence",
) -> Calibration:
    """Compare confidence with correctness, in bins.

    A prediction is correct if it is matched, at the selected thresholds, to an annotation of its own label. With
    ``value="score"`` the score of the option that was answered takes the place of the confidence, for radio answers
    that have scores: the top score, for a model that answers what it scores highest.
    """
    sql, parameters = scored(selection)
    if value == "score":
        # An answer that is not among the scores has none: 0, as in every other question about scores.
        sql = f"SELECT *, {_TOP_SCORE} AS value FROM ({sql})"
    column = "value" if value == "score" else "prediction_confidence"
    table = ask_arrow(client, _BY_CONFIDENCE.format(scored=sql, value=column), parameters).combine_chunks()
    columns = {name: table[name].to_numpy() for name in ("confidence", "count", "correct")}
    count, correct = (columns[name].astype(np.int64) for name in ("count", "correct"))
    diagram = reliability(columns["confidence"], count, correct, bins, strategy)
    questions = [] if selection.roll_up else _brier_scores(client, selection)
    answer = Calibration(
        predictions=int(diagram.number.sum()),
        correct=int(diagram.correct.sum()),
        bins=[
            ReliabilityBin(
                low=float(diagram.edges[i]),
                high=float(diagram.edges[i + 1]),
                count=held,
                correct=right,
                mean_confidence=float(diagram.confidence[i] / held) if held else None,
                accuracy=ratio(right, held),
            )
            for i, (held, right) in enumerate(zip(diagram.number.tolist(), diagram.correct.tolist(), strict=True))
        ],
        ece=diagram.expected_error(),
        mce=diagram.maximum_error(),
        questions=questions,
        undefined={},
    )
    reasons = {name: _NOTHING for name in ("ece", "mce") if getattr(answer, name) is None}
    if any(own.accuracy is None for own in answer.bins):
        reasons["accuracy"] = reasons["mean_confidence"] = "the bin holds no prediction"
    if not questions:
        reasons["questions"] = _NO_SCORES
    return answer.model_copy(update={"undefined": reasons})


def _brier_scores(client: Client, selection: Selection) -> list[QuestionBrier]:
    kinds: tuple[Literal["radio", "checklist"], ...] = ("radio", "checklist")
    scores = [
        QuestionBrier(question=own.question, type=kind, cases=own.ranking.cases, brier=brier(own.ranking))
        for kind in kinds
        for own in rankings(client, selection, kind)
        if own.ranking.cases
    ]
    return sorted(scores, key=lambda own: own.question)
