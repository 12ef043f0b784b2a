"""Precision and recall at every confidence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pyarrow.compute as pc
from pydantic import BaseModel, Field

from evalstream.scoring.counting import count
from evalstream.scoring.curves import Changes, Steps, changes_of, in_order, of_all, of_labels, steps_of
from evalstream.selection import Selection
from evalstream.stored.columns import read_columns
from evalstream.stored.counted import ask, ask_arrow, scored
from evalstream.stored.labels import Labels
from evalstream.tabular import Tabular

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

# What changes, at which confidence: a prediction comes in; a correct match is made; it is unmade again (only where a
# policy lets a less confident prediction push a partner away).
_CHANGES = """
SELECT toString({label}) AS label, change.2 AS confidence, sum(change.3) AS tp, sum(change.4) AS predictions FROM (
    SELECT arrayJoin(arrayConcat(
        arrayMap((l, c) -> (l, c, 0, 1), predicted, predicted_confidence),
        arrayMap((l, c) -> (l, c, 1, 0), made_label, made_at),
        arrayMap((l, c) -> (l, c, -1, 0), unmade_label, unmade_at)
    )) AS change
    FROM (
        SELECT *,
            arrayFilter((x, ok) -> ok, prediction_confidence, prediction_counts) AS predicted_confidence,
            arrayMap((l, a, p) -> l AND a = p, curve_counting, match_actual, match_predicted) AS right,
            arrayFilter((x, ok) -> ok, match_predicted, right) AS made_label,
            arrayFilter((x, ok) -> ok, match_confidence_high, right) AS made_at,
            arrayFilter((x, ok, c) -> ok AND c >= {{confidence:Float64}}, match_predicted, right, match_confidence_low)
                AS unmade_label,
            arrayFilter((c, ok) -> ok AND c >= {{confidence:Float64}}, match_confidence_low, right) AS unmade_at
        FROM ({scored})
    )
)
WHERE {where}
GROUP BY label, confidence
"""
_LABELS = """
SELECT label, count() OVER () FROM (SELECT arrayJoin(arrayConcat(actual, predicted)) AS label FROM ({scored}))
WHERE (empty({{label:Array(String)}}) OR label IN {{label:Array(String)}})
  AND ({{search:String}} = '' OR positionCaseInsensitiveUTF8(label, {{search:String}}) > 0)
