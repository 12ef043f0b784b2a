"""AP and AR, per class and averaged: COCO's twelve figures."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from clickhouse_connect.driver.client import Client
from numba import njit
from pydantic import BaseModel, Field

from evalstream.matching import AREA_RANGES, MAX_DETECTIONS, MAX_IOU_THRESHOLD
from evalstream.metrics.average_precision import (
    IOU_THRESHOLDS,
    Averages,
    Bits,
    average_changes,
    average_detections,
)
from evalstream.queries.selection import Selection, selected
from evalstream.scenes import RECTANGLE, Flag, Float, Int, Rectangles
from evalstream.storage.engine import QUERY

#: Types whose objects have a place; average precision is not asked of the others unless they are named.
LOCALISED = ("bbox",)


class ApFigures(BaseModel):
    """COCO's figures. Null: not defined, because no annotation counts there or the policy knows no such thing."""

    ap: float | None = Field(description="mean over the IoU thresholds .50, .55 … .95")
    ap50: float | None
    ap75: float | None
    ap_small: float | None = Field(
        description="annotations up to 32² px; policy `coco` only, as all by area or maximum"
    )
    ap_medium: float | None
    ap_large: float | None
    ar_1: float | None = Field(description="final recall, mean over the IoU thresholds, given 1 prediction a row")
    ar_10: float | None
    ar_100: float | None
    ar_small: float | None
    ar_medium: float | None
    ar_large: float | None


class AveragePrecision(ApFigures):
    """The means over classes with annotations, and each class."""

    at_iou: float | None = Field(description="mean AP at the `iou` of the selection")
    per_class: dict[str, ApFigures]


class _Columns(NamedTuple):
    """The selection flattened: every prediction in COCO's order of images, every annotation, every rectangle."""

    labels: list[str]
    label: Int  # of each prediction, a position in labels
    confidence: Float
    rank: Int
    area: Float
    chosen: Flag  # by the filters
    annotation_label: Int  # of each annotation that is no crowd and passes the filters
    annotation_area: Float
    rectangle: Rectangles  # prediction is a position among all predictions
    correct: Flag  # of each rectangle: both sides have one label


def average_precisions(client: Client, selection: Selection) -> AveragePrecision:
    """Compute AP and AR from single detections, exactly as pycocotools does.

    Detections go by decreasing confidence; of equal ones those of the earlier data row first. Rows whose keys
    are integers, COCO's image ids, go in their numeric order; then the others, by length and then by key. Under
    ``iou-greedy``, where a prediction may push another one from its place, the curve has a point for each confidence
    at which something changes. The selection's ``confidence`` leaves out what lies below it; its ``iou`` adds
    ``at_iou``.
    """
    columns = _load(client, selection)
    thresholds = np.append(IOU_THRESHOLDS, min(selection.iou, MAX_IOU_THRESHOLD))
    if selection.policy == "iou-greedy":
        averages = {("all", MAX_DETECTIONS): _averages_by_confidence(columns, thresholds, selection.confidence)}
    else:
        averages = _averages_by_detection(columns, thresholds, coco=selection.policy == "coco")
    return AveragePrecision(
        **_figures(averages, slice(None)).model_dump(),
        at_iou=_mean(averages["all", MAX_DETECTIONS].precision[10]),
        per_class={label: _figures(averages, slice(k, k + 1)) for k, label in enumerate(columns.labels)},
    )


#: By area range and the most detections that count of one row and class.
Limited = dict[tuple[str, int], Averages]


