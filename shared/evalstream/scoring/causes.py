"""Why a prediction is wrong, and an annotation not found: TIDE's rules, over columns.

Reference: Bolya et al., TIDE: A General Toolbox for Identifying Object Detection Errors (2020); tidecv 1.0.1,
``quantify.py``. In the order in which they are tried, with t the IoU threshold and b the background threshold:

- ``poor localisation``: b ≤ IoU with an annotation of its own class ≤ t;
- ``wrong class``: it would be right if its class were that of an annotation that it overlaps enough;
- ``duplicate``: it overlaps an annotation of its class enough, and that one is found already;
- ``background``: it overlaps no annotation by more than b;
- ``both``: the rest, too far away and of the wrong class.

An annotation that is not found has the cause of the most confident prediction that points to it, being poorly localised
or of the wrong class; if none does it is ``missed``. What a policy matches to another class is ``wrong class`` before
anything else is tried (``iou-greedy``, and answers).

A filter of classes changes no cause: predictions of all classes are judged, and those that pass it are counted. So an
annotation that was taken for a class which does not pass is not missed.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from evalstream.matching.nearest import Nearest
from evalstream.metrics.detections import NO_FLAGS, ranked
from evalstream.native import compiled
from evalstream.scenes import Code, Flag, Float, Int
from evalstream.scoring.columns import Columns
from evalstream.scoring.counting import Counting, among_most, of_types
from evalstream.selection import Selection
from evalstream.types import CODES, LOCALISED

Cause = Literal["wrong class", "poor localisation", "both", "duplicate", "background", "missed"]
CAUSES: Final[tuple[Cause, ...]] = ("wrong class", "poor localisation", "both", "duplicate", "background", "missed")
#: Causes that point to an annotation.
POINTING: Final[tuple[Cause, ...]] = ("wrong class", "poor localisation")


class ErrorOptions(BaseModel):
    """Options of the analysis of errors."""

    background: float = Field(
        default=0.1, gt=0, le=1, description="of causes: what overlaps no annotation by more is of the background"
    )
    max_detections: int | None = Field(
        default=100,
        ge=1,
        le=1_000_000,
        description="of causes, policy `coco` only: how many predictions of a data row count, the most confident of "
        "all classes",
    )


AS_TIDE: Final = ErrorOptions()

_MISSED: Final = CAUSES.index("missed")
#: A position in :data:`CAUSES`, −1 for none.
CauseCode = NDArray[np.int8]
_LOCALISED: Final = [CODES[name] for name in LOCALISED]


class Caused(NamedTuple):
    """Causes of the errors, object by object. A cause is a position in :data:`CAUSES`, −1 for none."""

    judged: Flag  # whether the prediction passes the limits and all filters but that of classes
    tried: Flag  # whether it passes that too
    right: Flag  # whether it is matched, and correctly
    cause: CauseCode  # of each prediction that is judged
    points_to: Code  # the annotation that a poorly localised prediction or one of the wrong class should be, −1: none
    annotation_right: Flag
    annotation_cause: Int


def causes(
    of: Columns, counting: Counting, near: Nearest, selection: Selection, options: ErrorOptions = AS_TIDE
) -> Caused:
    """Tell errors apart: the same rules as :func:`evalstream.stored.causes.caused` states in SQL.

    Parameters
    ----------
    of : Columns
        The run.
    counting : Counting
        What counts of it under the selection.
    near : Nearest
        For each prediction the annotations that it overlaps most.
    """
    predictions, annotations = len(of.confidence), len(of.crowd)
    judged = _judged(of, selection, options)
    r = of.rectangle
    live = np.flatnonzero(counting.live)
    live = live[~r["ignored"][live]]
    prediction, annotation = r["prediction"][live], r["annotation"][live]
    joined = judged[prediction]
    prediction, annotation = prediction[joined], annotation[joined]
    same = of.annotation.label[annotation] == of.prediction.label[prediction]
    right, annotation_right = np.zeros(predictions, np.bool_), np.zeros(annotations, np.bool_)
    right[prediction[same]] = True
    annotation_right[annotation[same]] = True
    wrongly = np.full(predictions, -1, np.int32)
    wrongly[prediction[~same][::-1]] = annotation[~same][::-1]  # backwards, for of several the first is meant
    t = selection.threshold(selection.iou)
    cause, points_to = _explained(judged & ~right, wrongly, near, options.background, t, selection.traits.strict)
    pointed_by = most_confident(points_to, of.confidence, annotations)
    not_found = np.where(pointed_by >= 0, cause[pointed_by] if predictions else -1, _MISSED)
    annotation_cause = np.where(counting.annotation_counts & ~annotation_right, not_found, -1)
    return Caused(
        judged, judged & counting.prediction_asked, right, cause, points_to, annotation_right, annotation_cause
    )


@compiled
def _explained(  # type: ignore[empty-body]
    wrong: Flag, wrongly: Code, near: Nearest, background: float, iou: float, strict: bool
) -> tuple[CauseCode, Code]:
    """Of predictions that are wrong, the cause, and the annotation that each points to.

    Parameters
    ----------
    wrongly : (predictions,) int32
        The annotation of another class that the policy matches it to, −1: none.
    """


@compiled
def most_confident(target: Code, confidence: Float, targets: int) -> Int:  # type: ignore[empty-body]
    """Give the most confident entry of each target, of equal ones the first, −1 for none; a target of −1 is none."""


def is_error(selection: Selection) -> Flag:
    """Whether objects of each type, by its code, are what the analysis is about: without a filter no answers."""
    return np.ones(len(CODES), np.bool_) if selection.type else np.isin(np.arange(len(CODES)), _LOCALISED)


def _judged(of: Columns, selection: Selection, options: ErrorOptions) -> Flag:
    chosen = of_types(selection)[of.prediction.type]
    judged: Flag = chosen & (of.confidence >= selection.confidence)
    if not selection.traits.limited:
        return judged
    judged &= among_most(of)
    if options.max_detections is not None:
        about = is_error(selection)[of.prediction.type]
        row = of.prediction.row
        rows = int(np.max(row, initial=-1)) + 1
        order, start = ranked(row.astype(np.int32), of.confidence, chosen & about, NO_FLAGS, rows)
        place = np.zeros(len(row), np.int64)
        place[order] = np.arange(len(order)) - start[row[order]]
        judged &= (place < options.max_detections) | ~about
    return judged
