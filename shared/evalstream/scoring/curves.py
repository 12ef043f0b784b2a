"""Counts at every confidence, over columns: what precision-recall curves and the choice of thresholds are made of."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from evalstream.matching import AREA_RANGES
from evalstream.metrics.detections import by_class, by_confidence
from evalstream.scenes import Float, Int
from evalstream.scoring.columns import Columns
from evalstream.scoring.counting import Counting, count, of_features, of_types
from evalstream.selection import Selection


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


def steps_of(of: Columns, selection: Selection, *, per_class: bool) -> list[Steps]:
    """Count at every distinct confidence from the selection's upward; by label, or over all of them.

    The same as :func:`evalstream.queries.pr_curve.steps` counts of a stored run.
    """
    counting = count(of, selection)
    if not per_class and not counting.rows.any():
        return []
    label, confidence, tp, predictions = _changes(of, counting, selection)
    actual = of.annotation.label[counting.annotation_counts]
    if not per_class:
        label, actual = np.zeros_like(label), np.zeros_like(actual)
    size = len(of.labels) if per_class else 1
    order = by_class(by_confidence(confidence, np.ones(len(confidence), np.bool_)), label, size)
    label, confidence, tp, predictions = label[order], confidence[order], tp[order], predictions[order]
    annotations = np.bincount(actual, minlength=size)
    start = np.searchsorted(label, np.arange(size + 1))
    steps = []
    for code in range(size):
        own = slice(start[code], start[code + 1])
        if per_class and not annotations[code] and own.start == own.stop:
            continue
        name = of.labels[code] if per_class else None
        steps.append(_summed(name, int(annotations[code]), confidence[own], tp[own], predictions[own]))
    return steps


def _changes(of: Columns, counting: Counting, selection: Selection) -> tuple[Int, Float, Int, Int]:
    """Say what changes, as parallel columns: label, confidence, true positives more or fewer, predictions more.

    A prediction comes in; a correct match is made; it is unmade again (only where a policy lets a less confident
    prediction push a partner away).
    """
    r = of.rectangle
    iou = selection.threshold(selection.iou)
    own, theirs = of.annotation.label[r["annotation"]], of.prediction.label[r["prediction"]]
    of_feature = of_features(of, selection)
    right = (
        (own == theirs)
        & (selection.confidence <= r["confidence_high"])
        & (r["iou_low"] < iou)
        & (iou <= r["iou_high"])
        & (r["area_range"] == list(AREA_RANGES).index(selection.area))
        & ~r["ignored"]
        & (of_feature[of.annotation.feature[r["annotation"]]] | of_feature[of.prediction.feature[r["prediction"]]])
        & of_types(selection)[of.prediction.type[r["prediction"]]]
        & counting.rows[of.prediction.row[r["prediction"]]]
    )
    unmade = right & (r["confidence_low"] >= selection.confidence)
    predicted = counting.prediction_counts
    label = np.concatenate((of.prediction.label[predicted], theirs[right], theirs[unmade])).astype(np.int64)
    confidence = np.concatenate((of.confidence[predicted], r["confidence_high"][right], r["confidence_low"][unmade]))
    sizes = [int(np.count_nonzero(one)) for one in (predicted, right, unmade)]
    return label, confidence, np.repeat([0, 1, -1], sizes), np.repeat([1, 0, 0], sizes)


def _summed(label: str | None, annotations: int, confidence: Float, tp: Int, predictions: Int) -> Steps:
    """Sum up changes, the highest confidence first; before the first prediction there is no step."""
    last = np.append(confidence[1:] != confidence[:-1], True) if len(confidence) else np.empty(0, np.bool_)
    summed_tp, summed = np.cumsum(tp)[last], np.cumsum(predictions)[last]
    seen = summed > 0
    return Steps(label, annotations, confidence[last][seen], summed_tp[seen], summed[seen])
