"""Uncertainty of figures: confidence intervals, and whether two runs differ by more than chance.

Poisson bootstrap over data rows (:mod:`evalstream.metrics.bootstrap`): the data rows are what was drawn at random, so
whole rows are resampled, with everything on them. What leaves the engine is a row's sums, or for average precision its
detections; every replicate is a weighted sum over them.

What was on no row is in no replicate: where figures are at the edge of what they can be, as where all is right,
replicates do not vary, and Wilson's interval over data rows takes their place.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final, Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, Field

from evalstream.events.base import Name
from evalstream.matching import MAX_DETECTIONS
from evalstream.metrics.aggregate import CONFUSION_FIGURES, additive, aggregated
from evalstream.metrics.average_precision import IOU_THRESHOLDS, RULES
from evalstream.metrics.bootstrap import (
    Curves,
    Key,
    Sample,
    bounds_of_equal,
    percentile_bounds,
    resampled_changes,
    resampled_detections,
    resampled_sums,
    wilson_bounds,
)
from evalstream.metrics.detections import changes_at, in_order, outcomes
from evalstream.queries.answers import answered
from evalstream.queries.counted import ROW_KEY, ask_arrow, scored
from evalstream.queries.custom_metrics import custom_by_row
from evalstream.queries.detections import Stored, read_detections
from evalstream.queries.label_counts import REASONS
from evalstream.queries.tabular import Tabular
from evalstream.scenes import Flag, Float, Int
from evalstream.selection import Filter, QuestionError, Selection
from evalstream.types import AGGREGATIONS, CUSTOM
from evalstream.words import count_of

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

Group = Literal["counts", "average_precision", "regression", "custom"]
_GROUPS: Final[tuple[Group, ...]] = ("counts", "average_precision", "regression", "custom")

#: Average precision looks at each detection in each replicate: with more to look at than this there are fewer
#: replicates, unless so many are asked for.
_MOST_LOOKS: Final = 4 * 10**8
_FEWEST: Final = 40
#: What may be asked for at most: rows, or predictions, times replicates. Some ten seconds.
_LIMIT: Final = 2 * 10**9


class IntervalOptions(BaseModel):
    """Options of intervals."""

    level: float = Field(default=0.95, gt=0, lt=1, description="share of the replicates that lies within an interval")
    replicates: int = Field(default=1000, ge=10, le=10_000)
    ap_replicates: int | None = Field(
        default=None,
        ge=10,
        le=10_000,
        description="of average precision, which takes longer; 200 if not said, fewer if predictions are very many",
    )
    seed: int = Field(default=0, ge=0, lt=2**63, description="the same seed gives the same answer")
    versus: Name | None = Field(
        default=None, description="a second run: differences are this run less that one, over the data rows of both"
    )
    group: list[Group] = Field(default=list(_GROUPS), description="which figures")


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


Figure = tuple[str, str | None]  # its name, and the question that it is of
Of = Callable[[Float], Float]  # sums, (n, k), to n values


class _Additive(NamedTuple):
    """Sums over rows, and the figures that they give: figures from columns of ``values``."""

    data_row: pa.Array
    key: Key
    values: Float  # (rows, k)
    figures: dict[Figure, Of]
    totals: set[Figure]  # those that grow with the number of rows


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
    found = replicates(own, options, None)
    pairs: list[dict[Figure, Float]] = []
    shared = left_out = left_out_versus = None
    rows, rows_of_both = defined_rows(own, None), dict[Figure, int]()
    if theirs:
        shared_rows = own.sums.data_row.filter(pc.is_in(own.sums.data_row, value_set=theirs.sums.data_row))
        shared = len(shared_rows)
        left_out, left_out_versus = len(own.sums.key) - shared, len(theirs.sums.key) - shared
        pairs = [replicates(own, options, shared_rows) if left_out else found]
        pairs += [replicates(theirs, options, shared_rows if left_out_versus else None)]
        each = [defined_rows(run, shared_rows) for run in (own, theirs)]
        rows_of_both = {figure: min(count, each[1].get(figure, 0)) for figure, count in each[0].items()}
    figures: list[Interval] = []
    undefined: dict[str, str] = {}
    for figure in dict.fromkeys(name for part in (found, *pairs) for name in part):
        interval, why = _interval(figure, found.get(figure), options, len(own.sums.key), rows.get(figure, 0))
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
    found = Interval(
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
        return found, {"value": _why(name)}
    if rows < 2:
        return found, dict.fromkeys(("low", "high"), _ONE_ROW)
    found.replicates = int(np.count_nonzero(~np.isnan(replicates[1:])))
    if not found.replicates:
        return found, dict.fromkeys(("low", "high"), _NOWHERE_DEFINED)
    bounds = _bounds(figure, replicates, options, defined, rows)
    found.bias = _bias(replicates)
    if bounds is None:
        return found, dict.fromkeys(("low", "high"), _ALL_ALIKE)
    found.low, found.high, found.method = bounds
    return found, {}


class _Bounds(NamedTuple):
    low: float
    high: float
    method: Method


def _bounds(figure: Figure, replicates: Float, options: IntervalOptions, defined: int, rows: int) -> _Bounds | None:
    """Bound a figure by its replicates; where these are at the edge, as Wilson does. None: nothing can be told."""
    name, value, level = figure[0], float(replicates[0]), options.level
    found = percentile_bounds(replicates[1:], level)
    if found is None:
        return None
    if not _apart(found.low, found.high):
        if name in _SHARES:
            return _Bounds(*bounds_of_equal(value, defined, level, 0, 1), "wilson")
        # What counts nothing: of rows that were not seen a few may hold something, one object each or more.
        if name in _TOTALS and value == 0:
            return _Bounds(0.0, rows * bounds_of_equal(0, rows, level, 0, 1)[1], "wilson")
        return None
    if name in _SHARES and (found.low <= 0 or found.high >= 1) and 0 < value < 1:
        # So many independent trials would vary as much as resampled rows do.
        trials = value * (1 - value) / float(np.nanvar(replicates[1:]))
        return _Bounds(*wilson_bounds(value, trials, level), "wilson")
    return _moved(figure, found.low, found.high, replicates, 0)


def _bounds_of_difference(figure: Figure, replicates: Float, options: IntervalOptions, defined: int) -> _Bounds | None:
    found = percentile_bounds(replicates[1:], options.level)
    if found is None:
        return None
    if _apart(found.low, found.high):
        return _moved(figure, found.low, found.high, replicates, -1)
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
    found = Difference(this=this, other=other, value=None, low=None, high=None, method=None, significant=None)
    if own is None or theirs is None or this is None or other is None:
        return found, {"value": "not defined for both runs, over the data rows that both have"}
    found.value = this - other
    if rows < 2:
        return found, dict.fromkeys(("low", "high"), _ONE_ROW)
    # Both sides of one replicate have the same rows the same number of times, so that what the rows have in common
    # drops out.
    bounds = _bounds_of_difference(figure, own - theirs, options, defined)
    if bounds is None:
        return found, dict.fromkeys(("low", "high"), _ALL_ALIKE)
    found.low, found.high, found.method = bounds
    found.significant = found.low > 0 or found.high < 0
    return found, {}


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


class Read(NamedTuple):
    """All that the replicates of one run are made of."""

    sums: _Additive
    detections: Stored | None
    selection: Selection
    notes: list[str]


def read(client: Client, selection: Selection, options: IntervalOptions) -> Read:
    """Read what figures are made of, row by row."""
    sums = _counts(client, selection)
    notes: list[str] = []
    if "counts" not in options.group:
        sums = sums._replace(values=np.empty((len(sums.key), 0)), figures={}, totals=set())
    if "regression" in options.group and selection.area == "all":
        sums = _joined(sums, *_regression(client, selection, sums.data_row))
    if "custom" in options.group:
        values, figures, totals, notes = _custom(client, selection, sums.data_row)
        sums = _joined(sums, values, figures)._replace(totals=sums.totals | totals)
    # In the order of their hashes: sums must not depend on the order in which the engine came upon the rows.
    order = np.argsort(sums.key, kind="stable")
    sums = sums._replace(data_row=sums.data_row.take(pa.array(order)), key=sums.key[order], values=sums.values[order])
    detections = read_detections(client, selection) if "average_precision" in options.group else None
    return Read(sums, detections, selection, notes)


def replicates(run: Read, options: IntervalOptions, rows: pa.Array | None) -> dict[Figure, Float]:
    """Each figure in each replicate; entry 0 is the plain figure. Only over these rows, if any are named."""
    sums = run.sums
    key, values = sums.key, sums.values
    if rows is not None:
        included = _is_in(sums.data_row, rows)
        key, values = key[included], np.ascontiguousarray(values[included])
    found: dict[Figure, Float] = {}
    if sums.figures:
        resampled = resampled_sums(key, np.hstack((values, np.ones((len(key), 1)))), options.seed, options.replicates)
        with np.errstate(divide="ignore", invalid="ignore"):
            found = {figure: of(resampled[:, :-1]) for figure, of in sums.figures.items()}
            # A replicate has now more rows, now fewer; totals are of as many as there are.
            share = len(key) / resampled[1:, -1]
            for figure in sums.totals:
                found[figure][1:] *= share
    if run.detections is not None:
        stored = run.detections
        chosen = np.ones(len(stored.key), np.bool_) if rows is None else _is_in(stored.data_row, rows)
        found |= _average_precision(stored, chosen, run.selection, options)
    return found


def defined_rows(run: Read, rows: pa.Array | None) -> dict[Figure, int]:
    """Count the data rows on which a figure of sums is defined; only these rows, if any are named."""
    sums = run.sums
    values = sums.values if rows is None else sums.values[_is_in(sums.data_row, rows)]
    with np.errstate(divide="ignore", invalid="ignore"):
        return {figure: int(np.count_nonzero(~np.isnan(of(values)))) for figure, of in sums.figures.items()}


def _is_in(data_row: pa.Array, rows: pa.Array) -> Flag:
    return np.asarray(pc.is_in(data_row, value_set=rows).to_numpy(zero_copy_only=False), np.bool_)


def _joined(sums: _Additive, values: Float, figures: dict[Figure, Of]) -> _Additive:
    """Put more columns beside those that there are; the new figures are of the new columns."""
    own = slice(sums.values.shape[1], sums.values.shape[1] + values.shape[1])

    def of_own(of: Of) -> Of:
        return lambda all_sums: of(all_sums[:, own])

    moved = {figure: of_own(of) for figure, of in figures.items()}
    return sums._replace(values=np.hstack((sums.values, values)), figures=sums.figures | moved)


_COUNTS: Final = {
    "tp": "arrayCount(ok -> ok, correct)",
    "predictions": "length(predicted)",
    "annotations": "length(actual)",
    "overlap": "arraySum((i, ok) -> if(ok AND i <= 1, i, 0.), matched_iou, correct)",
    "located": "arrayCount((i, ok) -> ok AND i <= 1, matched_iou, correct)",
    "right": "arrayCount((k, l, a, p) -> l AND k = 'radio' AND a = p, match_type, counting, match_actual,"
    " match_predicted)",
    "cases": "arrayCount((k, ok) -> ok AND k = 'radio', annotation_type, annotation_counts)"
    " + arrayCount((k, ok) -> ok AND k = 'radio', prediction_type, prediction_counts)"
    " - arrayCount((k, ok) -> ok AND k = 'radio', match_type, counting)",
}
#: Counts themselves: weights of the columns above.
_TOTALS: Final[dict[str, dict[str, int]]] = {
    "tp": {"tp": 1},
    "fp": {"predictions": 1, "tp": -1},
    "fn": {"annotations": 1, "tp": -1},
}
#: Ratios of counts: the same, for the numerator and the denominator.
_RATIOS: Final[dict[str, tuple[dict[str, int], dict[str, int]]]] = {
    "precision": ({"tp": 1}, {"predictions": 1}),
    "recall": ({"tp": 1}, {"annotations": 1}),
    "f1": ({"tp": 2}, {"predictions": 1, "annotations": 1}),
    "accuracy": ({"right": 1}, {"cases": 1}),
    "mean_iou": ({"overlap": 1}, {"located": 1}),
}


def _counts(client: Client, selection: Selection) -> _Additive:
    sql, parameters = scored(selection)
    columns = ", ".join(f"toFloat64({expression}) AS sum_{name}" for name, expression in _COUNTS.items())
    table = ask_arrow(client, f"SELECT data_row, {ROW_KEY} AS row_key, {columns} FROM ({sql})", parameters)
    values = np.stack([table[f"sum_{name}"].to_numpy() for name in _COUNTS], axis=1)
    totals = {name: _total(_weights(part)) for name, part in _TOTALS.items()}
    ratios = {name: _ratio(*map(_weights, sides)) for name, sides in _RATIOS.items()}
    figures: dict[Figure, Of] = {(name, None): _at(0, of, len(_COUNTS)) for name, of in (totals | ratios).items()}
    data_row = pa.array(table["data_row"].to_pylist(), pa.string())
    return _Additive(data_row, table["row_key"].to_numpy(), values, figures, {(name, None) for name in totals})


def _weights(of_columns: dict[str, int]) -> Int:
    return np.array([of_columns.get(column, 0) for column in _COUNTS])


def _total(part: Int) -> Of:
    return lambda sums: sums @ part


def _ratio(part: Int, whole: Int) -> Of:
    def of(sums: Float) -> Float:
        below = sums @ whole
        return np.where(below > 0, (sums @ part) / below, np.nan)

    return of


def _regression(client: Client, selection: Selection, data_row: pa.Array) -> tuple[Float, dict[Figure, Of]]:
    sql, parameters = answered(selection, "number")
    table = ask_arrow(
        client,
        f"""
        SELECT data_row, pair.1 AS feature, pair.2 AS actual, pair.3 AS predicted FROM (
            SELECT data_row, arrayJoin(arrayMap(
                m -> (match_actual_feature[m], annotation_geometry[match_annotation[m] + 1][1],
                      prediction_geometry[match_prediction[m] + 1][1]),
                paired)) AS pair
            FROM ({sql})
        ) ORDER BY feature, data_row, actual, predicted
        """,
        parameters,
    )
    table, place = _placed(table, data_row)
    feature = np.array(table["feature"].to_pylist(), dtype=object)
    actual, predicted = table["actual"].to_numpy(), table["predicted"].to_numpy()
    columns: list[Float] = []
    figures: dict[Figure, Of] = {}
    for i, name in enumerate(sorted(set(feature))):
        own = feature == name
        error = predicted[own] - actual[own]
        # From the mean of all pairs, so that little is lost where numbers are large beside their spread.
        away = actual[own] - np.mean(actual[own])
        summed = (np.ones(len(error)), np.abs(error), error * error, away, away * away)
        columns += [_by_row(place[own], values, len(data_row)) for values in summed]
        figures |= {(figure, name): _at(5 * i, of) for figure, of in _REGRESSION.items()}
    return _stacked(columns, len(data_row)), figures


def _r2(sums: Float) -> Float:
    count, _, squares, away, away_squared = sums.T
    spread = away_squared - away * away / count
    # What is left of equal numbers is rounding.
    return np.where(spread > 1e-12 * away_squared, 1 - squares / spread, np.nan)


_REGRESSION: Final[dict[str, Of]] = {
    "mae": lambda sums: sums[:, 1] / sums[:, 0],
    "rmse": lambda sums: np.sqrt(sums[:, 2] / sums[:, 0]),
    "r2": _r2,
}


def _custom(
    client: Client, selection: Selection, data_row: pa.Array
) -> tuple[Float, dict[Figure, Of], set[Figure], list[str]]:
    sql, parameters = custom_by_row(selection)
    table = ask_arrow(
        client,
        f"SELECT data_row, name, aggregation, value FROM ({sql}) ORDER BY name, aggregation, data_row",
        parameters,
    )
    table, place = _placed(table, data_row)
    named = np.array(table["name"].to_pylist(), dtype=object)
    code = table["aggregation"].to_numpy()
    flat = table["value"].combine_chunks().flatten().to_numpy()
    begin = np.append(0, np.cumsum(pc.list_value_length(table["value"].combine_chunks()).to_numpy()))
    columns: list[Float] = []
    figures: dict[Figure, Of] = {}
    totals: set[Figure] = set()
    notes = []
    for name in sorted(set(named)):
        own = np.flatnonzero(named == name)
        if len(set(code[own])) > 1:
            notes.append(f"The custom metric {name!r} was sent with more than one aggregation and is left out.")
            continue
        aggregation = AGGREGATIONS[code[own[0]]]
        first = len(columns)
        if aggregation == "confusion_matrix":
            values = flat[begin[own][:, None] + np.arange(4)]
            for figure, (part, whole) in CONFUSION_FIGURES.items():
                prefix = CUSTOM if figure == "f1" else f"custom_{figure}."
                figures[prefix + name, None] = _at(first, _ratio(np.array(part), np.array(whole)), 4)
        else:
            values = additive(aggregation, flat[begin[own]])
            figures[CUSTOM + name, None] = _at(first, partial(aggregated, aggregation), 3)
            if aggregation == "sum":
                totals.add((CUSTOM + name, None))
        columns += [_by_row(place[own], column, len(data_row)) for column in values.T]
    return _stacked(columns, len(data_row)), figures, totals, notes


def _placed(table: pa.Table, data_row: pa.Array) -> tuple[pa.Table, Int]:
    """Find the row of each entry among the data rows; leave out what belongs to rows that came in between."""
    place = pc.index_in(table["data_row"].combine_chunks(), value_set=data_row)
    known = pc.is_valid(place)
    return table.filter(known), np.asarray(place.filter(known).to_numpy(), np.int64)


def _at(first: int, of: Of, width: int = 5) -> Of:
    return lambda sums: of(sums[:, first : first + width])


def _by_row(place: Int, values: Float, rows: int) -> Float:
    return np.bincount(place, values, rows).astype(np.float64)


def _stacked(columns: list[Float], rows: int) -> Float:
    return np.stack(columns, axis=1) if columns else np.empty((rows, 0))


def _ap_replicates(own: Read, theirs: Read | None, options: IntervalOptions) -> int:
    """Count the replicates: with two runs the same for both, for they are paired."""
    counted = [len(run.detections.detections.label) for run in (own, theirs) if run and run.detections]
    if not counted:
        return 0
    return options.ap_replicates or max(_FEWEST, min(200, _MOST_LOOKS // max(1, *counted)))


def _bounded(own: Read, theirs: Read | None, options: IntervalOptions) -> None:
    for run in filter(None, (own, theirs)):
        rows, looks = len(run.sums.key), 0 if run.detections is None else len(run.detections.detections.label)
        if rows * options.replicates > _LIMIT:
            raise QuestionError(f"{rows:,} data rows are too many for {options.replicates:,} replicates")
        if looks * (options.ap_replicates or 0) > _LIMIT:
            raise QuestionError(f"{looks:,} predictions are too many for {options.ap_replicates:,} replicates of AP")


def _average_precision(
    stored: Stored, included: Flag, selection: Selection, options: IntervalOptions
) -> dict[Figure, Float]:
    rule = RULES["101-point"]
    thresholds = np.array([selection.threshold(t) for t in IOU_THRESHOLDS])
    columns = stored.detections
    sample = Sample(stored.key, included, columns.annotation_label, columns.annotation_row)
    replicates = options.ap_replicates or _FEWEST
    if selection.traits.revokes:
        curves = []
        for t in thresholds:
            own = changes_at(columns, t, selection.confidence)
            curves.append(Curves(own.start, columns.row[own.prediction], own.delta_tp, own.counted, own.is_point))
        found = resampled_changes(curves, sample, rule, options.seed, replicates)
    else:
        _, correct, ignored = outcomes(columns, 0, thresholds)
        order = in_order(columns)
        if selection.traits.limited:
            order = order[columns.rank[order] < np.minimum(MAX_DETECTIONS, columns.most[order])]
        start = np.searchsorted(columns.label[order], np.arange(len(columns.labels) + 1))
        row, confidence = columns.row[order], columns.confidence[order]
        found = resampled_detections(
            start,
            row,
            confidence,
            correct[order],
            ignored[order],
            sample,
            len(thresholds),
            rule,
            options.seed,
            replicates,
        )
    return {
        ("ap", None): found.precision.mean(axis=1),
        ("ap50", None): found.precision[:, 0],
        ("ap75", None): found.precision[:, 5],
        ("ar_100", None): found.recall.mean(axis=1),
    }


def _notes(options: IntervalOptions, own: Read, theirs: Read | None) -> list[str]:
    notes = []
    if len(own.sums.key) < 30:
        notes.append(f"With {count_of(len(own.sums.key), 'data row')} intervals are rough, and rather too narrow.")
    if theirs and theirs.notes:
        notes += [f"Of {options.versus}: {note}" for note in theirs.notes]
    return notes
