"""Causes of a run's errors, and the cost of each: TIDE's analysis."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple

import numpy as np
from pydantic import BaseModel, Field

from evalstream.metrics.average_precision import Bits, Rule, average_detections
from evalstream.metrics.detections import MANY, NO_FLAGS, ranked
from evalstream.room import given_back
from evalstream.scenes import Code, Flag, Float, Int
from evalstream.scoring.causes import (
    AS_TIDE,
    CAUSES,
    POINTING,
    CauseCode,
    Caused,
    ErrorOptions,
    causes,
    most_confident,
)
from evalstream.scoring.columns import Columns
from evalstream.scoring.counting import Counting, count
from evalstream.scoring.notes import unusual
from evalstream.selection import Selection
from evalstream.stored.columns import read_all
from evalstream.stored.labels import ALL_CLASSES, PerClassPage
from evalstream.stored.notes import notes_on
from evalstream.tabular import Tabular
from evalstream.threads import at_once, on_threads
from evalstream.types import LOCALISED

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client


class CauseFigures(BaseModel):
    """The errors of one cause."""

    count: int = Field(description="false positives; or, of `missed`, annotations that no prediction points to")
    ignored: int = Field(
        description="predictions with this cause that the policy ignores, to be neither right nor wrong"
    )
    dap: float | None = Field(description="how much higher AP would be if all of them were put right, 0 at least")


class ClassErrors(BaseModel):
    """The errors of one class; a prediction of the wrong class is one of the class it was given."""

    annotations: int
    ap: float
    count: dict[str, int]


class Errors(Tabular):
    """TIDE's analysis at the selected IoU. AP and differences are fractions of 1."""

    table: ClassVar = "per_class"

    ap: float | None = Field(
        description="AP at the selected IoU as TIDE defines it: 101 points, classes that are only predicted are 0"
    )
    causes: dict[str, CauseFigures]
    false_positives_dap: float | None = Field(
        description="how much higher AP would be with every false positive less confident than every true one"
    )
    false_negatives_dap: float | None = Field(
        description="how much higher AP would be if only what is found had been annotated"
    )
    per_class: dict[str, ClassErrors]
    total: int = Field(description="classes that fit, given or not; all other figures are over all classes, fit or not")
    undefined: dict[str, str] = Field(description="why a figure is null, by its name")
    notes: list[str] = Field(description="what has to be known of this answer")


class _Columns(NamedTuple):
    """Predictions and the annotations that count, in the order of the rows."""

    labels: list[str]
    label: Code  # of each prediction, a position in labels; of one that is not tried what it should have been
    confidence: Float
    tried: Flag  # whether its class passes the filter: else it may only be put right
    right: Flag
    counts: Flag  # whether it is in the curve: it is tried, and not ignored
    cause: CauseCode
    target: Code  # the annotation that it should have been, −1: none that counts
    annotation_label: Code
    annotation_right: Flag
    missed: Flag


# i/100, not linspace as COCO has it, and no spacing added to the number of detections.
_RULE: Final = Rule(np.arange(101) / 100, 0.0, stepwise=False, rounded=False)


