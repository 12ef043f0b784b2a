"""Counts behind every score of a label."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from evalstream.metrics.scores import Counts, ZeroDivision, averages, by_class, defined, ratios
from evalstream.scenes import Float, Int
from evalstream.scoring.tally import Tally


class LabelCounts(NamedTuple):
    """Parallel columns, an entry a label, by name; and how many rows there are."""

    rows: int
    label: list[str]
    annotations: Int
    predictions: Int
    tp: Int
    matched: Int  # annotations of the label that are matched, to whatever label
    met: Int  # predictions of the label that are matched, to whatever label
    located: Int  # true positives that have an overlap
    overlap: Float  # the sum of their overlaps
    dice: Float  # the sum of their Dice coefficients; NaN for a label whose overlap is no IoU
    question: list[str]  # which question the label answers; '' for an object

    def cases(self) -> Float:
        """Count how often each label's question was asked, on either side; NaN for objects, which nobody asks for.

        An answer and the answer that it is matched to are one case; one that is not matched is a case of its own.
        """
        names, code = np.unique(np.array(self.question, dtype=object), return_inverse=True)
        asked = np.bincount(code, self.annotations + self.predictions - self.matched, len(names))
        return np.where([name != "" for name in names], asked, np.nan)[code] if len(code) else np.empty(0)

    def take(self, chosen: Int) -> LabelCounts:
        """Some of the labels."""

        def some(column: Any) -> Any:
            return column[chosen] if isinstance(column, np.ndarray) else [column[i] for i in chosen.tolist()]

        return LabelCounts(self.rows, *map(some, self[1:]))

    def answered_only(self) -> LabelCounts:
        """The same with what is matched to nothing left out."""
        met = self._replace(annotations=self.matched, predictions=self.met)
        return met.take(np.flatnonzero(met.annotations + met.predictions))

    def counts(self) -> Counts:
        """Right, wrong and missing."""
        return Counts(self.tp, self.predictions - self.tp, self.annotations - self.tp, self.cases())


class Scoring(BaseModel):
    """Options of scores."""

    model_config = ConfigDict(frozen=True)

    beta: float = Field(default=1.0, ge=0, le=100, description="of F-beta: above 1, recall weighs more")
    zero_division: ZeroDivision = Field(
        default="exclude",
        description="what an undefined score of a class counts as in a mean: it is left out, or counts as 0 or 1. "
        "scikit-learn's `zero_division` of NaN, 0 and 1; single scores stay null",
    )


#: The usual one.
SCORING: Final = Scoring()


class LabelScores(BaseModel):
    """Scores of one label against all others. Null: not defined."""

    precision: float | None
    recall: float | None = Field(description="also called per-class accuracy: the diagonal of the matrix over its row")
    f1: float | None
    f_beta: float | None = Field(description="with the `beta` asked for")
    jaccard: float | None = Field(description="tp / (tp + fp + fn)")
    specificity: float | None = Field(description="tn / (tn + fp); of answers only")
    accuracy_one_vs_rest: float | None = Field(description="(tp + tn) / cases; of answers only")


class AverageScores(BaseModel):
    """Scores over several labels."""

    micro: LabelScores = Field(description="of the summed counts")
    macro: LabelScores = Field(description="the mean over labels")
    weighted: LabelScores = Field(description="the mean over labels, weighted by annotations")


class ClassScores(LabelScores):
    """Counts and scores of one label against all others."""

    label: str
    question: str = Field(default="", description="which question it answers; empty: it is a class of objects")
    annotations: int
    predictions: int
    tp: int
    fp: int
    fn: int
    tn: int | None = Field(description="cases of the question in which the answer was neither true nor given")
    mean_iou: float | None = Field(description="of the true positives")
    dice: float | None = Field(description="the mean of 2 IoU / (1 + IoU) over the true positives")


_NO_CASES = (
    "objects have no true negatives: nobody can count the places where nothing was, nor was found; answers to radio"
    " questions have them, and options of checklists in `checklists`"
)
_ONE_QUESTION = "not exactly one radio question was asked (ask `classifications`, or name one as `feature`)"
#: Why a figure may be null.
REASONS: Final = {
    "precision": "nothing of the label was predicted",
    "recall": "no annotation of the label counts",
    "f1": "the label was neither annotated nor predicted",
    "f_beta": "the label was neither annotated nor predicted, or, with `beta` 0, not predicted",
    "jaccard": "the label was neither annotated nor predicted",
    "tn": _NO_CASES,
    "specificity": f"{_NO_CASES}; nor is there one of an answer that is true in every case",
    "accuracy_one_vs_rest": _NO_CASES,
    "mean_iou": "no true positive has an overlap: there is none, or answers and points have no IoU",
    "dice": "no true positive has an IoU: there is none, or answers and points have none, and OKS is not one",
    "accuracy": "no radio question was asked, and objects have no true negatives",
    "balanced_accuracy": "no radio question is annotated",
    "kappa": f"{_ONE_QUESTION}, or both sides say one and the same thing throughout",
    "mcc": f"{_ONE_QUESTION}, or one side says one thing throughout",
}


def label_counts(tallied: Tally) -> LabelCounts:
    """Look at a tally label by label."""
    size = len(tallied.label)
    same = tallied.actual == tallied.predicted

    def sums(at: Int, column: Int | Float) -> Float:
        return np.asarray(np.bincount(at, column, size), np.float64)  # Int if there is nothing to sum

    def of_same(column: Int | Float) -> Float:
        return sums(tallied.actual[same], column[same])

    counts = LabelCounts(
        tallied.rows,
        tallied.label,
        tallied.annotations,
        tallied.predictions,
        of_same(tallied.pairs).astype(np.int64),
        sums(tallied.actual, tallied.pairs).astype(np.int64),
        sums(tallied.predicted, tallied.pairs).astype(np.int64),
        of_same(tallied.located).astype(np.int64),
        of_same(tallied.overlap),
        np.where(tallied.is_iou, of_same(tallied.dice), np.nan),
        tallied.question,
    )
    return counts.take(np.flatnonzero(counts.annotations + counts.predictions))


def class_columns(by_label: LabelCounts, beta: float) -> dict[str, Float | Int]:
    """Every figure of every label, NaN where it is not defined: the numbers of ``ClassScores``."""
    counts = by_label.counts()
    return {
        "annotations": by_label.annotations,
        "predictions": by_label.predictions,
        "tp": counts.tp,
        "fp": counts.fp,
        "fn": counts.fn,
        "tn": counts.tn(),
        **dict(zip(LabelScores.model_fields, by_class(counts, beta), strict=True)),
        "mean_iou": ratios(by_label.overlap, by_label.located),
        "dice": ratios(by_label.dice, by_label.located),
    }


def class_scores(by_label: LabelCounts, columns: dict[str, Float | Int], which: Int) -> list[ClassScores]:
    """Write out the figures of some labels: only of these, for there may be very many."""
    values = {name: _defined(column[which]) for name, column in columns.items()}
    rows = zip(*values.values(), strict=True)
    return [
        ClassScores(label=by_label.label[i], question=by_label.question[i], **dict(zip(values, row, strict=True)))
        for i, row in zip(which, rows, strict=True)
    ]


def _defined(column: Float | Int) -> list[Any]:
    values: list[Any] = column.tolist()
    return [defined(value) for value in values] if np.isnan(column).any() else values


def average_scores(counts: Counts, scoring: Scoring) -> AverageScores:
    """Average over labels."""
    scores = averages(counts, scoring.beta, scoring.zero_division)
    return AverageScores(**{name: LabelScores(**own._asdict()) for name, own in scores._asdict().items()})


def undefined(
    *answers: BaseModel, reasons: Mapping[str, str] = REASONS, of: Mapping[str, Float | Int] = MappingProxyType({})
) -> dict[str, str]:
    """Say why figures are null: one reason for each that is null in any of these answers, or NaN in a column ``of``."""
    null = {name for answer in answers for name in reasons if getattr(answer, name, 0) is None}
    null |= {name for name, column in of.items() if np.isnan(column).any()}
    return {name: reason for name, reason in reasons.items() if name in null}
