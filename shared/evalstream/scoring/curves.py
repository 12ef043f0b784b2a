"""Counts at every confidence, over columns: what precision-recall curves and the choice of thresholds are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalstream.metrics.detections import by_class, by_confidence
from evalstream.scenes import Code, Float, Int
from evalstream.scoring.columns import Columns
from evalstream.scoring.counting import Counting, count, held, selected_rows
from evalstream.selection import Selection

#: Small numbers where each is of one object, for there are millions.
More = NDArray[np.signedinteger[Any]]


class Steps(NamedTuple):
    """The counts of one label, or of all, at every confidence at which they change, the highest first.

    With a threshold of ``confidence[i]``, or one between it and ``confidence[i + 1]``, there are ``tp[i]`` true
    positives among ``predictions[i]`` predictions.
    """

    label: str | None
    annotations: int
    confidence: Float
    tp: Int
    predictions: Int


class Changes(NamedTuple):
    """What changes as the confidence threshold sinks: parallel columns, the highest confidence first."""

    labels: list[str]
    annotations: Int  # of each label
    label: Code  # a position in labels
    confidence: Float
    tp: More  # how many there are more
    predictions: More


def steps_of(of: Columns, selection: Selection, *, per_class: bool, labels: Sequence[str] | None = None) -> list[Steps]:
    """Count at every distinct confidence from the selection's upward; by label, or over all of them.

    The same as :func:`evalstream.queries.pr_curve.steps` counts of a stored run. ``labels`` chooses some of
    ``per_class``.
    """
    if per_class:
        return of_labels(changes_of(of, selection, labels))
    return [of_all(changes_of(of, selection))] if selected_rows(of, selection).any() else []


def changes_of(of: Columns, selection: Selection, labels: Sequence[str] | None = None) -> Changes:
    """List what changes, of all labels or of some."""
    counting = count(of, selection)
    annotations = np.bincount(of.annotation.label[counting.annotation_counts], minlength=len(of.labels))
    changes = Changes(of.labels, annotations, *_changes(of, counting, selection))
    if labels is not None:  # before they are sorted, which is most of the work
        chosen = set(labels)
        wanted = np.array([name in chosen for name in of.labels], np.bool_)
        changes = _taken(changes, np.flatnonzero(wanted[changes.label]))._replace(annotations=annotations * wanted)
    return in_order(changes)


def in_order(changes: Changes) -> Changes:
    """Sort changes by decreasing confidence."""
    return _taken(changes, by_confidence(changes.confidence, np.ones(len(changes.confidence), np.bool_)))


def _taken(changes: Changes, order: Int) -> Changes:
    labels, annotations, label, confidence, tp, predictions = changes
    return Changes(labels, annotations, label[order], confidence[order], tp[order], predictions[order])


def of_all(changes: Changes) -> Steps:
    """Sum up over all labels."""
    return _summed(None, int(changes.annotations.sum()), changes.confidence, changes.tp, changes.predictions)


def of_labels(changes: Changes) -> list[Steps]:
    """Sum up for each label that has an annotation or a change."""
    order = by_class(np.arange(len(changes.label)), changes.label, len(changes.labels))
    labels, annotations, label, confidence, tp, predictions = _taken(changes, order)
    start = np.searchsorted(label, np.arange(len(labels) + 1))
    steps = []
    for code, name in enumerate(labels):
        own = slice(start[code], start[code + 1])
        if annotations[code] or own.start < own.stop:
            steps.append(_summed(name, int(annotations[code]), confidence[own], tp[own], predictions[own]))
    return steps


def _changes(of: Columns, counting: Counting, selection: Selection) -> tuple[Code, Float, More, More]:
    """Say what changes, as parallel columns: label, confidence, true positives more or fewer, predictions more.

    A prediction comes in; a correct match is made; it is unmade again (only where a policy lets a less confident
    prediction push a partner away).
    """
    r = of.rectangle
    iou = selection.threshold(selection.iou)
    own, theirs = of.annotation.label[r["annotation"]], of.prediction.label[r["prediction"]]
    reached = held(of, selection, counting.rows, (selection.confidence, np.inf), (iou, iou))
    right = (own == theirs) & reached.pairs
    unmade = right & (r["confidence_low"] >= selection.confidence)
    predicted = counting.prediction_counts
    label = np.concatenate((of.prediction.label[predicted], theirs[right], theirs[unmade]))
    confidence = np.concatenate((of.confidence[predicted], r["confidence_high"][right], r["confidence_low"][unmade]))
    sizes = [int(np.count_nonzero(one)) for one in (predicted, right, unmade)]
    tp, more = (np.repeat(np.array(values, np.int8), sizes) for values in ([0, 1, -1], [1, 0, 0]))
    return label, confidence, tp, more


def _summed(label: str | None, annotations: int, confidence: Float, tp: More, predictions: More) -> Steps:
    """Sum up changes, the highest confidence first; before the first prediction there is no step."""
    last = np.append(confidence[1:] != confidence[:-1], True) if len(confidence) else np.empty(0, np.bool_)
    summed_tp, summed = np.cumsum(tp, dtype=np.int64)[last], np.cumsum(predictions, dtype=np.int64)[last]
    seen = summed > 0
    return Steps(label, annotations, confidence[last][seen], summed_tp[seen], summed[seen])
