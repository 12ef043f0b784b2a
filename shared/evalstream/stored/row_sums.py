"""Sums of each data row that figures are made of: counts, numbers, and what was measured elsewhere.

Each family gives columns with one entry a data row, and the functions that make its figures of their sums over rows.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from evalstream.metrics.aggregate import CONFUSION_FIGURES, additive, aggregated
from evalstream.metrics.bootstrap import Key
from evalstream.scenes import Flag, Float, Int
from evalstream.scoring.columns import Side
from evalstream.scoring.counting import count
from evalstream.selection import Selection
from evalstream.stored.answers import answered
from evalstream.stored.columns import Stored
from evalstream.stored.counted import ROW_KEY, ask_arrow, scored
from evalstream.stored.custom_metrics import custom_by_row
from evalstream.types import AGGREGATIONS, CODES, CUSTOM

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

Figure = tuple[str, str | None]  # its name, and the question that it is of
Of = Callable[[Float], Float]  # sums, (n, k), to n values


class RowSums(NamedTuple):
    """Sums over rows, and the figures that they give: figures from columns of ``values``."""

    data_row: pa.Array
    key: Key
    values: Float  # (rows, k)
    figures: dict[Figure, Of]
    totals: set[Figure]  # those that grow with the number of rows


def joined(sums: RowSums, values: Float, figures: dict[Figure, Of]) -> RowSums:
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
TOTALS: Final[dict[str, dict[str, int]]] = {
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


def counts_by_row(client: Client, selection: Selection, stored: Stored | None) -> RowSums:
    """Count what every data row of a run holds, in no order: of what was read, or in the engine where nothing was."""
    data_row, key, values = _counted_there(client, selection) if stored is None else _counted_here(stored)
    totals = {name: _total(_weights(part)) for name, part in TOTALS.items()}
    ratios = {name: _ratio(*map(_weights, sides)) for name, sides in _RATIOS.items()}
    figures: dict[Figure, Of] = {(name, None): _at(0, of, len(_COUNTS)) for name, of in (totals | ratios).items()}
    return RowSums(data_row, key, values, figures, {(name, None) for name in totals})


def _counted_there(client: Client, selection: Selection) -> tuple[pa.Array, Key, Float]:
    sql, parameters = scored(selection)
    columns = ", ".join(f"toFloat64({expression}) AS sum_{name}" for name, expression in _COUNTS.items())
    table = ask_arrow(client, f"SELECT data_row, {ROW_KEY} AS row_key, {columns} FROM ({sql})", parameters)
    values = np.stack([table[f"sum_{name}"].to_numpy() for name in _COUNTS], axis=1)
    return pa.array(table["data_row"].to_pylist(), pa.string()), table["row_key"].to_numpy(), values


def _counted_here(stored: Stored) -> tuple[pa.Array, Key, Float]:
    """Count a small run in memory: the same as :data:`_COUNTS` says in SQL."""
    of, rows = stored.columns, len(stored.columns.data_row)
    counting = count(of, stored.selection)
    pair = of.rectangle[counting.pair_counts]
    row = of.prediction.row[pair["prediction"]]
    right = of.annotation.label[pair["annotation"]] == of.prediction.label[pair["prediction"]]
    located = right & (pair["iou"] <= 1)
    radio = of.prediction.type[pair["prediction"]] == CODES["radio"]

    def total(row: Int, chosen: Flag, weight: Float | None = None) -> Float:
        weights = None if weight is None else weight[chosen]
        return np.bincount(row[chosen], weights, rows).astype(np.float64)

    def of_radio(side: Side, counts: Flag) -> Float:
        return total(side.row, counts & (side.type == CODES["radio"]))

    sums = {
        "tp": total(row, right),
        "predictions": total(of.prediction.row, counting.prediction_counts),
        "annotations": total(of.annotation.row, counting.annotation_counts),
        "overlap": total(row, located, pair["iou"]),
        "located": total(row, located),
        "right": total(row, right & radio),
        "cases": of_radio(of.annotation, counting.annotation_counts)
        + of_radio(of.prediction, counting.prediction_counts)
        - total(row, radio),
    }
    return stored.data_row, stored.key, np.stack([sums[name] for name in _COUNTS], axis=1)


def _weights(of_columns: dict[str, int]) -> Int:
    return np.array([of_columns.get(column, 0) for column in _COUNTS])


def _total(part: Int) -> Of:
    return lambda sums: sums @ part


def _ratio(part: Int, whole: Int) -> Of:
    def of(sums: Float) -> Float:
        below = sums @ whole
        return np.where(below > 0, (sums @ part) / below, np.nan)

    return of


def numbers_by_row(client: Client, selection: Selection, data_row: pa.Array) -> tuple[Float, dict[Figure, Of]]:
    """Sum up numbers and their errors on each of these data rows, by question; the figures are of these columns."""
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


def custom_metrics_by_row(
    client: Client, selection: Selection, data_row: pa.Array
) -> tuple[Float, dict[Figure, Of], set[Figure], list[str]]:
    """Sum up custom metrics on each of these data rows; with their figures, those that are totals, and notes."""
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
