"""Questions with any number of answers: how well the chosen options agree with the true ones."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple

import numpy as np
from pydantic import BaseModel, Field

from evalstream.metrics.scores import Counts, ZeroDivision, by_class, defined, ratio
from evalstream.queries.classifications import Unanswered
from evalstream.selection import QuestionError, Selection
from evalstream.stored.counted import ask, is_object, scored
from evalstream.stored.label_counts import (
    REASONS,
    SCORING,
    AverageScores,
    LabelScores,
    Scoring,
    average_scores,
    undefined,
)
from evalstream.stored.roll_up import FEATURES
from evalstream.tabular import Tabular

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

# Every case: a list of either side, with the list matched to it. Few lists differ, so they are counted by what is
# chosen. And the options that are scored, as a case that is none.
_CASES = """
SELECT one.1, one.2, arraySort(one.3), arraySort(one.4), count() FROM (
    SELECT arrayJoin(arrayConcat(
        arrayMap((a, p, f) -> (f, 'answered', {annotation_options}, {prediction_options}),
            met_annotation, met_prediction, met_question),
        arrayMap((a, f) -> (f, 'missing', {annotation_options}, []),
            arrayFilter((a, ok) -> ok AND NOT has(met_annotation, a), annotation_at, annotation_list),
            arrayFilter((f, a, ok) -> ok AND NOT has(met_annotation, a),
                annotation_feature, annotation_at, annotation_list)),
        arrayMap((p, f) -> (f, 'unasked', [], {prediction_options}),
            arrayFilter((p, ok) -> ok AND NOT has(met_prediction, p), prediction_at, prediction_list),
            arrayFilter((f, p, ok) -> ok AND NOT has(met_prediction, p),
                prediction_feature, prediction_at, prediction_list)),
        arrayMap((f, names) -> (f, 'scored', [], names),
            arrayFilter((f, ok, names) -> ok AND notEmpty(names),
                prediction_feature, prediction_list, prediction_score_label),
            arrayFilter((names, ok) -> ok AND notEmpty(names), prediction_score_label, prediction_list))
    )) AS one FROM (
        SELECT *,
            arrayMap(i -> i - 1, arrayEnumerate(annotation_type)) AS annotation_at,
            arrayMap(i -> i - 1, arrayEnumerate(prediction_type)) AS prediction_at,
            arrayMap((k, f, c) -> k = 'question' AND {objects} AND {features},
                annotation_type, annotation_feature, annotation_crowd) AS annotation_list,
            arrayMap((k, f, c, p) -> k = 'question' AND c >= {{confidence:Float64}} AND {features}
                AND NOT has(ignored_prediction, p),
                prediction_type, prediction_feature, prediction_confidence, prediction_at) AS prediction_list,
            arrayMap((k, f, l, i) -> k = 'question' AND l AND NOT i AND {features},
                match_type, match_actual_feature, live, match_ignored) AS met,
            arrayFilter((x, ok) -> ok, match_annotation, met) AS met_annotation,
            arrayFilter((x, ok) -> ok, match_prediction, met) AS met_prediction,
            arrayFilter((x, ok) -> ok, match_actual_feature, met) AS met_question
        FROM ({scored})
    )
) GROUP BY 1, 2, 3, 4
"""
_OPTION = "arrayMap(l -> substring(l, length(f) + 2), arrayFilter({test}))"
_ANNOTATION_OPTIONS = _OPTION.format(test="(l, parent) -> parent = a, annotation_label, annotation_parent")
_PREDICTION_OPTIONS = _OPTION.format(
    test="(l, parent, c) -> parent = p AND c >= {confidence:Float64},"
    " prediction_label, prediction_parent, prediction_confidence"
)


class OptionScores(LabelScores):
    """One option: chosen or not, over the cases of its question."""

    option: str
    annotations: int
    predictions: int
    tp: int
    fp: int
    fn: int
    tn: int


class ChecklistScores(BaseModel):
    """One question, over the cases in which it was asked. Null: not defined."""

    question: str
    cases: int = Field(description="cases in which either side answers; with `unanswered=ignore` in which both do")
    asked: int = Field(description="cases with a true list of options, be it empty")
    answered: int = Field(description="cases with a true list and a predicted one")
    missing: int = Field(description="cases with a true list and no predicted one")
    unasked: int = Field(description="cases with a predicted list and no true one")
    jaccard: float | None = Field(description="mean over cases of |both| / |either|")
    exact_match: float | None = Field(description="share of cases with the same options on both sides")
    hamming_loss: float | None = Field(description="share of options that differ, over all cases")
    averages: AverageScores = Field(description="over options")
    options: list[OptionScores]
    undefined: dict[str, str] = Field(description="why figures are null, by their names; in averages and options too")


class Checklists(Tabular):
    """One entry a question, by name."""

    table: ClassVar = "questions"

    questions: list[ChecklistScores]


class _Case(NamedTuple):
    """So many equal cases."""

    kind: str
    true: frozenset[str]
    chosen: frozenset[str]
    number: int


_REASONS: Final = {
    "jaccard": "there is no case, or in none did either side choose anything",
    "exact_match": "there is no case",
    "hamming_loss": "there is no case, or no option is known",
    "specificity": "the option is true in every case",
    "accuracy_one_vs_rest": "there is no case",
}
_STANDS_IN: Final[dict[ZeroDivision, float | None]] = {"exclude": None, "zero": 0.0, "one": 1.0}


def checklists(
    client: Client, selection: Selection, scoring: Scoring = SCORING, *, unanswered: Unanswered = "wrong"
) -> Checklists:
    """Score every checklist, nested ones too.

    The options of a question are all that either side chooses anywhere in the selection, or gives a score. A list below
    the selected confidence is none, and an option below it is not chosen. With ``unanswered="wrong"`` a list that one
    side lacks counts as an empty one, but never as an exact match; with ``ignore`` such cases are left out, and figures
    are scikit-learn's on the others. In the mean Jaccard a case where both sides choose nothing is what
    ``zero_division`` says.

    Raises
    ------
    QuestionError
        If labels are to be rolled up, or an area is selected: options have neither parents nor an area.
    """
    if selection.roll_up or selection.area != "all":
        raise QuestionError("options of checklists have no parents and no area: leave out `roll_up` and `area`")
    if selection.type and "checklist" not in selection.type:
        return Checklists(questions=[])
    sql, parameters = scored(selection)
    statement = _CASES.format(
        scored=sql,
        annotation_options=_ANNOTATION_OPTIONS,
        prediction_options=_PREDICTION_OPTIONS,
        objects=is_object(selection),
        features=f"f IN {FEATURES}" if selection.feature else "1",
    )
    cases: dict[str, list[_Case]] = defaultdict(list)
    for question, kind, true, chosen, number in ask(client, statement, parameters | {"feature": selection.feature}):
        cases[question].append(_Case(kind, frozenset(true), frozenset(chosen), number))
    return Checklists(questions=[_question(name, cases[name], scoring, unanswered) for name in sorted(cases)])


def _question(name: str, all_cases: list[_Case], scoring: Scoring, unanswered: Unanswered) -> ChecklistScores:
    number = {kind: sum(case.number for case in all_cases if case.kind == kind) for kind in _KINDS}
    options = sorted({option for case in all_cases for option in case.true | case.chosen})
    kinds = _KINDS if unanswered == "wrong" else _KINDS[:1]
    cases = [case for case in all_cases if case.kind in kinds]
    total = sum(case.number for case in cases)
    counts = _counts(cases, options, total)
    averages = average_scores(counts, scoring)
    answer = ChecklistScores(
        question=name,
        cases=total,
        asked=number["answered"] + number["missing"],
        **number,
        jaccard=_mean_jaccard(cases, scoring.zero_division),
        exact_match=ratio(sum(case.number for case in cases if _equal(case)), total),
        hamming_loss=ratio(sum(case.number * len(case.true ^ case.chosen) for case in cases), total * len(options)),
        averages=averages,
        options=_options(options, counts, scoring.beta),
        undefined={},
    )
    parts = answer, averages.micro, averages.macro, averages.weighted, *answer.options
    return answer.model_copy(update={"undefined": undefined(*parts, reasons=REASONS | _REASONS)})


_KINDS: Final = ("answered", "missing", "unasked")


def _equal(case: _Case) -> bool:
    return case.kind == "answered" and case.true == case.chosen


def _mean_jaccard(cases: list[_Case], zero_division: ZeroDivision) -> float | None:
    terms, weights = [], []
    for case in cases:
        either = len(case.true | case.chosen)
        # Where one side does not answer it agrees with nothing, an empty list neither.
        empty = _STANDS_IN[zero_division] if case.kind == "answered" else 0.0
        share = len(case.true & case.chosen) / either if either else empty
        if share is not None:
            terms.append(share * case.number)
            weights.append(case.number)
    return ratio(math.fsum(terms), sum(weights))


def _counts(cases: list[_Case], options: list[str], total: int) -> Counts:
    at = {option: k for k, option in enumerate(options)}
    tp, fp, fn = (np.zeros(len(options), np.int64) for _ in range(3))
    for case in cases:
        for column, chosen in (
            (tp, case.true & case.chosen),
            (fp, case.chosen - case.true),
            (fn, case.true - case.chosen),
        ):
            for option in chosen:
                column[at[option]] += case.number
    return Counts(tp, fp, fn, np.full(len(options), float(total)))


def _options(options: list[str], counts: Counts, beta: float) -> list[OptionScores]:
    columns = dict(zip(LabelScores.model_fields, by_class(counts, beta), strict=True))
    tn = counts.tn()
    return [
        OptionScores(
            option=option,
            annotations=int(counts.tp[k] + counts.fn[k]),
            predictions=int(counts.tp[k] + counts.fp[k]),
            tp=int(counts.tp[k]),
            fp=int(counts.fp[k]),
            fn=int(counts.fn[k]),
            tn=int(tn[k]),
            **{name: defined(column[k]) for name, column in columns.items()},
        )
        for k, option in enumerate(options)
    ]