@given_back()
def errors(
    client: Client, selection: Selection, options: ErrorOptions = AS_TIDE, page: PerClassPage = ALL_CLASSES
) -> Errors:
    """Tell errors apart, and find what AP would gain if each kind of them were put right.

    As tidecv does, except that who is matched is the policy's word. Under ``coco`` that is what tidecv does too,
    save for ties: of annotations that a prediction overlaps equally tidecv takes the first, COCO the last. Putting
    right means: the most confident prediction that points to an annotation not found becomes its match, with its
    class; all other errors of the cause disappear; annotations that are missed disappear.
    """
    selection = selection.model_copy(update={"type": selection.type or list(LOCALISED)})
    columns, said = _read(client, selection, options)
    size = len(columns.labels)
    annotations = np.bincount(columns.annotation_label, minlength=size)
    many = len(columns.label) > MANY
    # In a curve of what was put right, tidecv lists what was right to begin with after the errors, and so ranks it
    # behind errors of equal confidence.
    as_found, curve = at_once(
        lambda: _curve(columns, last=NO_FLAGS), lambda: _curve(columns, last=columns.right), worth_it=many
    )
    best = _best_pointing(columns)

    def ap_of(state: str) -> _Ap:
        """AP as it is, or as it would be: with one cause put right, all found, or all that is right before all else."""
        if state == "as found":
            return _ap(as_found, annotations)
        if state == "right first":
            return _right_first(curve, annotations)
        if state in ("all found", "missed"):
            gone = columns.missed if state == "missed" else ~columns.annotation_right
            return _ap(curve, annotations - np.bincount(columns.annotation_label[gone], minlength=size))
        if state in POINTING:
            put_right = _put_right(columns, best, CAUSES.index(state))
            return _ap(_curve(put_right, last=columns.right), annotations)
        return _ap(curve, annotations, without=CAUSES.index(state))

    states = (*CAUSES, "as found", "right first", "all found")  # those that take longest first
    figures = dict(zip(states, on_threads(ap_of, states, worth_it=many), strict=True))
    per_class_ap, ap = figures["as found"]
    counted = {
        cause: np.bincount(columns.annotation_label[columns.missed], minlength=size)
        if cause == "missed"
        else _by_class(curve, curve.cause == number)
        for number, cause in enumerate(CAUSES)
    }
    ignored = np.bincount(columns.cause[columns.tried & ~columns.counts & (columns.cause >= 0)], minlength=len(CAUSES))
    causes = {
        cause: CauseFigures(
            count=int(counted[cause].sum()),
            ignored=int(ignored[number]),
            dap=None if ap is None else max((figures[cause].mean or 0.0) - ap, 0.0),
        )
        for number, cause in enumerate(CAUSES)
    }
    fitting = [k for k, label in enumerate(columns.labels) if page.has(label)]
    undefined = {}
    if ap is None:
        nothing = "nothing is annotated or predicted"
        names = ("ap", "false_positives_dap", "false_negatives_dap", *(f"causes.{cause}.dap" for cause in CAUSES))
        undefined = dict.fromkeys(names, nothing)
    return Errors(
        ap=ap,
        causes=causes,
        false_positives_dap=None if ap is None else (figures["right first"].mean or 0.0) - ap,
        false_negatives_dap=None if ap is None else (figures["all found"].mean or 0.0) - ap,
        per_class={
            columns.labels[k]: ClassErrors(
                annotations=int(annotations[k]),
                ap=float(per_class_ap[k]),
                count={cause: int(count[k]) for cause, count in counted.items()},
            )
            for k in fitting[page.offset : page.offset + page.limit]
        },
        total=len(fitting),
        undefined=undefined,
        notes=said,
    )


class _Curve(NamedTuple):
    """The predictions that count, by class, and within a class in the order of its curve."""

    start: Int  # those of class k are start[k] : start[k + 1]
    right: Flag
    cause: CauseCode


def _curve(columns: _Columns, last: Flag) -> _Curve:
    """Put predictions in the order of their curves; of equal confidences those that are ``last`` come last."""
    order, start = ranked(columns.label, columns.confidence, columns.counts, last, len(columns.labels))
    # Together in one byte: what is far apart in memory is looked up once.
    said = ((columns.cause + np.int8(1)) << 1 | columns.right.view(np.int8))[order]
    return _Curve(start, (said & 1).view(np.bool_), (said >> 1) - np.int8(1))


class _Ap(NamedTuple):
    per_class: Float
    mean: float | None  # None: there are no classes


def _ap(curve: _Curve, annotations: Int, without: int | None = None) -> _Ap:
    """AP of each class, and their mean: TIDE's. Perhaps without errors of one cause.

    A class of predictions alone is 0, and in the mean.
    """
    left_out = np.zeros(len(curve.right), np.bool_) if without is None else curve.cause == without
    predicted = np.diff(curve.start) - _by_class(curve, left_out) > 0
    return _mean_of(curve.start, curve.right.astype(np.uint32), left_out.astype(np.uint32), predicted, annotations)


