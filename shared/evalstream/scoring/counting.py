"""Select what counts of a run's columns at the thresholds of a selection, and passes its filters.

The same rules as :func:`evalstream.stored.counted.counted` states in SQL for stored runs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np

from evalstream.matching import AREA_RANGES, MAX_DETECTIONS, MAX_SKELETONS
from evalstream.native import compiled
from evalstream.pipeline.fold import Facts
from evalstream.scenes import Code, Flag, Int, Rectangles
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


class Held(NamedTuple):
    """What rectangles say that hold somewhere between thresholds."""

    live: Flag  # of each rectangle: whether it holds, and is of the area range and the data rows that are asked about
    pairs: Flag  # and joins two objects that count, of a type that is asked for, one of which passes the other filters
    ignored: Flag  # of each prediction: whether one of the live joins it to an annotation that does not count
    matched: Flag  # or to one that does


def count(of: Columns, selection: Selection) -> Counting:
    """Say what counts."""
    rows = selected_rows(of, selection)
    confidence, iou = selection.confidence, selection.threshold(selection.iou)
    live, pair_counts, ignored, matched = held(of, selection, rows, (confidence, confidence), (iou, iou))
    annotation_asked, prediction_asked = asked(of, selection, rows)
    annotation_counts = annotation_asked & annotations_counted(of, selection)
    prediction_counts = prediction_asked & (of.confidence >= confidence)
    if selection.traits.ignores:
        prediction_counts &= ~ignored
    if selection.traits.limited:
        within, inside = predictions_counted(of, selection)
        prediction_counts &= within & (inside | matched)
    return Counting(
        rows, annotation_asked, prediction_asked, annotation_counts, prediction_counts, live, pair_counts, ignored
    )


def held(
    of: Columns, selection: Selection, rows: Flag, confidence: tuple[float, float], iou: tuple[float, float]
) -> Held:
    """Say what holds at some threshold from the first to the second of each, both included.

    The pair of a rectangle passes the filters where either side does; its type is the prediction's.
    """
    asked = _Asked(
        list(AREA_RANGES).index(selection.area),
        rows,
        of.prediction.row,
        of_features(of, selection),
        of.annotation.feature,
        of.prediction.feature,
        of_types(selection),
        of.prediction.type,
    )
    return Held(*_held_between(of.rectangle, asked, _Between(*confidence, *iou)))


class _Asked(NamedTuple):
    area_range: int  # a position in AREA_RANGES
    rows: Flag  # whether each data row is asked about
    row: Int  # of each prediction
    features: Flag
    annotation_feature: Code
    prediction_feature: Code
    types: Flag
    type: Code  # of each prediction


class _Between(NamedTuple):
    confidence_from: float
    confidence_to: float
    iou_from: float
    iou_to: float


@compiled
def _held_between(rectangles: Rectangles, asked: _Asked, between: _Between) -> tuple[Flag, Flag, Flag, Flag]: ...  # type: ignore[empty-body]


def annotations_counted(of: Columns, selection: Selection) -> Flag:
    """Whether each annotation counts to the policy, whatever the thresholds."""
    counts = np.isin(of.crowd, object_codes(selection))
    return counts & _inside(of.annotation, selection) if selection.traits.limited else counts


def predictions_counted(of: Columns, selection: Selection) -> tuple[Flag, Flag]:
    """Whether each prediction is among those that count to the policy at all, and whether it does without a match."""
    if not selection.traits.limited:
        always = np.ones(len(of.confidence), np.bool_)
        return always, always
    return among_most(of), _inside(of.prediction, selection)


def _inside(side: Side, selection: Selection) -> Flag:
    low, high = AREA_RANGES[selection.area]
    return (low <= side.area) & (side.area <= high)


def among_most(of: Columns) -> Flag:
    """Whether each prediction is among the most of its type, class and row that count under policy ``coco``."""
    among: Flag = of.rank < MAX_DETECTIONS
    skeletons = of.prediction.type == _KEYPOINTS
    return among & (~skeletons | (of.rank < MAX_SKELETONS)) if skeletons.any() else among


def asked(of: Columns, selection: Selection, rows: Flag) -> tuple[Flag, Flag]:
    """Whether each annotation, and each prediction, passes the filters."""
    of_feature, of_type = of_features(of, selection), of_types(selection)

    def passes(side: Side) -> Flag:
        passing: Flag = of_type[side.type]
        # Where there is no filter, as mostly, nothing needs to be looked up.
        for flags, place in ((rows, side.row), (of_feature, side.feature)):
            if not flags.all():
                passing &= flags[place]
        return passing

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
