"""Confusion matrices at many thresholds at once, over columns in memory.

A match holds in a rectangle of thresholds, and so does what it takes from the missed and from the false alarms. So each
is added at the corners of its rectangle, and sums over both thresholds give every count.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from evalstream.native import compiled
from evalstream.scenes import Code, Flag, Float, Int
from evalstream.scoring.columns import Columns
from evalstream.scoring.counting import (
    annotations_counted,
    asked,
    held,
    predictions_counted,
    selected_rows,
)
from evalstream.selection import QuestionError, Selection

#: 0, 0.01 … 1.
THRESHOLDS: Final = np.arange(101) / 100
#: Counts of 4 bytes.
_MOST: Final = 1 << 30
_NOTHING: Final = -1


class ConfusionMatrices(NamedTuple):
    """What was taken for what at every pair of thresholds: parallel entries, each a pair of labels.

    Labels are positions in ``labels``; −1 stands for nothing, as ``actual`` for a false alarm, as ``predicted`` for a
    missed annotation. A pair that is not there has no count above 0 at any of the thresholds.
    """

    confidence: Float  # (m,)
    iou: Float  # (n,)
    labels: list[str]
    actual: Int  # (pairs,)
    predicted: Int
    counts: Code  # (pairs, m, n)

    def at(self, i: int, j: int) -> Int:
        """Give the matrix at ``confidence[i]`` and ``iou[j]``: a row an ``actual``, a column a ``predicted``.

        Returns
        -------
        (labels + 1, labels + 1) int64
            In the order of ``labels``, then nothing.
        """
        matrix = np.zeros((len(self.labels) + 1,) * 2, np.int64)
        matrix[self.actual, self.predicted] = self.counts[:, i, j]
        return matrix


class _Ranges(NamedTuple):
    """What is to be added, from which thresholds on, and before which: parallel columns."""

    entry: Int
    weight: int
    confidence_from: Int
    confidence_to: Int
    iou_from: Int
    iou_to: Int


def confusion_matrices(of: Columns, selection: Selection, confidence: Float, iou: Float) -> ConfusionMatrices:
    """Count what was taken for what at every confidence and IoU threshold, both ascending; others do not matter.

    At each of them the same as :func:`evalstream.queries.confusion_matrix.matrix_of` has in its cells.

    Raises
    ------
    QuestionError
        If there are more pairs of labels, at more thresholds, than memory is given.
    """
    rows = selected_rows(of, selection)
    annotation_asked, prediction_asked = asked(of, selection, rows)
    within, inside = predictions_counted(of, selection)
    annotated = annotation_asked & annotations_counted(of, selection)
    predicted = prediction_asked & within
    cuts = np.array([selection.threshold(float(one)) for one in iou])

    anywhere = held(of, selection, rows, (-np.inf, np.inf), (-np.inf, np.inf))
    r = of.rectangle[anywhere.live]
    spans = [
        (
            np.searchsorted(thresholds, r[f"{name}_low"], "right"),
            np.searchsorted(thresholds, r[f"{name}_high"], "right"),
        )
        for name, thresholds in (("confidence", confidence), ("iou", cuts))
    ]
    some = (spans[0][0] < spans[0][1]) & (spans[1][0] < spans[1][1])
    is_pair = some & anywhere.pairs[anywhere.live]
    size = len(of.labels)
    actual = of.annotation.label[r["annotation"]].astype(np.int64)
    taken_for = of.prediction.label[r["prediction"]].astype(np.int64)
    pairs, place = np.unique(actual[is_pair] * size + taken_for[is_pair], return_inverse=True)
    missed, alarm = len(pairs), len(pairs) + size
    entries = alarm + size
    if entries * len(confidence) * len(iou) > _MOST:
        raise QuestionError(
            f"confusion_matrices: {entries:,} pairs of labels at {len(confidence) * len(iou):,} thresholds are more"
            " than 4 GB: ask for fewer thresholds, or fewer features"
        )

    def where(chosen: Flag, entry: Int, weight: int) -> _Ranges:
        return _Ranges(entry, weight, *(end[chosen] for span in spans for end in span))

    def always(entry: Int, until: Int) -> _Ranges:
        none = np.zeros(len(entry), np.int64)
        return _Ranges(entry, 1, none, until, none, np.full(len(entry), len(iou)))

    until = np.searchsorted(confidence, of.confidence, "right")
    counts = predicted & inside
    ranges = [
        where(is_pair, place, 1),
        where(is_pair, missed + actual[is_pair], -1),
        where(is_pair, alarm + taken_for[is_pair], -1),
        always(
            missed + of.annotation.label[annotated].astype(np.int64), np.full(int(np.sum(annotated)), len(confidence))
        ),
        always(alarm + of.prediction.label[counts].astype(np.int64), until[counts]),
    ]
    if selection.traits.ignores:
        gone = some & r["ignored"] & counts[r["prediction"]]
        ranges.append(where(gone, alarm + taken_for[gone], -1))
    saved = some & ~r["ignored"] & (predicted & ~inside)[r["prediction"]]
    ranges.append(where(saved, alarm + taken_for[saved], 1))
    count, there = _summed(ranges, (entries, len(confidence), len(iou)))
    label, nothing = np.arange(size), np.full(size, _NOTHING)
    return _used(
        ConfusionMatrices(
            confidence,
            iou,
            of.labels,
            np.concatenate((pairs // max(size, 1), label, nothing)),
            np.concatenate((pairs % max(size, 1), nothing, label)),
            count,
        ),
        there,
    )


def _summed(ranges: list[_Ranges], shape: tuple[int, int, int]) -> tuple[Code, Flag]:
    """Add all that is to be added, at every pair of thresholds; say which entries have any."""
    count = np.zeros(shape, np.int32)
    for one in ranges:
        _add(count, *shape[1:], one)
    return count, _sum(count, *shape[1:])


@compiled(writes=["count"])
def _add(count: Code, rows: int, columns: int, of: _Ranges) -> None:
    """Add each weight at the corners of its range, so that sums over both thresholds have it within."""


@compiled(writes=["count"])
def _sum(count: Code, rows: int, columns: int) -> Flag:  # type: ignore[empty-body]
    """Sum up both thresholds of each entry, in place, and say which have any count above 0.

    Sums below 0 become 0: a partner outside the filters is matched and was never counted as an object.
    """


def _used(found: ConfusionMatrices, there: Flag) -> ConfusionMatrices:
    """Leave out the entries of which there are none, and the labels of which there are no entries."""
    some = np.flatnonzero(there)
    actual, predicted = found.actual[some], found.predicted[some]
    used = np.zeros(len(found.labels) + 1, np.bool_)
    used[actual] = used[predicted] = True
    used[_NOTHING] = False
    place = np.append(np.cumsum(used[:-1]) - 1, _NOTHING)
    labels = [name for name, use in zip(found.labels, used[:-1], strict=True) if use]
    count = found.counts if len(some) == len(found.counts) else found.counts[some]
    return ConfusionMatrices(found.confidence, found.iou, labels, place[actual], place[predicted], count)
