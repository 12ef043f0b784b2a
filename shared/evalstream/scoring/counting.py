"""Select what counts of a run's columns at the thresholds of a selection, and passes its filters.

The same rules as :func:`evalstream.stored.counted.counted` states in SQL for stored runs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np

from evalstream.matching import AREA_RANGES, MAX_DETECTIONS, MAX_SKELETONS
from evalstream.pipeline.fold import Facts
from evalstream.scenes import Code, Flag, Int
from evalstream.scoring.columns import Columns, Side
from evalstream.selection import Selection, holds, object_codes
from evalstream.types import CODES, UNCOUNTED

_UNCOUNTED: Final = [CODES[name] for name in UNCOUNTED]
_KEYPOINTS: Final = CODES["keypoints"]


class Counting(NamedTuple):
    """Of each object and each rectangle, whether it counts."""

    rows: Flag  # whether the data row is selected
    annotation_asked: Flag  # whether the object passes the filters
    prediction_asked: Flag
    annotation_counts: Flag  # whether it counts besides
    prediction_counts: Flag
    live: Flag  # whether the rectangle holds at the thresholds
    pair_counts: Flag  # whether the pair counts
    ignored: Flag  # of each prediction: whether it is matched to an annotation that does not count


def count(of: Columns, selection: Selection) -> Counting:
    """Say what counts."""
    rows = selected_rows(of, selection)
    r = of.rectangle
    confidence, iou = selection.confidence, selection.threshold(selection.iou)
    live = (
        (r["confidence_low"] < confidence)
        & (confidence <= r["confidence_high"])
        & (r["iou_low"] < iou)
        & (iou <= r["iou_high"])
        & rectangles_asked(of, selection, rows)
    )
    annotation_asked, prediction_asked = asked(of, selection, rows)
    pair_counts = live & ~r["ignored"] & pairs_asked(of, selection)
    ignored = _any(r["prediction"][live & r["ignored"]], len(of.confidence))
    annotation_counts = annotation_asked & annotations_counted(of, selection)
    prediction_counts = prediction_asked & (of.confidence >= confidence)
    if selection.traits.ignores:
        prediction_counts &= ~ignored
    within, inside = predictions_counted(of, selection)
    counted = _any(r["prediction"][live & ~r["ignored"]], len(of.confidence))
    prediction_counts &= within & (inside | counted)
    return Counting(
        rows, annotation_asked, prediction_asked, annotation_counts, prediction_counts, live, pair_counts, ignored
    )


def rectangles_asked(of: Columns, selection: Selection, rows: Flag) -> Flag:
    """Whether each rectangle is of the area range, and of the data rows, that are asked about."""
    r = of.rectangle
    in_range = r["area_range"] == list(AREA_RANGES).index(selection.area)
    return np.asarray(in_range & rows[of.prediction.row[r["prediction"]]])


def pairs_asked(of: Columns, selection: Selection) -> Flag:
    """Whether the pair of each rectangle passes the filters: where either side does. Its type is the prediction's."""
    r, of_feature = of.rectangle, of_features(of, selection)
    either = of_feature[of.annotation.feature[r["annotation"]]] | of_feature[of.prediction.feature[r["prediction"]]]
    return np.asarray(either & of_types(selection)[of.prediction.type[r["prediction"]]])


def annotations_counted(of: Columns, selection: Selection) -> Flag:
    """Whether each annotation counts to the policy, whatever the thresholds."""
    counts = np.isin(of.crowd, object_codes(selection))
    return counts & _inside(of.annotation, selection) if selection.traits.limited else counts


def predictions_counted(of: Columns, selection: Selection) -> tuple[Flag, Flag]:
    """Whether each prediction is among those that count to the policy at all, and whether it does without a match."""
    if not selection.traits.limited:
        always = np.ones(len(of.confidence), np.bool_)
        return always, always
    return of.rank < most_counted(of.prediction.type), _inside(of.prediction, selection)


def _inside(side: Side, selection: Selection) -> Flag:
    low, high = AREA_RANGES[selection.area]
    return (low <= side.area) & (side.area <= high)


def most_counted(types: Code) -> Int:
    """Return how many predictions of a type, class and row count under policy ``coco``."""
    return np.where(types == _KEYPOINTS, MAX_SKELETONS, MAX_DETECTIONS)


def asked(of: Columns, selection: Selection, rows: Flag) -> tuple[Flag, Flag]:
    """Whether each annotation, and each prediction, passes the filters."""
    of_feature, of_type = of_features(of, selection), of_types(selection)

    def passes(side: Side) -> Flag:
        return np.asarray(rows[side.row] & of_feature[side.feature] & of_type[side.type])

    return passes(of.annotation), passes(of.prediction)


def of_types(selection: Selection) -> Flag:
    """Whether each type, by its code, is asked for and counted at all."""
    chosen = np.isin(np.arange(len(CODES)), [CODES[name] for name in selection.type or CODES])
    chosen[_UNCOUNTED] = False
    return chosen


def of_features(of: Columns, selection: Selection) -> Flag:
    """Whether each feature is asked for."""
    if not selection.feature:
        return np.ones(len(of.features), np.bool_)
    return np.array([name in selection.feature for name in of.features], np.bool_)


def selected_rows(of: Columns, selection: Selection) -> Flag:
    """Whether each data row is asked about."""
    chosen = np.ones(len(of.data_row), np.bool_)
    if selection.data_row or selection.split or selection.metadata:
        chosen = np.fromiter(map(row_filter(selection), of.data_row, of.facts), np.bool_, len(of.facts))
    if selection.both_sides:
        chosen &= _any(of.annotation.row, len(chosen)) & _any(of.prediction.row[of.confidence >= 0], len(chosen))
    return chosen


def row_filter(selection: Selection) -> Callable[[str, Facts], bool]:
    """Give a test whether a data row, by its name and facts, passes the filters."""
    names = set(selection.data_row)

    def passes(data_row: str, facts: Facts) -> bool:
        return (
            (not names or data_row in names)
            and (not selection.split or facts.split in selection.split)
            and all(holds(text, facts.metadata) for text in selection.metadata)
        )

    return passes


def _any(positions: Int, size: int) -> Flag:
    flags = np.zeros(size, np.bool_)
    flags[positions] = True
    return flags
