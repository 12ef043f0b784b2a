"""Uncertainty of figures: confidence intervals, and whether two runs differ by more than chance.

Poisson bootstrap over data rows (:mod:`evalstream.metrics.bootstrap`): the data rows are what was drawn at random, so
whole rows are resampled, with everything on them (:mod:`evalstream.stored.replicates`).

What was on no row is in no replicate: where figures are at the edge of what they can be, as where all is right,
replicates do not vary, and Wilson's interval over data rows takes their place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, Literal, NamedTuple

import numpy as np
import pyarrow.compute as pc
from pydantic import BaseModel, Field

from evalstream.metrics.bootstrap import bounds_of_equal, percentile_bounds, wilson_bounds
from evalstream.room import given_back
from evalstream.scenes import Float
from evalstream.selection import Filter, QuestionError, Selection
from evalstream.stored.label_counts import REASONS
from evalstream.stored.replicates import FEWEST, IntervalOptions, Read, defined_rows, read, replicates
from evalstream.stored.row_sums import TOTALS, Figure
from evalstream.tabular import Tabular
from evalstream.words import count_of

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

#: Average precision looks at each detection in each replicate: with more to look at than this there are fewer
#: replicates, unless so many are asked for.
_MOST_LOOKS: Final = 4 * 10**8
#: What may be asked for at most: rows, or predictions, times replicates. Some ten seconds.
_LIMIT: Final = 2 * 10**9


class IntervalsQuery(Filter, IntervalOptions):
    """A filter, and how intervals are made."""


Method = Literal["percentile", "moved percentile", "wilson"]
_METHOD: Final = (
    "how the interval is made: `percentile` of the replicates; the same, moved by the bias; `wilson` where replicates "
    "are at the edge of what the figure can be, or all alike: Wilson's interval of a proportion, over data rows"
)


class Difference(BaseModel):
    """A figure of this run less that of the other one, over the data rows that both have."""

    this: float | None
    other: float | None
    value: float | None
    low: float | None
    high: float | None
    method: Method | None = Field(description=_METHOD)
    significant: bool | None = Field(description="whether the interval leaves out 0; null if there is none")


class Interval(BaseModel):
    """A figure with its confidence interval."""

    figure: str = Field(description="such as `precision`, `tp`, `ap`, `rmse`, `custom.NAME`")
    feature: str | None = Field(description="the question, of figures that belong to one")
    value: float | None
    low: float | None
    high: float | None
    method: Method | None = Field(description=_METHOD)
    bias: float | None = Field(
        description="mean of the replicates less the value. Average precision is higher on resampled rows, for it "
        "takes the best precision at each recall or beyond; its intervals, and those of its differences, are moved back"
    )
    replicates: int = Field(description="those in which the figure is defined")
    difference: Difference | None = Field(description="with `versus` only")


class Intervals(Tabular):
    """Every headline figure with its interval."""

    table: ClassVar = "figures"

    level: float
    seed: int
    replicates: int
    ap_replicates: int = Field(description="0 if no average precision was asked for")
    rows: int = Field(description="data rows that are resampled")
    shared_rows: int | None = Field(description="data rows that both runs have: what differences are of")
    left_out: int | None = Field(description="data rows of this run that the other one does not have")
    left_out_versus: int | None = Field(description="data rows of the other run that this one does not have")
    figures: list[Interval]
    undefined: dict[str, str] = Field(description="why a figure, or its interval, is null")
    notes: list[str] = Field(description="what has to be known of this answer")


@given_back()
def intervals(client: Client, selection: Selection, options: IntervalOptions | None = None) -> Intervals:
    """Give the headline figures with confidence intervals; with a second run, their differences too.

    Raises
    ------
    QuestionError
        If there are too many rows or predictions for so many replicates.
    """
    options = options or IntervalOptions()
    other = selection.model_copy(update={"run": options.versus}) if options.versus else None
    own = read(client, selection, options)
    theirs = read(client, other, options) if other else None
    options = options.model_copy(update={"ap_replicates": _ap_replicates(own, theirs, options)})
    _bounded(own, theirs, options)
    by_figure = replicates(own, options, None)
    pairs: list[dict[Figure, Float]] = []
    shared = left_out = left_out_versus = None
    rows, rows_of_both = defined_rows(own, None), dict[Figure, int]()
    if theirs:
        shared_rows = own.sums.data_row.filter(pc.is_in(own.sums.data_row, value_set=theirs.sums.data_row))
        shared = len(shared_rows)
        left_out, left_out_versus = len(own.sums.key) - shared, len(theirs.sums.key) - shared
        pairs = [replicates(own, options, shared_rows) if left_out else by_figure]
        pairs += [replicates(theirs, options, shared_rows if left_out_versus else None)]
        each = [defined_rows(run, shared_rows) for run in (own, theirs)]
        rows_of_both = {figure: min(count, each[1].get(figure, 0)) for figure, count in each[0].items()}
    figures: list[Interval] = []
    undefined: dict[str, str] = {}
    for figure in dict.fromkeys(name for part in (by_figure, *pairs) for name in part):
        interval, why = _interval(figure, by_figure.get(figure), options, len(own.sums.key), rows.get(figure, 0))
        if pairs:
            this, that = (part.get(figure) for part in pairs)
            difference, more = _difference(figure, this, that, options, shared or 0, rows_of_both.get(figure, 0))
            interval.difference = difference
            why |= {f"difference.{name}": reason for name, reason in more.items()}
        figures.append(interval)
        named = figure[0] if figure[1] is None else f"{figure[0]} of {figure[1]}"
        undefined |= {f"{named}.{name}": reason for name, reason in why.items()}
    return Intervals(
        level=options.level,
        seed=options.seed,
        replicates=options.replicates,
        ap_replicates=options.ap_replicates or 0,
        rows=len(own.sums.key),
        shared_rows=shared,
        left_out=left_out,
        left_out_versus=left_out_versus,
        figures=figures,
        undefined=undefined,
        notes=[*own.notes, *_notes(options, own, theirs)],
    )


def _interval(
    figure: Figure, replicates: Float | None, options: IntervalOptions, rows: int, defined: int
) -> tuple[Interval, dict[str, str]]:
    name, feature = figure
    value = None if replicates is None or np.isnan(replicates[0]) else float(replicates[0])
    interval = Interval(
        figure=name,
        feature=feature,
        value=value,
        low=None,
        high=None,
        method=None,
        bias=None,
        replicates=0,
        difference=None,
    )
    if value is None or replicates is None:
        return interval, {"value": _why(name)}
    if rows < 2:
        return interval, dict.fromkeys(("low", "high"), _ONE_ROW)
    interval.replicates = int(np.count_nonzero(~np.isnan(replicates[1:])))
    if not interval.replicates:
        return interval, dict.fromkeys(("low", "high"), _NOWHERE_DEFINED)
    bounds = _bounds(figure, replicates, options, defined, rows)
    interval.bias = _bias(replicates)
    if bounds is None:
        return interval, dict.fromkeys(("low", "high"), _ALL_ALIKE)
    interval.low, interval.high, interval.method = bounds
    return interval, {}


class _Bounds(NamedTuple):
    low: float
    high: float
    method: Method


def _bounds(figure: Figure, replicates: Float, options: IntervalOptions, defined: int, rows: int) -> _Bounds | None:
    """Bound a figure by its replicates; where these are at the edge, as Wilson does. None: nothing can be told."""
    name, value, level = figure[0], float(replicates[0]), options.level
    bounds = percentile_bounds(replicates[1:], level)
    if bounds is None:
        return None
    if not _apart(bounds.low, bounds.high):
        if name in _SHARES:
            return _Bounds(*bounds_of_equal(value, defined, level, 0, 1), "wilson")
        # What counts nothing: of rows that were not seen a few may hold something, one object each or more.
        if name in TOTALS and value == 0:
            return _Bounds(0.0, rows * bounds_of_equal(0, rows, level, 0, 1)[1], "wilson")
        return None
    if name in _SHARES and (bounds.low <= 0 or bounds.high >= 1) and 0 < value < 1:
        # So many independent trials would vary as much as resampled rows do.
        trials = value * (1 - value) / float(np.nanvar(replicates[1:]))
        return _Bounds(*wilson_bounds(value, trials, level), "wilson")
    return _moved(figure, bounds.low, bounds.high, replicates, 0)


def _bounds_of_difference(figure: Figure, replicates: Float, options: IntervalOptions, defined: int) -> _Bounds | None:
    bounds = percentile_bounds(replicates[1:], options.level)
    if bounds is None:
        return None
    if _apart(bounds.low, bounds.high):
        return _moved(figure, bounds.low, bounds.high, replicates, -1)
    if figure[0] not in _SHARES or not defined:
        return None
    return _Bounds(*bounds_of_equal(float(replicates[0]), defined, options.level, -1, 1), "wilson")


def _apart(low: float, high: float) -> bool:
    """Whether two bounds differ by more than the rounding of sums."""
    return high - low > 1e-12 * max(abs(low), abs(high))


def _moved(figure: Figure, low: float, high: float, replicates: Float, least: float) -> _Bounds:
    """The percentile interval; of average precision moved so that the replicates' mean comes to lie on the value.

    What is then bounded is the mean of the figure over data sets of this size, which is from ``least`` to 1: no bound
    is moved beyond.
    """
    if figure[0] not in _BIASED:
        return _Bounds(low, high, "percentile")
    bias = _bias(replicates)
    return _Bounds(max(low - bias, least), min(high - bias, 1.0), "moved percentile")


def _bias(replicates: Float) -> float:
    return float(np.nanmean(replicates[1:]) - replicates[0])


def _difference(
    figure: Figure, own: Float | None, theirs: Float | None, options: IntervalOptions, rows: int, defined: int
) -> tuple[Difference, dict[str, str]]:
    this, other = (None if part is None or np.isnan(part[0]) else float(part[0]) for part in (own, theirs))
    difference = Difference(this=this, other=other, value=None, low=None, high=None, method=None, significant=None)
    if own is None or theirs is None or this is None or other is None:
        return difference, {"value": "not defined for both runs, over the data rows that both have"}
    difference.value = this - other
    if rows < 2:
        return difference, dict.fromkeys(("low", "high"), _ONE_ROW)
    # Both sides of one replicate have the same rows the same number of times, so that what the rows have in common
    # drops out.
    bounds = _bounds_of_difference(figure, own - theirs, options, defined)
    if bounds is None:
        return difference, dict.fromkeys(("low", "high"), _ALL_ALIKE)
    difference.low, difference.high, difference.method = bounds
    difference.significant = difference.low > 0 or difference.high < 0
    return difference, {}


#: Figures that are higher on resampled rows than on the rows themselves.
_BIASED: Final = ("ap", "ap50", "ap75")
#: Figures from 0 to 1: shares of what was counted, and a mean of shares.
_SHARES: Final = ("precision", "recall", "f1", "accuracy", "mean_iou")
_ONE_ROW: Final = "one data row does not tell how much others would differ"
_ALL_ALIKE: Final = "it is the same however data rows are resampled: they do not tell how much others would differ"
_NOWHERE_DEFINED: Final = "it is defined in none of the replicates"
_WHY: Final = {
    **REASONS,
    "precision": "nothing was predicted",
    "recall": "no annotation counts",
    "f1": "nothing was annotated, nor predicted",
    **dict.fromkeys(("ap", "ap50", "ap75", "ar_100"), "no annotation counts"),
    **dict.fromkeys(("mae", "mse", "rmse"), "no prediction goes together with an annotation"),
    "r2": "it takes two pairs or more, of different true values",
}


def _why(name: str) -> str:
    return _WHY.get(name, "no value is left at these thresholds and filters, or a denominator is 0")


def _ap_replicates(own: Read, theirs: Read | None, options: IntervalOptions) -> int:
    """Count the replicates: with two runs the same for both, for they are paired."""
    counted = [len(run.detections.detections.label) for run in (own, theirs) if run and run.detections]
    if not counted:
        return 0
    return options.ap_replicates or max(FEWEST, min(200, _MOST_LOOKS // max(1, *counted)))


def _bounded(own: Read, theirs: Read | None, options: IntervalOptions) -> None:
    for run in filter(None, (own, theirs)):
        rows, looks = len(run.sums.key), 0 if run.detections is None else len(run.detections.detections.label)
        if rows * options.replicates > _LIMIT:
            raise QuestionError(f"{rows:,} data rows are too many for {options.replicates:,} replicates")
        if looks * (options.ap_replicates or 0) > _LIMIT:
            raise QuestionError(f"{looks:,} predictions are too many for {options.ap_replicates:,} replicates of AP")


def _notes(options: IntervalOptions, own: Read, theirs: Read | None) -> list[str]:
    notes = []
    if len(own.sums.key) < 30:
        notes.append(f"With {count_of(len(own.sums.key), 'data row')} intervals are rough, and rather too narrow.")
    if theirs and theirs.notes:
        notes += [f"Of {options.versus}: {note}" for note in theirs.notes]
    return notes