GROUP BY label ORDER BY label LIMIT {{limit:UInt32}} OFFSET {{offset:UInt64}}
"""


class CurvesPage(Labels):
    """Page of curves: which labels, and how many points."""

    limit: int = Field(default=1_000, ge=1, le=10_000)


class Curve(BaseModel):
    """One curve; parallel lists, by decreasing confidence. Each point says: with this confidence as the threshold."""

    label: str | None = Field(description="null: all labels together (micro-averaged)")
    annotations: int
    points: int = Field(description="how many the curve has; more than are listed if it was thinned")
    confidence: list[float]
    precision: list[float]
    recall: list[float | None]
    f1: list[float]
    best_f1: float | None
    best_f1_confidence: float | None = Field(description="the confidence threshold at which F1 is best")


class PrCurve(Tabular):
    """Precision-recall curves, by label."""

    table: ClassVar = "curves"

    curves: list[Curve]
    total: int = Field(description="curves that fit, given or not")

    def _lines(self) -> list[dict[str, Any]]:
        names = ("confidence", "precision", "recall", "f1")
        return [
            {"label": curve.label, **dict(zip(names, point, strict=True))}
            for curve in self.curves
            for point in zip(*(getattr(curve, name) for name in names), strict=True)
        ]


def steps(client: Client, selection: Selection, *, per_class: bool, labels: Sequence[str] | None = None) -> list[Steps]:
    """Count at every distinct confidence from the selection's upward; by label, or over all of them.

    ``labels`` chooses some of ``per_class``.
    """
    stored = read_columns(client, selection)
    if stored is not None:
        return steps_of(stored.columns, stored.selection, per_class=per_class, labels=labels)
    return _steps_there(client, selection, per_class=per_class, labels=labels)


def steps_of_all_and_each(client: Client, selection: Selection) -> tuple[Steps, list[Steps]]:
    """Count as :func:`steps` does over all labels, and by label."""
    stored = read_columns(client, selection)
    changes = _changes_there(client, selection) if stored is None else changes_of(stored.columns, stored.selection)
    return of_all(changes), of_labels(changes)


def _steps_there(
    client: Client, selection: Selection, *, per_class: bool, labels: Sequence[str] | None = None
) -> list[Steps]:
    changes = _changes_there(client, selection, per_class=per_class, labels=labels)
    if per_class:
        return of_labels(changes)
    return [of_all(changes)] if changes.labels else []


def _changes_there(
    client: Client, selection: Selection, *, per_class: bool = True, labels: Sequence[str] | None = None
) -> Changes:
    sql, parameters = scored(selection, whole_curve=True)
    label = "change.1" if per_class else "''"
    where = "1"
    if labels is not None:
        where = "label IN {shown:Array(String)}"
        parameters = parameters | {"shown": list(labels)}
    table = ask_arrow(client, _CHANGES.format(label=label, where=where, scored=sql), parameters).combine_chunks()
    counted = "arrayJoin(actual)" if per_class else "''"
    size = "1" if per_class else "length(actual)"
    totals = f"SELECT {counted} AS label, sum({size}) FROM ({sql}) WHERE {where} GROUP BY label"
    annotations = dict(ask(client, totals, parameters))
    words = pc.dictionary_encode(table["label"].combine_chunks())
    known = words.dictionary.to_pylist()
    names = sorted({*annotations, *known})
    at = {name: code for code, name in enumerate(names)}
    place = np.array([at[name] for name in known], np.int32)
    confidence, tp, predictions = (table[name].to_numpy() for name in ("confidence", "tp", "predictions"))
    return in_order(
        Changes(
            names,
            np.array([annotations.get(name, 0) for name in names], np.int64),
            place[words.indices.to_numpy()],
            confidence,
            tp.astype(np.int64),
            predictions.astype(np.int64),
        )
    )


def pr_curve(
    client: Client,
    selection: Selection,
    *,
    per_class: bool = False,
    max_points: int = 1001,
    page: CurvesPage = CurvesPage(),  # noqa: B008
) -> PrCurve:
    """Compute precision and recall at every distinct confidence from the selection's upward.

    Every point is exact. A curve of more than ``max_points`` is thinned to that many of its own points, evenly, with
    the first, the last and the best one kept. ``page`` chooses among the curves of ``per_class``.
    """
    if not per_class:
        return PrCurve(curves=[_curve(own, max_points) for own in steps(client, selection, per_class=False)], total=1)
    stored = read_columns(client, selection)
    if stored is None:
        names, total = _labels_there(client, selection, page)
    else:
        counting = count(stored.columns, stored.selection)
        known = {
            stored.columns.labels[code]
            for side, counts in (
                (stored.columns.annotation, counting.annotation_counts),
                (stored.columns.prediction, counting.prediction_counts),
            )
            for code in np.unique(side.label[counts])
        }
        fitting = sorted(filter(page.has, known))
        names, total = fitting[page.offset : page.offset + page.limit], len(fitting)
    shown = steps(client, selection, per_class=True, labels=names)
    return PrCurve(curves=[_curve(own, max_points) for own in shown], total=total)


def _labels_there(client: Client, selection: Selection, page: CurvesPage) -> tuple[list[str], int]:
    """Name the labels of a page, and count those that fit."""
    sql, parameters = scored(selection)
    bound = parameters | page.model_dump(include={"label", "search", "limit", "offset"})
    rows = ask(client, _LABELS.format(scored=sql), bound)
    if not rows and page.offset:  # beyond the end nobody says how many there are
        return [], _labels_there(client, selection, page.model_copy(update={"offset": 0, "limit": 1}))[1]
    return [name for name, _ in rows], rows[0][1] if rows else 0


def _curve(own: Steps, max_points: int) -> Curve:
    label, annotations, confidence, tp, predictions = own
    f1 = 2 * tp / (predictions + annotations)
    best = int(np.argmax(f1)) if len(f1) else -1
    keep = np.arange(len(tp))
    if len(keep) > max_points:
        keep = np.unique(np.append(np.linspace(0, len(tp) - 1, max_points - 1).astype(np.int64), best))
    return Curve(
        label=label,
        annotations=annotations,
        points=len(tp),
        confidence=confidence[keep].tolist(),
        precision=(tp[keep] / predictions[keep]).tolist(),
        recall=(tp[keep] / annotations).tolist() if annotations else [None] * len(keep),
        f1=f1[keep].tolist(),
        best_f1=float(f1[best]) if len(f1) else None,
        best_f1_confidence=float(confidence[best]) if len(f1) else None,
    )
