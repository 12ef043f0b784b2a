"""Receiver operating characteristic, and scikit-learn's average precision, of questions with scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, Field

from evalstream.metrics.ranking import Areas, Points, Ranking, areas, grouped, one_vs_one, points
from evalstream.metrics.scores import ZeroDivision, defined
from evalstream.scenes import Int
from evalstream.selection import Selection
from evalstream.stored.label_counts import undefined
from evalstream.stored.rankings import Ranked, rankings

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client


class RocPoints(BaseModel):
    """One curve: with each score as the threshold, how much of what is true, and of what is not, reaches it."""

    option: str | None = Field(description="one against the rest; null: all options together (micro-averaged)")
    points: int = Field(description="how many the curve has; more than are listed if it was thinned")
    threshold: list[float | None] = Field(description="decreasing; null: above every score, where the curve begins")
    fpr: list[float]
    tpr: list[float]


class OptionAreas(BaseModel):
    """One option against the rest."""

    option: str
    positives: int
    auc: float | None
    average_precision: float | None


class QuestionRoc(BaseModel):
    """One question. Averages leave out options that have no such figure."""

    question: str
    type: Literal["radio", "checklist"]
    cases: int = Field(description="annotated answers with a matched prediction that has scores")
    unscored: int = Field(description="annotated answers with a matched prediction without scores; left out")
    filled: int = Field(description="options of cases that have no score, while others have: they count as 0")
    auc_macro: float | None = Field(description="mean over options, each against the rest")
    auc_weighted: float | None = Field(description="the same, weighted by how often each is true")
    auc_micro: float | None = Field(description="every option of every case as one case of its own")
    auc_samples: float | None = Field(description="mean over cases of the AUC among their options; checklists only")
    auc_ovo_macro: float | None = Field(description="mean over pairs of options (Hand and Till); radio only")
    auc_ovo_weighted: float | None = Field(description="the same, weighted by the cases of each pair; radio only")
    average_precision_macro: float | None
    average_precision_weighted: float | None
    average_precision_micro: float | None
    average_precision_samples: float | None = Field(description="checklists only")
    options: list[OptionAreas]
    curves: list[RocPoints]
    undefined: dict[str, str] = Field(description="why figures are null, by their names; in `options` too")


class RocCurve(BaseModel):
    """One entry a question, by name."""

    questions: list[QuestionRoc]
    undefined: dict[str, str] = Field(description="why there are no questions")


_NOTHING: Final = (
    "no selected question has scores: send `scores` with predicted answers. Detection has no ROC: the places where"
    " nothing was, and nothing was found, cannot be counted, so that there is no false positive rate"
)
_BOTH: Final = "no option has both cases in which it is true and cases in which it is not"
_REASONS: Final = {
    "auc": "the option is true in no case, or in every one",
    "average_precision": "the option is true in no case",
    "auc_macro": _BOTH,
    "auc_weighted": _BOTH,
    "auc_micro": _BOTH,
    "average_precision_macro": "nothing is true",
    "average_precision_weighted": "nothing is true",
    "average_precision_micro": "nothing is true",
}
_ONE_ANSWER: Final = "with one true option a case there is nothing to rank within it; for checklists only"
_SEVERAL_ANSWERS: Final = "a case of a checklist may belong to both options of a pair; for radio questions only"


def roc_curve(
    client: Client,
    selection: Selection,
    *,
    per_class: bool = False,
    option: Sequence[str] = (),
    limit: int = 1000,
    max_points: int = 1001,
    zero_division: ZeroDivision = "exclude",
) -> RocCurve:
    """Compute ROC curves and the areas under them, and average precision, as scikit-learn does.

    A point for every distinct score (``drop_intermediate=False``); a curve of more than ``max_points`` is thinned to
    so many of its own points, evenly, with the first and the last kept. With ``per_class`` there is a curve for each
    ``option`` named, or for the first ``limit`` of each question.
    """
    drawn = _Drawn(per_class, frozenset(option), limit, max_points)
    questions = [
        _question(ranked, kind, drawn, zero_division)
        for kind in ("radio", "checklist")
        for ranked in rankings(client, selection, kind)
        if ranked.ranking.cases
    ]
    questions.sort(key=lambda own: own.question)
    return RocCurve(questions=questions, undefined={} if questions else {"questions": _NOTHING})


class _Drawn(NamedTuple):
    """Page of curves: which, and how many points."""

    per_class: bool
    option: frozenset[str]
    limit: int
    max_points: int


def _question(
    ranked: Ranked, kind: Literal["radio", "checklist"], drawn: _Drawn, zero_division: ZeroDivision
) -> QuestionRoc:
    ranking, radio = ranked.ranking, kind == "radio"
    auc, precision = areas(ranking, zero_division, within_cases=not radio)
    pairs = one_vs_one(ranking) if radio else None
    positives = np.bincount(ranking.option[ranking.true], minlength=ranking.options)
    options = [
        OptionAreas(option=name, positives=int(positives[k]), auc=_at(auc, k), average_precision=_at(precision, k))
        for k, name in enumerate(ranked.options)
    ]
    answer = QuestionRoc(
        question=ranked.question,
        type=kind,
        cases=ranking.cases,
        unscored=ranked.unscored,
        filled=ranked.filled,
        auc_macro=auc.macro,
        auc_weighted=auc.weighted,
        auc_micro=auc.micro,
        auc_samples=None if radio else auc.samples,
        auc_ovo_macro=pairs.macro if pairs else None,
        auc_ovo_weighted=pairs.weighted if pairs else None,
        average_precision_macro=precision.macro,
        average_precision_weighted=precision.weighted,
        average_precision_micro=precision.micro,
        average_precision_samples=None if radio else precision.samples,
        options=options,
        curves=_curves(ranked, drawn),
        undefined={},
    )
    return answer.model_copy(update={"undefined": _undefined(answer, radio)})


def _at(all_areas: Areas, k: int) -> float | None:
    return defined(float(all_areas.each[k]))


def _undefined(answer: QuestionRoc, radio: bool) -> dict[str, str]:
    fewer, no_case = "fewer than two options are true in any case", "no case has such options"
    reasons = _REASONS | {
        "auc_samples": _ONE_ANSWER if radio else f"{no_case}: both true ones and others",
        "average_precision_samples": _ONE_ANSWER if radio else f"{no_case}: true ones",
        "auc_ovo_macro": fewer if radio else _SEVERAL_ANSWERS,
        "auc_ovo_weighted": fewer if radio else _SEVERAL_ANSWERS,
    }
    return undefined(answer, *answer.options, reasons=reasons)


def _curves(ranked: Ranked, drawn: _Drawn) -> list[RocPoints]:
    ranking = ranked.ranking
    if not drawn.per_class:
        unlisted = ranking.cases * ranking.options - len(ranking.score)
        return _points(None, points(ranking.score, ranking.true, unlisted), drawn.max_points)
    start, order = grouped(ranking.option, ranking.options)
    chosen = [k for k, name in enumerate(ranked.options) if not drawn.option or name in drawn.option]
    return [
        curve
        for k in chosen[: drawn.limit]
        for curve in _points(ranked.options[k], _of_option(ranking, order[start[k] : start[k + 1]]), drawn.max_points)
    ]


def _of_option(ranking: Ranking, own: Int) -> Points:
    return points(ranking.score[own], ranking.true[own], ranking.cases - len(own))


def _points(option: str | None, curve: Points, max_points: int) -> list[RocPoints]:
    """One curve, or none where nothing is true, or everything."""
    positives, negatives = (int(column[-1]) if len(column) else 0 for column in (curve.tp, curve.fp))
    if not positives or not negatives:
        return []
    keep = np.arange(len(curve.score))
    if len(keep) + 1 > max_points:
        keep = np.unique(np.linspace(0, len(keep) - 1, max_points - 1).astype(np.int64))
    return [
        RocPoints(
            option=option,
            points=len(curve.score) + 1,
            threshold=[None, *curve.score[keep].tolist()],
            fpr=[0.0, *(curve.fp[keep] / negatives).tolist()],
            tpr=[0.0, *(curve.tp[keep] / positives).tolist()],
        )
    ]