def _figures(averages: Limited, classes: slice) -> ApFigures:
    """Average over thresholds, recalls and the given classes, as pycocotools does: in one mean."""

    def ap(area: str, thresholds: slice = slice(10)) -> float | None:
        own = averages.get((area, MAX_DETECTIONS))
        return _mean(own.precision[thresholds, :, classes]) if own else None

    def ar(area: str, most: int = MAX_DETECTIONS) -> float | None:
        own = averages.get((area, most))
        return _mean(own.recall[:10, classes]) if own else None

    return ApFigures(
        ap=ap("all"),
        ap50=ap("all", slice(0, 1)),
        ap75=ap("all", slice(5, 6)),
        ap_small=ap("small"),
        ap_medium=ap("medium"),
        ap_large=ap("large"),
        ar_1=ar("all", 1),
        ar_10=ar("all", 10),
        ar_100=ar("all"),
        ar_small=ar("small"),
        ar_medium=ar("medium"),
        ar_large=ar("large"),
    )


def _mean(values: Float) -> float | None:
    defined = values[~np.isnan(values)]
    return float(np.mean(defined)) if defined.size else None


def _averages_by_detection(columns: _Columns, thresholds: Float, *, coco: bool) -> Limited:
    """For policies where the confidence is a pure filter: every detection is a point of the curve.

    For ``coco`` gives the averages of every area range at 100 detections, and of ``all`` at 1 and 10. Other policies
    know no such bounds: everything counts.
    """
    order = np.lexsort((-columns.confidence, columns.label))
    order = order[columns.chosen[order]]
    rank = columns.rank[order]
    found: Limited = {}
    for number, (name, (low, high)) in enumerate((AREA_RANGES if coco else {"all": (-np.inf, np.inf)}).items()):
        counts = (columns.annotation_area >= low) & (columns.annotation_area <= high)
        annotations = np.bincount(columns.annotation_label[counts], minlength=len(columns.labels))
        matched, correct, ignored = _outcomes(
            columns.rectangle, columns.correct, number, thresholds, len(columns.label)
        )
        # Matched to an annotation that counts, a prediction counts, whatever its own area.
        outside = (columns.area < low) | (columns.area > high)
        ignored |= np.where(outside, ~matched, np.uint16(0))
        for most in (MAX_DETECTIONS, *((1, 10) if coco and name == "all" else ())):
            kept = order[rank < most] if coco else order
            start = np.searchsorted(columns.label[kept], np.arange(len(columns.labels) + 1))
            found[name, most] = average_detections(start, correct[kept], ignored[kept], annotations, len(thresholds))
    return found


@njit(cache=True, nogil=True)
def _outcomes(rectangles: Rectangles, same: Flag, area: int, thresholds: Float, count: int) -> tuple[Bits, Bits, Bits]:
    """For each prediction, a bit a threshold: matched to an annotation that counts, of its own label, or ignored."""
    matched, correct, ignored = np.zeros(count, np.uint16), np.zeros(count, np.uint16), np.zeros(count, np.uint16)
    for i in range(len(rectangles)):
        r = rectangles[i]
        if r.area_range != area:
            continue
        bits = np.uint16(0)
        for t in range(len(thresholds)):
            if r.iou_low < thresholds[t] <= r.iou_high:
                bits |= np.uint16(1 << t)
        if r.ignored:
            ignored[r.prediction] |= bits
        else:
            matched[r.prediction] |= bits
            if same[i]:
                correct[r.prediction] |= bits
    return matched, correct, ignored