def _right_first(curve: _Curve, annotations: Int) -> _Ap:
    """AP with all that is right before all else, which then changes nothing."""
    right = _by_class(curve, curve.right)
    correct = np.ones(int(right.sum()), np.uint32)
    start = np.append(0, np.cumsum(right))
    return _mean_of(start, correct, np.zeros_like(correct), np.diff(curve.start) > 0, annotations)


def _by_class(curve: _Curve, chosen: Flag) -> Int:
    """Count what is chosen of each class."""
    there = np.diff(curve.start) > 0
    count = np.zeros(len(there), np.int64)
    if there.any():
        count[there] = np.add.reduceat(chosen, curve.start[:-1][there], dtype=np.int64)
    return count


def _mean_of(start: Int, correct: Bits, ignored: Bits, predicted: Flag, annotations: Int) -> _Ap:
    confidence = np.empty(0)  # which this rule does not look at
    averages = average_detections(start, correct, ignored, confidence, annotations, 1, _RULE)
    ap = np.nan_to_num(averages.precision[0].mean(axis=0), nan=0.0)
    there = predicted | (annotations > 0)
    return _Ap(ap, float(np.sum(ap[there]) / np.count_nonzero(there)) if np.any(there) else None)


def _best_pointing(columns: _Columns) -> Int:
    """Give the most confident prediction that points to each annotation which was not found, where there is one.

    Errors of either pointing cause compete for an annotation, and only one of them can become its match.
    """
    found = np.append(columns.annotation_right, np.bool_(True))  # a target of −1 is the last
    best = most_confident(
        np.where(found[columns.target], np.int32(-1), columns.target), columns.confidence, len(columns.annotation_right)
    )
    return best[best >= 0]


def _put_right(columns: _Columns, best: Int, cause: int) -> _Columns:
    """Make matches of those of the best that are errors of a cause. All other errors of the cause disappear."""
    errors = columns.cause == cause
    label, right, counts = columns.label.copy(), columns.right.copy(), columns.counts & ~errors
    winners = best[errors[best]]
    label[winners] = columns.annotation_label[columns.target[winners]]
    right[winners] = counts[winners] = True
    return columns._replace(label=label, right=right, counts=counts)


def _read(client: Client, selection: Selection, options: ErrorOptions) -> tuple[_Columns, list[str]]:
    of, left, failed, near, *_ = read_all(client, selection, ordered=True, with_nearest=True)
    assert near is not None
    counting = count(of, left)
    columns, found = at_once(
        lambda: _of_analysis(of, counting, causes(of, counting, near, left, options)),
        lambda: unusual(of, counting, left),
        worth_it=len(of.confidence) > MANY,
    )
    return columns, notes_on(client, selection, failed, found).notes


def _of_analysis(of: Columns, counting: Counting, caused: Caused) -> _Columns:
    """Say which predictions the analysis is made of, and name only the classes that these and the annotations have."""
    counts = counting.annotation_counts
    countable = np.append(counts, np.bool_(False))  # an annotation of −1 is the last
    chosen = caused.tried | caused.judged & countable[caused.points_to]
    label = of.prediction.label.copy()
    other = np.flatnonzero(chosen & ~caused.tried)
    label[other] = of.annotation.label[caused.points_to[other]]
    used = np.bincount(label[chosen], minlength=len(of.labels)) > 0
    used[of.annotation.label[counts]] = True
    place = (np.cumsum(used) - 1).astype(np.int32)
    number = np.where(countable, np.cumsum(countable) - 1, -1).astype(np.int32)  # among the annotations that count
    return _Columns(
        [name for name, use in zip(of.labels, used, strict=True) if use],
        place[label],
        of.confidence,
        caused.tried,
        caused.right,
        counting.prediction_counts & chosen,
        caused.cause,
        number[caused.points_to],
        place[of.annotation.label[counts]],
        caused.annotation_right[counts],
        caused.annotation_cause[counts] == CAUSES.index("missed"),
    )
