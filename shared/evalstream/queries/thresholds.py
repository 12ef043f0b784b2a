"""Choose a confidence threshold: for the best F-beta, or the best recall or precision with the other kept up."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np
from pydantic import BaseModel, Field

from evalstream.metrics.scores import ratios
from evalstream.queries.pr_curve import steps, steps_of_all_and_each
from evalstream.scenes import Float
from evalstream.scoring.curves import Steps
from evalstream.selection import Selection
from evalstream.stored.label_counts import undefined
from evalstream.tabular import Tabular

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client


class Choice(BaseModel):
    """A confidence threshold, and what it gives: predictions of that confidence and above it count."""

    confidence: float = Field(description="as stored: a distinct confidence of a prediction, in full precision")
    precision: float
    recall: float
    f_beta: float
    tp: int
    fp: int
    fn: int


class LabelThresholds(BaseModel):
    """The choices for one label, or for all. Null: no threshold does it."""

    label: str | None = Field(description="null: all labels together, one threshold for all (micro-averaged)")
    best_f_beta: Choice | None
    best_recall: Choice | None = Field(description="the highest recall with at least the precision asked for")
    best_precision: Choice | None = Field(description="the highest precision with at least the recall asked for")


class Thresholds(Tabular):
    """The choices over all labels, and for each."""

    table: ClassVar = "per_class"

    overall: LabelThresholds
    per_class: list[LabelThresholds]
    undefined: dict[str, str] = Field(description="why choices are null, by their names")


_REASONS: Final = {
    "best_f_beta": "nothing was predicted, or nothing is annotated",
    "best_recall": "no threshold has that precision, or nothing is annotated",
    "best_precision": "no threshold has that recall, or nothing is annotated",
}


def thresholds(
    client: Client,
    selection: Selection,
    *,
    beta: float = 1.0,
    precision: float = 0.9,
    recall: float = 0.9,
    per_class: bool = True,
) -> Thresholds:
    """Choose thresholds from the exact curve: among all distinct confidences from the selection's upward.

    ``precision`` and ``recall`` are the least that is acceptable, itself included. Of thresholds that are equally good,
    the one with the better other figure is chosen, and of equals in that too the highest.
    """
    each: list[Steps] = []
    if per_class:
        overall, each = steps_of_all_and_each(client, selection)
    else:
        (overall, *_) = steps(client, selection, per_class=False) or [_NOTHING]
    chosen = [_choose(own, beta, precision, recall) for own in (overall, *each)]
    return Thresholds(overall=chosen[0], per_class=chosen[1:], undefined=undefined(*chosen, reasons=_REASONS))


_NOTHING: Final = Steps(None, 0, np.empty(0), np.empty(0, np.int64), np.empty(0, np.int64))


def _choose(own: Steps, beta: float, least_precision: float, least_recall: float) -> LabelThresholds:
    if not own.annotations or not len(own.tp):
        return LabelThresholds(label=own.label, best_f_beta=None, best_recall=None, best_precision=None)
    b2 = beta * beta
    precision, recall = own.tp / own.predictions, own.tp / own.annotations
    f_beta = ratios((1 + b2) * own.tp, b2 * own.annotations + own.predictions)

    def best(figure: Float, other: Float, acceptable: Float, least: float) -> Choice | None:
        allowed = np.flatnonzero(acceptable >= least)
        if not len(allowed):
            return None
        allowed = allowed[figure[allowed] == figure[allowed].max()]
        at = int(allowed[np.argmax(other[allowed])])  # the first of equals: confidences are in decreasing order
        return Choice(
            confidence=float(own.confidence[at]),
            precision=float(precision[at]),
            recall=float(recall[at]),
            f_beta=float(f_beta[at]),
            tp=int(own.tp[at]),
            fp=int(own.predictions[at] - own.tp[at]),
            fn=int(own.annotations - own.tp[at]),
        )

    return LabelThresholds(
        label=own.label,
        best_f_beta=best(f_beta, precision, f_beta, 0.0),
        best_recall=best(recall, precision, precision, least_precision),
        best_precision=best(precision, recall, recall, least_recall),
    )
