"""Outcomes of objects, data row by data row, and the metrics of a row."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from statistics import fmean
from typing import Any, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalstream.scenes import Int
from evalstream.scoring.causes import CAUSES, Cause, Caused
from evalstream.scoring.columns import Columns
from evalstream.scoring.counting import Counting

RowMetric = Literal["annotations", "predictions", "tp", "fp", "fn", "precision", "recall", "f1", "mean_iou"]
_NAMES: Final = np.array([*CAUSES, None], object)  # the last one is that of −1


class Outcomes(NamedTuple):
    """Outcomes of one data row: lists with an entry a match rectangle, an annotation or a prediction."""

    live: list[bool]  # whether the rectangle holds at the thresholds
    pair_counts: list[bool]  # whether its pair counts
    same_label: list[bool]
    iou: list[float]
    annotation_asked: list[bool]  # whether it passes the filters
    annotation_counts: list[bool]
    annotation_cause: list[Cause | None]  # none of what is right or does not count
    prediction_asked: list[bool]
    prediction_counts: list[bool]
    prediction_cause: list[Cause | None]


def outcomes(of: Columns, counting: Counting, caused: Caused) -> Iterator[Outcomes]:
    """Give the outcomes of each data row, in the order of the columns."""
    r = of.rectangle
    same = of.annotation.label[r["annotation"]] == of.prediction.label[r["prediction"]]
    rows = len(of.data_row)
    parts = (of.prediction.row[r["prediction"]], of.annotation.row, of.prediction.row)
    prediction_cause = np.where(caused.tried, caused.cause, -1)
    for m, a, p in zip(*(_parts(row, rows) for row in parts), strict=True):
        yield Outcomes(
            counting.live[m].tolist(),
            counting.pair_counts[m].tolist(),
            same[m].tolist(),
            r["iou"][m].tolist(),
            counting.annotation_asked[a].tolist(),
            counting.annotation_counts[a].tolist(),
            _named(caused.annotation_cause[a]),
            counting.prediction_asked[p].tolist(),
            counting.prediction_counts[p].tolist(),
            _named(prediction_cause[p]),
        )


def row_metrics(row_outcomes: Outcomes) -> dict[RowMetric, float | None]:
    """Give the metrics of a row: :data:`evalstream.stored.counted.ROW_METRICS`, which says the same in SQL."""
    pairs = zip(row_outcomes.iou, row_outcomes.pair_counts, row_outcomes.same_label, strict=True)
    overlaps = [iou for iou, counts, same in pairs if counts and same]
    annotations, predictions, tp = (
        sum(row_outcomes.annotation_counts),
        sum(row_outcomes.prediction_counts),
        len(overlaps),
    )
    located = [iou for iou in overlaps if iou <= 1]
    return {
        "annotations": annotations,
        "predictions": predictions,
        "tp": tp,
        "fp": predictions - tp,
        "fn": annotations - tp,
        "precision": tp / predictions if predictions else None,
        "recall": tp / annotations if annotations else None,
        "f1": 2 * tp / (predictions + annotations) if predictions + annotations else None,
        "mean_iou": fmean(located) if located else None,
    }


def _parts(row: Int, rows: int) -> list[slice]:
    """Give the part of each row, of entries that are in the order of rows."""
    bounds = np.searchsorted(row, np.arange(rows + 1)).tolist()
    return [slice(first, end) for first, end in pairwise(bounds)]


def _named(cause: NDArray[Any]) -> list[Cause | None]:
    names: list[Cause | None] = _NAMES[cause].tolist()
    return names
