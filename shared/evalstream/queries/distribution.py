"""Histograms: of overlaps, confidences, anything said of a data row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
from pydantic import Field

from evalstream.queries.measures import MEASURE_PREFIX, single_values
from evalstream.queries.metadata import METADATA_NUMBER
from evalstream.scenes import Float
from evalstream.scoring.counting import count
from evalstream.selection import QuestionError, Selection
from evalstream.stored.columns import read_columns
from evalstream.stored.counted import ROW_METRICS, Fragment, ask, scored
from evalstream.stored.custom_metrics import OBJECT_PREFIX, PREFIXES, custom_of_objects, is_custom, with_custom
from evalstream.tabular import Tabular

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

#: Quantities of single objects, beside the metrics of rows: the values of one data row, as an array.
OBJECT_METRICS = {
    "iou": "arrayFilter(i -> i <= 1, matched_iou)",
    "confidence": "arrayFilter((x, ok) -> ok, prediction_confidence, prediction_counts)",
}
METADATA_PREFIX = "metadata."
#: Edges lie no further out, so that how far apart they are is a number.
FARTHEST: Final = 1e300


class Distribution(Tabular):
    """A histogram. Bin i holds ``edges[i] <= value < edges[i + 1]``; the last one its right edge too (as in NumPy)."""

    table: ClassVar = "counts"

    metric: str
    edges: list[float]
    counts: list[int]
    total: int = Field(description="values, those outside the edges included")
    undefined: int = Field(description="data rows for which the metric is not defined")
    mean: float | None
    minimum: float | None
    maximum: float | None

    def _lines(self) -> list[dict[str, Any]]:
        edges = zip(self.edges, self.edges[1:], self.counts, strict=False)
        return [{"low": low, "high": high, "count": count} for low, high, count in edges]


def distribution(
    client: Client,
    selection: Selection,
    metric: str,
    *,
    bins: int = 20,
    low: float | None = None,
    high: float | None = None,
) -> Distribution:
    """Count the values of a metric by bin.

    Parameters
    ----------
    metric : str
        ``iou`` (of matched pairs, of any labels), ``confidence`` (of predictions that count), a metric of rows
        (:data:`evalstream.selection.ROW_METRICS`), ``measure.NAME`` (of correct pairs, such as
        ``measure.chamfer``), ``custom.NAME``, sent by producers, of data rows
        (:data:`evalstream.queries.custom_metrics.PREFIXES`; ``custom_object.NAME`` of single predictions), or
        ``metadata.KEY`` of the data rows, as a number.
    bins : int
        How many.
    low, high : float, optional
        The outer edges, at most ``FARTHEST`` from 0; otherwise 0 and 1 for ratios, the least and the greatest value for
        all else.

    Raises
    ------
    QuestionError
        If there is no such metric, or ``low`` is not below ``high``.
    """
    sql, parameters = scored(selection)
    if metric in OBJECT_METRICS:
        values = OBJECT_METRICS[metric]
    elif metric in ROW_METRICS:
        values = f"[{ROW_METRICS[metric]}]"
    elif metric.startswith(MEASURE_PREFIX):
        values = single_values(selection, "{measure_name:String}")
        parameters = parameters | {"measure_name": metric.removeprefix(MEASURE_PREFIX)}
    elif metric.startswith(OBJECT_PREFIX):
        sql, parameters = custom_of_objects(client, selection, metric.removeprefix(OBJECT_PREFIX))
        values = "[custom0]"
    elif is_custom(metric):
        sql, parameters = with_custom(client, selection, Fragment(sql, parameters), [metric])
        values = "[custom0]"
    elif metric.startswith(METADATA_PREFIX):
        values = f"[{METADATA_NUMBER}]"
        parameters = parameters | {"metadata_key": metric.removeprefix(METADATA_PREFIX)}
    else:
        prefixes = (MEASURE_PREFIX, *PREFIXES, OBJECT_PREFIX)
        known = ", ".join([*OBJECT_METRICS, *ROW_METRICS, *(f"{prefix}NAME" for prefix in prefixes)])
        raise QuestionError(f"there is no metric {metric!r}; there are {known} and {METADATA_PREFIX}KEY")
    here = _values_here(client, selection, metric)
    every = f"SELECT toNullable(toFloat64(arrayJoin({values}))) AS value FROM ({sql})"
    total, undefined, mean, least, greatest = (
        _summary_there(client, every, parameters) if here is None else _summary_here(here)
    )
    both_given = low is not None and high is not None
    ratio = metric in {*OBJECT_METRICS, "precision", "recall", "f1", "mean_iou"}
    low = low if low is not None else 0.0 if ratio else _edge(least, 0.0)
    high = high if high is not None else 1.0 if ratio else _edge(greatest, 1.0)
    if low == high and not both_given:  # all values are one
        reach = max(0.5, abs(low) * 2.0**-32)  # of large values, as far as floats tell bins apart
        low, high = low - reach, high + reach
    if not low < high:
        raise QuestionError(f"low ({low}) must be below high ({high})")
    edges = np.linspace(low, high, bins + 1)
    return Distribution(
        metric=metric,
        edges=edges.tolist(),
        counts=_counts_there(client, every, parameters, edges) if here is None else _counts_here(here, edges),
        total=total,
        undefined=undefined,
        mean=mean if total else None,
        minimum=least,
        maximum=greatest,
    )


_Summary = tuple[int, int, float | None, float | None, float | None]


def _summary_there(client: Client, every: str, parameters: dict[str, Any]) -> _Summary:
    sql = f"SELECT count(value), countIf(value IS NULL), avg(value), min(value), max(value) FROM ({every})"
    ((total, undefined, mean, least, greatest),) = ask(client, sql, parameters)
    return total, undefined, mean, least, greatest


def _counts_there(client: Client, every: str, parameters: dict[str, Any], edges: Float) -> list[int]:
    bins = len(edges) - 1
    # The quotient may land one bin off by rounding; the edges decide.
    rows = ask(
        client,
        f"""
        WITH {{edges:Array(Float64)}} AS edges,
             least(toInt32(floor((value - edges[1]) * {{bins:UInt32}} / (edges[-1] - edges[1]))), {{bins:UInt32}} - 1)
                AS guess
        SELECT guess - (value < edges[guess + 1]) + (guess < {{bins:UInt32}} - 1 AND value >= edges[guess + 2]) AS bin,
               count()
        FROM ({every}) WHERE value >= edges[1] AND value <= edges[-1] GROUP BY bin
        """,
        parameters | {"edges": edges.tolist(), "bins": bins},
    )
    counts = dict(rows)
    return [counts.get(i, 0) for i in range(bins)]


def _values_here(client: Client, selection: Selection, metric: str) -> Float | None:
    """Give the values of single objects, where the run is small enough to be counted in memory."""
    stored = read_columns(client, selection) if metric in OBJECT_METRICS else None
    if stored is None:
        return None
    counting = count(stored.columns, stored.selection)
    if metric == "confidence":
        return stored.columns.confidence[counting.prediction_counts]
    iou: Float = stored.columns.rectangle["iou"][counting.pair_counts]
    return iou[iou <= 1]  # beyond, there is none


def _summary_here(values: Float) -> _Summary:
    if not len(values):
        return 0, 0, None, None, None
    return len(values), 0, float(values.mean()), float(values.min()), float(values.max())


def _counts_here(values: Float, edges: Float) -> list[int]:
    bins = len(edges) - 1
    within = values[(values >= edges[0]) & (values <= edges[-1])]
    at = np.minimum(np.searchsorted(edges, within, side="right") - 1, bins - 1)
    counts: list[int] = np.bincount(at, minlength=bins).tolist()
    return counts


def _edge(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else min(max(value, -FARTHEST), FARTHEST)