def _averages_by_confidence(columns: _Columns, thresholds: Float, least: float) -> Averages:
    """For policies where a lower confidence may unmake a match: the curve has a point a change."""
    annotations = np.bincount(columns.annotation_label, minlength=len(columns.labels))
    found = []
    for t in thresholds:
        r = columns.rectangle[columns.correct]
        r = r[(r["iou_low"] < t) & (t <= r["iou_high"]) & columns.chosen[r["prediction"]]]
        unmade = r[r["confidence_low"] >= least]
        own = columns.label[columns.chosen]
        label = np.concatenate((own, columns.label[r["prediction"]], columns.label[unmade["prediction"]]))
        confidence = np.concatenate(
            (columns.confidence[columns.chosen], r["confidence_high"], unmade["confidence_low"])
        )
        delta_tp = np.repeat([0, 1, -1], (len(own), len(r), len(unmade)))
        counted = np.repeat([1, 0, 0], (len(own), len(r), len(unmade)))
        order = np.lexsort((-confidence, label))
        order = order[confidence[order] >= least]
        label, confidence = label[order], confidence[order]
        start = np.searchsorted(label, np.arange(len(columns.labels) + 1))
        is_point = np.append((np.diff(label) != 0) | (np.diff(confidence) != 0), np.bool_(True))[: len(order)]
        found.append(average_changes(start, delta_tp[order], counted[order], is_point, annotations))
    return Averages(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def _load(client: Client, selection: Selection) -> _Columns:
    rows = selected(selection)
    chosen = {"type": list(selection.type or LOCALISED), "feature": list(selection.feature)}
    table = client.query_arrow(
        f"""
        SELECT
            prediction_label, prediction_confidence, prediction_rank, prediction_area,
            arrayMap((k, f, c) -> {_CHOSEN} AND c >= {{confidence:Float64}},
                prediction_type, prediction_feature, prediction_confidence) AS prediction_chosen,
            arrayFilter((x, k, f, c) -> {_CHOSEN} AND NOT c,
                annotation_label, annotation_type, annotation_feature, annotation_crowd) AS counted_label,
            arrayFilter((x, k, f, c) -> {_CHOSEN} AND NOT c,
                annotation_area, annotation_type, annotation_feature, annotation_crowd) AS counted_area,
            match_prediction, match_confidence_low, match_confidence_high, match_iou_low, match_iou_high,
            match_area_range, match_ignored,
            arrayMap((a, p) -> a = p, match_actual, match_predicted) AS match_correct
        FROM ({rows.sql}) ORDER BY toInt64OrNull(data_row) NULLS LAST, length(data_row), data_row
        """,
        parameters=rows.parameters | chosen | {"confidence": selection.confidence},
        settings=QUERY,
    )
    flat = {name: table[name].combine_chunks().flatten() for name in table.column_names}
    chosen_label = flat["prediction_label"].filter(pc.cast(flat["prediction_chosen"], pa.bool_()))
    labels = sorted(pc.unique(pa.concat_arrays([chosen_label, flat["counted_label"]])).to_pylist())
    rectangle = np.zeros(len(flat["match_prediction"]), RECTANGLE)
    first = np.cumsum(np.concatenate(([0], _lengths(table, "prediction_label"))))[:-1]
    rectangle["prediction"] = flat["match_prediction"].to_numpy()
    rectangle["prediction"] += np.repeat(first, _lengths(table, "match_prediction")).astype(np.int32)
    for name in ("confidence_low", "confidence_high", "iou_low", "iou_high", "area_range", "ignored"):
        rectangle[name] = flat[f"match_{name}"].to_numpy()
    return _Columns(
        labels,
        _codes(flat["prediction_label"], labels),
        flat["prediction_confidence"].to_numpy(),
        flat["prediction_rank"].to_numpy(),
        flat["prediction_area"].to_numpy(),
        flat["prediction_chosen"].to_numpy().astype(np.bool_),
        _codes(flat["counted_label"], labels),
        flat["counted_area"].to_numpy(),
        rectangle,
        flat["match_correct"].to_numpy().astype(np.bool_),
    )


_CHOSEN = "has({type:Array(String)}, k) AND (empty({feature:Array(String)}) OR has({feature:Array(String)}, f))"


def _lengths(table: pa.Table, name: str) -> Int:
    return np.asarray(pc.list_value_length(table[name].combine_chunks()), np.int64)


def _codes(values: pa.Array, labels: list[str]) -> Int:
    """Positions in ``labels``; −1 for a label that no chosen object has."""
    codes = pc.fill_null(pc.index_in(values, value_set=pa.array(labels, pa.string())), -1)
    return np.asarray(codes, np.int64)
