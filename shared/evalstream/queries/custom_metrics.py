"""Metrics that producers sent: by row, feature, subclass or object, brought together at any threshold and filter.

What a value holds for, and how values of objects come to one of a row: :mod:`evalstream.stored.custom_metrics`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

import numpy as np
from pydantic import BaseModel, Field

from evalstream.metrics.aggregate import confusion_scores
from evalstream.selection import Filter, Selection
from evalstream.stored.counted import ask
from evalstream.stored.custom_metrics import (
    CONFUSION_COUNTS,
    MATRIX,
    aggregated_up,
    entries_of,
    known_metrics,
    values_by_feature,
    values_by_row,
)
from evalstream.tabular import Tabular
from evalstream.types import AGGREGATIONS, Aggregation

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

Level = Literal["row", "feature", "subclass", "object"]
_LEVELS: Final[tuple[Level, ...]] = ("row", "feature", "subclass", "object")


class Confusion(BaseModel):
    """A confusion matrix, summed, and its scores."""

    tp: float
    fp: float
    tn: float
    fn: float
    precision: float | None
    recall: float | None
    f1: float | None
    accuracy: float | None


class CustomFigures(BaseModel):
    """Aggregate of values."""

    value: float | None = Field(description="of a confusion matrix its F1")
    confusion: Confusion | None = Field(description="of aggregation `confusion_matrix` only")
    rows: int = Field(description="data rows that have a value")
    undefined: dict[str, str] = Field(description="why a figure is null")


class CustomFeature(CustomFigures):
    """A custom metric of one feature: the values that were sent for it, or for what is below it."""

    feature: str


class CustomMetric(CustomFigures):
    """A custom metric, aggregated over the selected data rows."""

    name: str
    aggregation: Aggregation
    levels: list[Level] = Field(description="what values were sent for")
    objects: int = Field(description="predictions that have a value of their own")
    features: list[CustomFeature] = Field(description="each feature that values were sent for, or for objects of")


class CustomMetrics(Tabular):
    """All custom metrics of the run."""

    table: ClassVar = "metrics"

    metrics: list[CustomMetric] = Field(description="by name and aggregation")
    notes: list[str] = Field(description="what has to be known of this answer")


class CustomMetricsPage(BaseModel):
    """Query of custom metrics."""

    metric: list[str] = Field(default=[], max_length=100, description="names of custom metrics; all if none")


class CustomMetricsQuery(Filter, CustomMetricsPage):
    """A filter, and which custom metrics."""


def custom_metrics(client: Client, selection: Selection, page: CustomMetricsPage | None = None) -> CustomMetrics:
    """Aggregate every custom metric over the selected data rows, and by feature."""
    names = page.metric if page else []
    known = [key for key in known_metrics(client, selection) if not names or key[0] in names]
    entries = entries_of(selection, "empty({names:Array(String)}) OR has({names:Array(String)}, name)", names=names)
    by_feature = values_by_feature(entries, selection)
    by_row = values_by_row(by_feature)
    key = ("name", "aggregation")
    sent = {
        (name, code): (levels, objects)
        for name, code, levels, objects in ask(
            client,
            "SELECT name, aggregation, arraySort(groupUniqArray(level)), countIf(level = 3)"
            f" FROM ({entries.sql}) GROUP BY name, aggregation",
            entries.parameters,
        )
    }
    of_features: dict[tuple[str, int], list[CustomFeature]] = {}
    per_feature = aggregated_up(f"SELECT *, 0 AS level FROM ({by_feature.sql}) WHERE feature != ''", *key, "feature")
    for name, code, feature, value, rows in ask(
        client,
        f"SELECT name, aggregation, feature, value, below FROM ({per_feature}) ORDER BY feature",
        by_feature.parameters,
    ):
        own = CustomFeature(feature=feature, **_figures(code, value, rows))
        of_features.setdefault((name, code), []).append(own)
    over_rows = aggregated_up(f"SELECT *, 0 AS level FROM ({by_row.sql})", *key)
    whole = {
        (name, code): (value, rows)
        for name, code, value, rows in ask(
            client,
            f"SELECT name, aggregation, value, below FROM ({over_rows})",
            by_row.parameters,
        )
    }
    metrics = []
    for name, code in known:
        levels, objects = sent.get((name, code), ([], 0))
        metrics.append(
            CustomMetric(
                name=name,
                aggregation=AGGREGATIONS[code],
                levels=[_LEVELS[level] for level in levels],
                objects=objects,
                features=of_features.get((name, code), []),
                **_figures(code, *whole.get((name, code), ([], 0))),
            )
        )
    return CustomMetrics(metrics=metrics, notes=_notes(known, selection))


def _figures(code: int, value: Sequence[float], rows: int) -> dict[str, Any]:
    if not len(value):
        why = "no value is left at these thresholds and filters"
        return {"value": None, "confusion": None, "rows": 0, "undefined": {"value": why}}
    if code != MATRIX:
        return {"value": value[0], "confusion": None, "rows": rows, "undefined": {}}
    counts = np.array(value)
    scores = confusion_scores(counts)
    undefined = {f"confusion.{name}": _DENOMINATORS[name] for name, own in scores._asdict().items() if own is None}
    if scores.f1 is None:
        undefined["value"] = _DENOMINATORS["f1"]
    confusion = Confusion(**dict(zip(CONFUSION_COUNTS, counts.tolist(), strict=True)), **scores._asdict())
    return {"value": scores.f1, "confusion": confusion, "rows": rows, "undefined": undefined}


_DENOMINATORS: Final = {
    "precision": "tp + fp is 0",
    "recall": "tp + fn is 0",
    "f1": "2 tp + fp + fn is 0",
    "accuracy": "tp + fp + tn + fn is 0",
}


def _notes(known: Sequence[tuple[str, int]], selection: Selection) -> list[str]:
    names = [name for name, _ in known]
    notes = [
        f"{name!r} was sent with more than one aggregation: there is an entry for each, of its own values only."
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]
    if selection.type and known:
        notes.append("With `type`, only metrics of single objects count: those of rows and features have no type.")
    elif selection.feature and known:
        notes.append("With `feature`, metrics of whole rows do not count: they are of everything on the row.")
    return notes
