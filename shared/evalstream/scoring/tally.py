"""Count annotations, predictions and pairs of labels once, for every answer made of counts.

The confusion matrix, the figures of each label and those of all together are sums over one tally, so they agree with
each other.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

import numpy as np

from evalstream.class_labels import is_answer
from evalstream.scenes import Code, Flag, Float, Int
from evalstream.scoring.columns import Columns
from evalstream.scoring.counting import Counting
from evalstream.types import ANSWERS, CODES

#: Overlaps are summed as decimals of so many places: their sum does not depend on their order.
DECIMALS: Final = 18
#: What is right or wrong in ways that have nothing in common: what is found, and what is answered.
Kind = Literal["objects", "answers"]


class Tally(NamedTuple):
    """Parallel columns: those of labels, an entry a label, by name; and those of pairs, an entry a pair of labels."""

    rows: int
    types: dict[str, int]  # how many objects of either side are of which annotation type
    label: list[str]
    annotations: Int
    predictions: Int
    question: list[str]  # which question the label answers; '' for an object
    is_iou: Flag  # whether the overlap of the label's pairs is an IoU; that of keypoints is not
    actual: Int  # of a pair: the label of the annotation, as a position in `label`
    predicted: Int  # and that of the prediction
    pairs: Int  # how many
    located: Int  # how many of them have an overlap
    overlap: Float  # the sum of their overlaps
    dice: Float  # the sum of 2 IoU / (1 + IoU)


def tally_of(of: Columns, counting: Counting) -> Tally:
    """Count the rows, the objects and the matched pairs of a selection that count, by label.

    The same as :func:`evalstream.stored.tally.tally` counts of a stored run. A label may be in pairs alone: the
    partner of an object that passes the filters need not pass them.
    """
    size = len(of.labels)
    annotated = of.annotation.label[counting.annotation_counts]
    predicted = of.prediction.label[counting.prediction_counts]
    pair = of.rectangle[counting.pair_counts]
    own = of.annotation.label[pair["annotation"]].astype(np.int64)
    other = of.prediction.label[pair["prediction"]].astype(np.int64)
    kept = np.zeros(size, np.bool_)
    for labels in (annotated, predicted, own, other):
        kept[labels] = True
    place = np.cumsum(kept) - 1
    question, is_iou = [""] * size, np.ones(size, np.bool_)
    sides = ((of.prediction, counting.prediction_counts), (of.annotation, counting.annotation_counts))
    types = np.zeros(len(CODES), np.int64)
    for side, counts in sides:
        types += np.bincount(side.type[counts], minlength=len(CODES))
        for label, feature in _distinct(side.label, side.feature, counts & (side.type == CODES["radio"])):
            question[label] = of.features[feature]
        is_iou[side.label[counts & (side.type == CODES["keypoints"])]] = False
    order = _by_pair(own, other, size)
    code = (own * size + other)[order]
    start = np.flatnonzero(np.append(True, code[1:] != code[:-1])) if len(code) else np.empty(0, np.int64)
    both = code[start]
    iou = pair["iou"][order]
    located = iou <= 1
    iou = np.where(located, iou, 0.0)
    return Tally(
        int(np.count_nonzero(counting.rows)),
        {name: int(types[code]) for name, code in sorted(CODES.items()) if types[code]},
        [label for label, keep in zip(of.labels, kept, strict=True) if keep],
        np.bincount(annotated, minlength=size)[kept],
        np.bincount(predicted, minlength=size)[kept],
        [name for name, keep in zip(question, kept, strict=True) if keep],
        is_iou[kept],
        place[both // size] if size else both,
        place[both % size] if size else both,
        np.diff(start, append=len(order)),
        np.add.reduceat(located, start, dtype=np.int64) if len(start) else start,
        _exact_sums(start, iou),
        _exact_sums(start, 2 * iou / (1 + iou)),
    )


def kinds_of(tallied: Tally) -> dict[Kind, Tally]:
    """Part a tally into that of objects and that of answers; nothing, where there is one kind alone."""
    of_answers = np.array([is_answer(label) for label in tallied.label], np.bool_)
    if not len(of_answers) or of_answers.all() or not of_answers.any():
        return {}
    return {"objects": _part(tallied, ~of_answers, answers=False), "answers": _part(tallied, of_answers, answers=True)}


def _part(tallied: Tally, chosen: Flag, *, answers: bool) -> Tally:
    """Keep the labels that are chosen; both labels of a pair are of one kind."""
    place = np.cumsum(chosen) - 1
    pair = chosen[tallied.actual]
    return Tally(
        tallied.rows,
        {name: size for name, size in tallied.types.items() if (name in ANSWERS) == answers},
        [label for label, keep in zip(tallied.label, chosen, strict=True) if keep],
        tallied.annotations[chosen],
        tallied.predictions[chosen],
        [name for name, keep in zip(tallied.question, chosen, strict=True) if keep],
        tallied.is_iou[chosen],
        place[tallied.actual[pair]],
        place[tallied.predicted[pair]],
        tallied.pairs[pair],
        tallied.located[pair],
        tallied.overlap[pair],
        tallied.dice[pair],
    )


def _distinct(label: Code, feature: Code, chosen: Flag) -> list[tuple[int, int]]:
    return sorted({*zip(label[chosen].tolist(), feature[chosen].tolist(), strict=True)})


def _by_pair(own: Int, other: Int, size: int) -> Int:
    """Order pairs by their labels. Of so few labels as 16 bits tell apart NumPy sorts by digits, ten times as fast."""
    if size > np.iinfo(np.uint16).max:
        return np.lexsort((other, own))
    order = np.argsort(other.astype(np.uint16), kind="stable")
    return order[np.argsort(own[order].astype(np.uint16), kind="stable")]


def _exact_sums(start: Int, values: Float) -> Float:
    """Sum numbers in [0, 1] in groups that begin at ``start``, as decimals; the same whatever their order."""
    if not len(start):
        return np.empty(0)
    whole = (values * 10.0**DECIMALS).astype(np.int64)
    # In two halves, for the sum of many would not fit into 64 bits.
    high, low = (np.add.reduceat(half, start) for half in (whole >> 31, whole & (2**31 - 1)))
    carried, low = high + (low >> 31), low & (2**31 - 1)
    sums: Float = ((carried << 31) + low).astype(np.float64)  # rounded once, as Python rounds its integers
    for i in np.flatnonzero(carried >> 32).tolist():
        sums[i] = float((int(carried[i]) << 31) + int(low[i]))
    sums /= 10.0**DECIMALS
    return sums
