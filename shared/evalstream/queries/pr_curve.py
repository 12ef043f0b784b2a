"""Precision and recall at every confidence."""

from __future__ import annotations

import numpy as np
from clickhouse_connect.driver.client import Client
from pydantic import BaseModel, Field

from evalstream.queries.selection import Selection, ask, scored

# What changes, at which confidence: a prediction comes in; a correct match is made; it is unmade again (only where a
# policy lets a less confident prediction push a partner away).
_CHANGES = """
SELECT {label} AS label, change.2 AS confidence, sum(change.3), sum(change.4) FROM (
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
GROUP BY label, confidence ORDER BY label, confidence DESC
"""


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


class PrCurve(BaseModel):
    """Precision-recall curves."""

    curves: list[Curve]


def pr_curve(client: Client, selection: Selection, *, per_class: bool = False, max_points: int = 1001) -> PrCurve:
    """Compute precision and recall at every distinct confidence from the selection's upward.

    Every point is exact. A curve of more than ``max_points`` is thinned to that many of its own points, evenly, with
    the first, the last and the best one kept.
    """
    sql, parameters = scored(selection, whole_curve=True)
    label = "change.1" if per_class else "''"
    changes = ask(client, _CHANGES.format(label=label, scored=sql), parameters)
    counted = "arrayJoin(actual)" if per_class else "''"
    size = "1" if per_class else "length(actual)"
    annotations = dict(ask(client, f"SELECT {counted} AS label, sum({size}) FROM ({sql}) GROUP BY label", parameters))
    columns: dict[str, list[tuple[float, int, int]]] = {name: [] for name in annotations}
    for name, *change in changes:
        columns.setdefault(name, []).append((change[0], change[1], change[2]))
    return PrCurve(
        curves=[_curve(name or None, annotations.get(name, 0), columns[name], max_points) for name in sorted(columns)]
    )


def _curve(label: str | None, annotations: int, changes: list[tuple[float, int, int]], max_points: int) -> Curve:
    confidence = np.array([change[0] for change in changes])
    tp = np.cumsum([change[1] for change in changes])
    predictions = np.cumsum([change[2] for change in changes])
    seen = predictions > 0
    confidence, tp, predictions = confidence[seen], tp[seen], predictions[seen]
    f1 = 2 * tp / (predictions + annotations) if len(tp) else np.empty(0)
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
