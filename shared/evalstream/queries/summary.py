"""Summary of a run: counts and scores over everything selected."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from evalstream.metrics.agreement import agreement
from evalstream.metrics.scores import Counts, ratio
from evalstream.scoring.tally import Tally
from evalstream.selection import Selection
from evalstream.stored.label_counts import (
    SCORING,
    AverageScores,
    LabelCounts,
    LabelScores,
    Scoring,
    average_scores,
    label_counts,
    undefined,
)

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client


class Summary(LabelScores):
    """The counts and scores of a selection, over all its objects (micro-averaged), and averaged over labels."""

    rows: int = Field(
        description="data rows that are selected, of those that the run has spoken of; with"
        " `missing_rows=count`, of those without a prediction too"
    )
    rows_without_predictions: int = Field(
        description="data rows of the whole dataset that are annotated, and of which the run has said nothing: "
        "they are in no figure, but with `missing_rows=count`"
    )
    annotations: int = Field(description="annotations that count")
    predictions: int = Field(description="predictions that count")
    types: dict[str, int] = Field(
        description="annotations and predictions that count, by annotation type: the figures here are of all of these "
        "together; `type` asks for some"
    )
    tp: int
    fp: int = Field(description="predictions less true positives: a wrong class is one")
    fn: int = Field(description="annotations less true positives: a wrong class is one")
    tn: int | None = Field(description="of the answers to radio questions alone, each answer against all others")
    mean_iou: float | None = Field(description="mean IoU of the true positives, classifications left out")
    dice: float | None = Field(description="mean of 2 IoU / (1 + IoU) over the same, keypoints left out")
    accuracy: float | None = Field(description="of radio questions: the share of cases that are answered right")
    balanced_accuracy: float | None = Field(description="of radio questions: the mean recall over answers that occur")
    kappa: float | None = Field(description="Cohen's, of the one radio question selected")
    mcc: float | None = Field(description="Matthews' correlation, of the one radio question selected")
    averages: AverageScores
    undefined: dict[str, str] = Field(description="why figures are null, by their names; in averages too")
    notes: list[str] = Field(description="what has to be known of this answer")


def summary(client: Client, selection: Selection, scoring: Scoring = SCORING) -> Summary:
    """Count and score everything that is selected."""
    from evalstream.stored.tally import tally_and_notes  # of stored runs alone, and takes a while

    tallied, known = tally_and_notes(client, selection)
    return summary_of(tallied, *known, scoring)


def summary_of(
    tallied: Tally, said: list[str], rows_without_predictions: int = 0, scoring: Scoring = SCORING
) -> Summary:
    """Score a tally; ``said`` is what has to be known of it."""
    by_label = label_counts(tallied)
    counts = by_label.counts()
    averages = average_scores(counts, scoring)
    whole = average_scores(counts, scoring.model_copy(update={"zero_division": "exclude"})).micro
    is_iou = by_label.dice == by_label.dice  # not NaN
    answer = Summary(
        rows=by_label.rows,
        rows_without_predictions=rows_without_predictions,
        annotations=by_label.annotations.sum(),
        predictions=by_label.predictions.sum(),
        types=tallied.types,
        tp=counts.tp.sum(),
        fp=counts.fp.sum(),
        fn=counts.fn.sum(),
        tn=_true_negatives(counts),
        **whole.model_dump(),
        mean_iou=ratio(float(by_label.overlap.sum()), int(by_label.located.sum())),
        dice=ratio(float(by_label.dice[is_iou].sum()), int(by_label.located[is_iou].sum())),
        **_agreement(by_label),
        averages=averages,
        undefined={},
        notes=said,
    )
    reasons = undefined(answer, averages.micro, averages.macro, averages.weighted)
    return answer.model_copy(update={"undefined": reasons})


def _true_negatives(counts: Counts) -> int | None:
    answers = ~np.isnan(counts.cases)
    return int(counts.tn()[answers].sum()) if np.any(answers) else None


def _agreement(by_label: LabelCounts) -> dict[str, float | None]:
    """Agreement on radio questions; beyond chance, on one question only: two have no chance in common."""
    answers = np.array([question != "" for question in by_label.question], np.bool_)
    actual, predicted, matched = by_label.annotations[answers], by_label.predictions[answers], by_label.matched[answers]
    cases = int((actual + predicted - matched).sum())
    whole = agreement(actual, predicted, by_label.tp[answers], cases)
    if len(set(by_label.question) - {""}) != 1:
        whole = whole._replace(kappa=None, mcc=None)
    return whole._asdict()
