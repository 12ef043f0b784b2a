"""Scores of predicted texts, question by question and together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from pydantic import BaseModel, Field

from evalstream.geometry.text import TEXT_COLUMNS
from evalstream.metrics.bleu import corpus_bleu
from evalstream.metrics.scores import ratio
from evalstream.selection import Selection
from evalstream.stored.answers import answered, tally_answers
from evalstream.stored.counted import ask
from evalstream.tabular import Tabular

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

_NO_PAIRS = "no prediction goes together with an annotation"
_NO_TOKENS = "no answer on either side holds a token (sacrebleu says 0)"

# Both `held` and `pair` have each pair, as one number, once: counted in one list after the other, a measured pair that
# holds is there for the second time. Counts are whole, so that their sums are exact; BLEU of single sentences is summed
# in decimals, whose sum does not depend on the order of the rows.
_SUMS = """
SELECT one.1 AS question, count(), sumForEach(one.2), toFloat64(sum(toDecimal128(one.2[-1], 15))) FROM (
    SELECT arrayJoin(arrayFilter((one, time) -> time > 1,
        arrayMap((a, value) -> (annotation_label[a + 1], value), measured, statistics),
        arraySlice(arrayEnumerateUniq(arrayConcat(held, pair)), length(held) + 1)
    )) AS one
    FROM (
        SELECT annotation_label,
            arrayMap(m -> match_annotation[m] * 4294967296 + match_prediction[m], paired) AS held,
            arrayFilter((a, n) -> n = 'text', measure_annotation, measure_name) AS measured,
            arrayFilter((p, n) -> n = 'text', measure_prediction, measure_name) AS measured_prediction,
            arrayFilter((v, n) -> n = 'text', measure_value, measure_name) AS statistics,
            arrayMap((a, p) -> toUInt64(a) * 4294967296 + toUInt64(p), measured, measured_prediction) AS pair
        FROM ({answers})
    )
) GROUP BY question
"""


class TextScores(BaseModel):
    """The scores of some pairs of a true and a predicted text."""

    n: int = Field(description="pairs of a true and a predicted text: all scores are of these")
    annotations: int
    predictions: int
    missing: int = Field(description="annotations without a prediction")
    unasked: int = Field(description="predictions without an annotation")
    exact_match: float | None = Field(description="share of pairs that are the same, character by character")
    normalised_match: float | None = Field(
        description="share that are the same by SQuAD's rule: case, punctuation, articles and spaces left out"
    )
    bleu: float | None = Field(
        description="BLEU of all pairs as one corpus, 0 to 100 (sacrebleu: tokenizer 13a, exponential smoothing)"
    )
    brevity_penalty: float | None = Field(description="the factor in it for predictions that are too short")
    mean_sentence_bleu: float | None = Field(
        description="the mean of the pairs' own BLEU (sacrebleu with effective order), something else than `bleu`"
    )
    undefined: dict[str, str] = Field(description="why a figure is null")


class QuestionTexts(TextScores):
    """The scores of one question."""

    feature: str = Field(description="the question; nested ones by their path, such as `sign/lettering`")


class Texts(Tabular):
    """All questions together, and each on its own."""

    table: ClassVar = "questions"

    overall: TextScores
    questions: list[QuestionTexts] = Field(description="by name")


def texts(client: Client, selection: Selection) -> Texts:
    """Score free text, of the pairs that hold at the selected thresholds."""
    answers = answered(selection, "text")
    counts = tally_answers(client, answers)
    sums = {question: rest for question, *rest in ask(client, _SUMS.format(answers=answers.sql), answers.parameters)}
    pairs = {question: _Sums(*sums.get(question, (0, [0.0] * TEXT_COLUMNS, 0.0))) for question in counts}
    whole = _Sums(
        sum(own.n for own in pairs.values()),
        [sum(column) for column in zip(*(own.statistics for own in pairs.values()), strict=True)]
        or [0.0] * TEXT_COLUMNS,
        sum(own.sentence_bleu for own in pairs.values()),
    )
    asked, given = (sum(own[side] for own in counts.values()) for side in (0, 1))
    return Texts(
        overall=TextScores(**_scores(whole, asked, given)),
        questions=[
            QuestionTexts(feature=question, **_scores(pairs[question], *counts[question])) for question in counts
        ],
    )


class _Sums(NamedTuple):
    n: int
    statistics: Sequence[float]  # sums of the columns of measure `text`
    sentence_bleu: float


def _scores(sums: _Sums, annotations: int, predictions: int) -> dict[str, Any]:
    exact, normalised, *ngrams = (int(value) for value in sums.statistics[:-1])
    scores = {
        "exact_match": ratio(exact, sums.n),
        "normalised_match": ratio(normalised, sums.n),
        **corpus_bleu(ngrams[:4], ngrams[4:8], ngrams[8], ngrams[9])._asdict(),
        "mean_sentence_bleu": ratio(sums.sentence_bleu, sums.n),
    }
    reason = _NO_TOKENS if sums.n else _NO_PAIRS
    return {
        "n": sums.n,
        "annotations": annotations,
        "predictions": predictions,
        "missing": annotations - sums.n,
        "unasked": predictions - sums.n,
        **scores,
        "undefined": {name: reason for name, value in scores.items() if value is None},
    }
