"""Replicates of the headline figures: what resampled data rows come to.

What leaves the engine is a row's sums (:mod:`evalstream.stored.row_sums`), or for average precision its detections;
every replicate is a weighted sum over them (:mod:`evalstream.metrics.bootstrap`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, Field

from evalstream.events.base import Name
from evalstream.metrics.average_precision import IOU_THRESHOLDS, RULES
from evalstream.metrics.bootstrap import Key, Sample, resampled_changes, resampled_detections, resampled_sums
from evalstream.metrics.detections import Detections, all_changes, in_order, outcomes, places
from evalstream.scenes import Flag, Float
from evalstream.scoring.detections import detections
from evalstream.selection import Selection
from evalstream.stored.columns import BYTES_OF_RESAMPLED, Stored, read_all, read_columns
from evalstream.stored.row_sums import (
    Figure,
    RowSums,
    counts_by_row,
    custom_metrics_by_row,
    joined,
    numbers_by_row,
)
from evalstream.types import CODES, CUSTOM

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

Group = Literal["counts", "average_precision", "regression", "custom"]
_GROUPS: Final[tuple[Group, ...]] = ("counts", "average_precision", "regression", "custom")

#: Replicates of average precision, at the fewest.
FEWEST: Final = 40


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


class Detected(NamedTuple):
    """The detections of a stored run, and the data rows that they are on, in their order."""

    detections: Detections
    data_row: pa.Array
    key: Key  # a hash of each data row's name


class Read(NamedTuple):
    """All that the replicates of one run are made of."""

    sums: RowSums
    detections: Detected | None
    selection: Selection
    notes: list[str]


def read(client: Client, selection: Selection, options: IntervalOptions) -> Read:
    """Read what figures are made of, row by row."""
    with_detections = "average_precision" in options.group
    stored = (
        read_all(client, selection, ordered=True, bytes_of_object=BYTES_OF_RESAMPLED)
        if with_detections
        else read_columns(client, selection)
    )
    sums = counts_by_row(client, selection, stored)
    notes: list[str] = []
    if "counts" not in options.group:
        sums = sums._replace(values=np.empty((len(sums.key), 0)), figures={}, totals=set())
    if "regression" in options.group and selection.area == "all" and _may_have_numbers(stored):
        sums = joined(sums, *numbers_by_row(client, selection, sums.data_row))
    if "custom" in options.group and _may_have_custom_metrics(stored):
        values, figures, totals, notes = custom_metrics_by_row(client, selection, sums.data_row)
        sums = joined(sums, values, figures)._replace(totals=sums.totals | totals)
    # In the order of their hashes: sums must not depend on the order in which the engine came upon the rows.
    order = np.argsort(sums.key, kind="stable")
    sums = sums._replace(data_row=sums.data_row.take(pa.array(order)), key=sums.key[order], values=sums.values[order])
    found = _detected(stored) if stored is not None and with_detections else None
    return Read(sums, found, selection, notes)


def _may_have_numbers(stored: Stored | None) -> bool:
    return stored is None or bool(np.any(stored.columns.annotation.type == CODES["number"]))


def _may_have_custom_metrics(stored: Stored | None) -> bool:
    return stored is None or any(name.startswith(CUSTOM) for name in stored.measured)


def _detected(stored: Stored) -> Detected:
    return Detected(detections(stored.columns, stored.selection), stored.data_row, stored.key)


def replicates(run: Read, options: IntervalOptions, rows: pa.Array | None) -> dict[Figure, Float]:
    """Each figure in each replicate; entry 0 is the plain figure. Only over these rows, if any are named."""
    sums = run.sums
    key, values = sums.key, sums.values
    if rows is not None:
        included = _is_in(sums.data_row, rows)
        key, values = key[included], np.ascontiguousarray(values[included])
    by_figure: dict[Figure, Float] = {}
    if sums.figures:
        resampled = resampled_sums(key, np.hstack((values, np.ones((len(key), 1)))), options.seed, options.replicates)
        with np.errstate(divide="ignore", invalid="ignore"):
            by_figure = {figure: of(resampled[:, :-1]) for figure, of in sums.figures.items()}
            # A replicate has now more rows, now fewer; totals are of as many as there are.
            share = len(key) / resampled[1:, -1]
            for figure in sums.totals:
                by_figure[figure][1:] *= share
    if run.detections is not None:
        stored = run.detections
        chosen = np.ones(len(stored.key), np.bool_) if rows is None else _is_in(stored.data_row, rows)
        by_figure |= _average_precision(stored, chosen, run.selection, options)
    return by_figure


def defined_rows(run: Read, rows: pa.Array | None) -> dict[Figure, int]:
    """Count the data rows on which a figure of sums is defined; only these rows, if any are named."""
    sums = run.sums
    values = sums.values if rows is None else sums.values[_is_in(sums.data_row, rows)]
    with np.errstate(divide="ignore", invalid="ignore"):
        return {figure: int(np.count_nonzero(~np.isnan(of(values)))) for figure, of in sums.figures.items()}


def _is_in(data_row: pa.Array, rows: pa.Array) -> Flag:
    return np.asarray(pc.is_in(data_row, value_set=rows).to_numpy(zero_copy_only=False), np.bool_)


def _average_precision(
    stored: Detected, included: Flag, selection: Selection, options: IntervalOptions
) -> dict[Figure, Float]:
    rule = RULES["101-point"]
    thresholds = np.array([selection.threshold(t) for t in IOU_THRESHOLDS])
    columns = stored.detections
    sample = Sample(stored.key, included, columns.annotation_label, columns.annotation_row)
    replicates = options.ap_replicates or FEWEST
    if selection.traits.revokes:
        changes = all_changes(columns, selection.confidence)
        averages = resampled_changes(
            changes, columns.row, sample, len(columns.labels), thresholds, rule, options.seed, replicates
        )
    else:
        order, start = in_order(columns)
        found = outcomes(columns, places(order, len(columns.label)), len(order), 0, thresholds)
        row, confidence = columns.row[order], columns.confidence[order]
        averages = resampled_detections(
            start,
            row,
            confidence,
            found.correct,
            found.ignored,
            sample,
            len(thresholds),
            rule,
            options.seed,
            replicates,
        )
    return {
        ("ap", None): averages.precision.mean(axis=1),
        ("ap50", None): averages.precision[:, 0],
        ("ap75", None): averages.precision[:, 5],
        ("ar_100", None): averages.recall.mean(axis=1),
    }
