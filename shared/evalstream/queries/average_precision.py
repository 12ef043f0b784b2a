"""AP and AR, per class and averaged: COCO's twelve figures, and other definitions of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from clickhouse_connect.driver.client import Client
from numba import njit
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from evalstream.events.base import Crowd
from evalstream.matching import AREA_RANGES, MAX_DETECTIONS, MAX_SKELETONS
from evalstream.metrics.average_precision import (
    IOU_THRESHOLDS,
    RULES,
    Averages,
    Bits,
    Interpolation,
    Rule,
    average_changes,
    average_detections,
    float32_linspace,
)
from evalstream.queries.labels import Labels
from evalstream.queries.notes import notes
from evalstream.queries.roll_up import FEATURES
from evalstream.queries.selection import MOST_COUNTED, ROW_KEY, QuestionError, Selection, is_object, selected
from evalstream.scenes import RECTANGLE, Flag, Float, Int, Rectangles
from evalstream.storage.engine import QUERY
from evalstream.types import LOCALISED

#: Where recall is taken for the area under recall over IoU.
_AREA_THRESHOLDS: Final = np.arange(5, 11) / 10


class ApOptions(BaseModel):
    """Which of the many definitions of average precision."""

    interpolation: Interpolation = Field(
        default="101-point",
        description="`101-point`: COCO. `11-point`: Pascal VOC until 2009. `all-point`: the area under interpolated "
        "precision, Pascal VOC from 2010 and Open Images. `none`: the area under the curve as it is, scikit-learn. "
        "`encord`: 11 points, recall rounded to hundredths",
    )
    empty_classes: Literal["exclude", "zero"] = Field(
        default="exclude",
        description="whether classes that are predicted but never annotated are left out of the means, or are 0 there",
    )
    group_of: Literal["ignore", "count"] = Field(
        default="ignore",
        description="policy `best-candidate` only. `count`: a group is one more annotation, found by the most "
        "confident prediction in it, as in the Open Images Challenge",
    )
    thresholds: Literal["float64", "float32"] = Field(
        default="float64",
        description="`float32`: the thresholds .50, .55 … and the 101 recalls rounded to single precision, as "
        "TorchMetrics does unless told otherwise",
    )


_AS_COCO: Final = ApOptions()


class ApClassesPage(Labels):
    """Which classes have figures of their own given; the means are over all of them."""

    limit: int = Field(default=1_000, ge=1, le=100_000)


_ALL_CLASSES: Final = ApClassesPage(limit=100_000)
#: Classes whose curves are in memory at one time.
_SLICE: Final = 1_000


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
    ar_100: float | None = Field(description="given as many as policy `coco` counts: `max_detections`")
    ar_small: float | None
    ar_medium: float | None
    ar_large: float | None


class ClassFigures(ApFigures):
    """The same, and figures at one threshold, or over all of them."""

    at_iou: float | None = Field(description="AP at the `iou` of the selection")
    recall_at_iou: float | None = Field(description="final recall at the `iou` of the selection; Encord's older mAR")
    ar_area: float | None = Field(
        description="twice the area under final recall over IoU .5, .6 … 1 (Hosang et al. 2016); Encord's newer mAR"
    )


class AveragePrecision(ClassFigures):
    """The means over classes with annotations, and each class."""

    ar50: float | None = Field(description="final recall at IoU .50; with `ar75` among COCO's ten figures of keypoints")
    ar75: float | None
    max_detections: dict[str, int] | None = Field(
        description="how many predictions of one class count in one row, the most confident ones, by type; policy "
        "`coco` only, elsewhere all do"
    )
    per_class: dict[str, ClassFigures]
    total: int = Field(description="classes that fit, given or not; the means are over all classes, fit or not")
    undefined: dict[str, str] = Field(
        description="why a figure is null, by its name; `per_class.…`: why all of a class are"
    )
    notes: list[str] = Field(description="what has to be known of this answer")


class Columns(NamedTuple):
    """The selection flattened: every prediction in COCO's order of images, every annotation, every rectangle."""

    labels: list[str]
    label: Int  # of each prediction, a position in labels
    confidence: Float
    rank: Int
    most: Int  # how many of its type, class and row count to policy `coco`
    area: Float
    chosen: Flag  # by the filters
    annotation_label: Int  # of each annotation that is no crowd and passes the filters
    annotation_area: Float
    rectangle: Rectangles  # prediction is a position among all predictions
    correct: Flag  # of each rectangle: both sides have one label
    group: Int  # of each rectangle with a group of objects that is to count the group's number, otherwise −1
    data_row: pa.Array  # the data rows, in that order
    key: NDArray[np.uint64]  # a hash of each
    row: Int  # of each prediction, a position among them
    annotation_row: Int


def average_precisions(
    client: Client, selection: Selection, options: ApOptions = _AS_COCO, page: ApClassesPage = _ALL_CLASSES
) -> AveragePrecision:
    """Compute AP and AR from single detections, exactly as pycocotools does unless the options say otherwise.

    Detections go by decreasing confidence; of equal ones those of the earlier data row first. Rows whose keys
    are integers, COCO's image ids, go in their numeric order; then the others, by length and then by key. Under
    ``iou-greedy``, where a prediction may push another one from its place, the curve has a point for each confidence
    at which something changes. The selection's ``confidence`` leaves out what lies below it; its ``iou`` adds
    ``at_iou``.

    Raises
    ------
    QuestionError
        If groups are to be counted under a policy that knows none.
    """
    if options.group_of == "count" and selection.policy != "best-candidate":
        raise QuestionError("groups are counted under policy `best-candidate` only")
    rule = RULES[options.interpolation]
    ious = IOU_THRESHOLDS
    if options.thresholds == "float32":
        ious = float32_linspace(0.5, 0.95, len(ious))
        rule = rule._replace(
            recalls=float32_linspace(0.0, 1.0, len(rule.recalls)) if len(rule.recalls) else rule.recalls
        )
    thresholds = np.array([selection.threshold(t) for t in (*ious, selection.iou, *_AREA_THRESHOLDS)])
    columns = load(client, selection, options)
    averages: Limited
    if selection.policy == "iou-greedy":
        own, recall = _averages_by_confidence(columns, thresholds, rule, selection.confidence)
        averages = {("all", MAX_DETECTIONS): own}
    else:
        averages, recall = _averages_by_detection(columns, thresholds, rule, coco=selection.policy == "coco")
    areas = np.asarray(2 * np.trapezoid(recall, _AREA_THRESHOLDS, axis=0))
    fitting = [k for k, label in enumerate(columns.labels) if page.has(label)]
    shown = fitting[page.offset : page.offset + page.limit]
    per_class = {columns.labels[k]: _figures(averages, areas, slice(k, k + 1)) for k in shown}
    absent = np.isnan(averages["all", MAX_DETECTIONS].recall[0])
    if options.empty_classes == "zero":
        averages = {
            limits: Averages(*(np.where(absent & np.isnan(values), 0.0, values) for values in own))
            for limits, own in averages.items()
        }
        areas = np.where(absent, 0.0, areas)
    figures = _figures(averages, areas, slice(None))
    empty = [label for label, missing in zip(columns.labels, absent, strict=True) if missing]
    return AveragePrecision(
        **figures.model_dump(),
        ar50=_mean(averages["all", MAX_DETECTIONS].recall[0]),
        ar75=_mean(averages["all", MAX_DETECTIONS].recall[5]),
        max_detections=_max_detections(selection) if selection.policy == "coco" else None,
        per_class=per_class,
        total=len(fitting),
        undefined=_undefined(figures, [label for label in empty if label in per_class], selection),
        notes=[
            *notes(client, selection.model_copy(update={"type": selection.type or list(LOCALISED)})),
            *_of_empty_classes(empty, options),
        ],
    )


def _undefined(figures: ClassFigures, empty: list[str], selection: Selection) -> dict[str, str]:
    found = {}
    for name in ClassFigures.model_fields:
        if getattr(figures, name) is not None:
            continue
        size = name.split("_")[-1]
        if selection.policy != "coco" and size in {*AREA_RANGES, "1", "10"}:
            found[name] = "only policy `coco` knows area ranges and limits on the number of predictions"
        else:
            found[name] = f"no annotation that counts is {size}" if size in AREA_RANGES else "no annotation counts"
    return found | {f"per_class.{label}": "no annotation of this class counts" for label in empty}


def _of_empty_classes(empty: list[str], options: ApOptions) -> list[str]:
    if not empty:
        return []
    named = ", ".join(empty[:5]) + (f" and {len(empty) - 5} more" if len(empty) > 5 else "")
    done = "left out of the means" if options.empty_classes == "exclude" else "0 in the means"
    return [f"Classes that are predicted but never annotated are {done}: {named}."]


def _max_detections(selection: Selection) -> dict[str, int]:
    return {name: MAX_SKELETONS if name == "keypoints" else MAX_DETECTIONS for name in selection.type or LOCALISED}


#: By area range and the most detections that count of one row and class.
Limited = dict[tuple[str, int], Averages]


def _figures(averages: Limited, areas: Float, classes: slice) -> ClassFigures:
    """Average over thresholds and the given classes."""

    def ap(area: str, thresholds: slice = slice(10)) -> float | None:
        own = averages.get((area, MAX_DETECTIONS))
        return _mean(own.precision[thresholds, :, classes]) if own else None

    def ar(area: str, most: int = MAX_DETECTIONS, thresholds: slice = slice(10)) -> float | None:
        own = averages.get((area, most))
        return _mean(own.recall[thresholds, classes]) if own else None

    return ClassFigures(
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
        at_iou=ap("all", slice(10, 11)),
        recall_at_iou=ar("all", thresholds=slice(10, 11)),
        ar_area=_mean(areas[classes]),
    )


def _mean(values: Float) -> float | None:
    defined = values[~np.isnan(values)]
    return float(np.mean(defined)) if defined.size else None


def _averages_by_detection(columns: Columns, thresholds: Float, rule: Rule, *, coco: bool) -> tuple[Limited, Float]:
    """For policies where the confidence is a pure filter: every detection is a point of the curve.

    For ``coco`` gives the averages of every area range at 100 detections, and of ``all`` at 1 and 10. Other policies
    know no such bounds: everything counts.

    Parameters
    ----------
    thresholds : (11 + n,) float64
        IoU thresholds: those to average precision and recall at, and n more where only recall is wanted.

    Returns
    -------
    averages, recall
        The averages at the first 11 thresholds; the final recalls at the others, ``(n, classes)``.
    """
    order = in_order(columns)
    rank = columns.rank[order]
    found: Limited = {}
    recall = np.empty((0, len(columns.labels)))
    for number, (name, (low, high)) in enumerate((AREA_RANGES if coco else {"all": (-np.inf, np.inf)}).items()):
        counts = (columns.annotation_area >= low) & (columns.annotation_area <= high)
        annotations = np.bincount(columns.annotation_label[counts], minlength=len(columns.labels))
        used = thresholds if name == "all" else thresholds[:11]
        matched, correct, ignored = outcomes(columns.rectangle, columns.correct, number, used, len(columns.label))
        if np.any(columns.group >= 0):
            _count_groups(columns, order, used, correct, ignored)
        # Matched to an annotation that counts, a prediction counts, whatever its own area.
        outside = (columns.area < low) | (columns.area > high)
        ignored |= np.where(outside, ~matched, np.uint32(0))
        for most in (MAX_DETECTIONS, *((1, 10) if coco and name == "all" else ())):
            kept = order[rank < np.minimum(most, columns.most[order])] if coco else order
            start = np.searchsorted(columns.label[kept], np.arange(len(columns.labels) + 1))
            own = correct[kept], ignored[kept], columns.confidence[kept]
            found[name, most] = _in_slices(start, annotations, partial(_of_detections, own, rule))
            if name == "all" and most == MAX_DETECTIONS:
                recall = np.stack(
                    [
                        _recall(columns.label[kept[correct[kept] >> np.uint32(bit) & 1 > 0]], annotations)
                        for bit in range(11, len(thresholds))
                    ]
                )
    return found, recall


def _in_slices(start: Int, annotations: Int, average: Callable[[Int, Int], Averages]) -> Averages:
    """Average so many classes at a time, and keep only the mean of each curve: curves of all would be too much."""
    parts = []
    for first in range(0, max(len(annotations), 1), _SLICE):
        own = average(start[first : first + _SLICE + 1], annotations[first : first + _SLICE])
        parts.append((own.precision.mean(axis=1, keepdims=True), own.recall))
    return Averages(*(np.concatenate(columns, axis=-1) for columns in zip(*parts, strict=True)))


def _of_detections(own: tuple[Bits, Bits, Float], rule: Rule, start: Int, annotations: Int) -> Averages:
    correct, ignored, confidence = own
    return average_detections(start, correct, ignored, confidence, annotations, 11, rule)


def _of_changes(own: tuple[Int, Int, Flag], rule: Rule, start: Int, annotations: Int) -> Averages:
    delta_tp, counted, is_point = own
    return average_changes(start, delta_tp, counted, is_point, annotations, rule)


def in_order(columns: Columns) -> Int:
    """Sort the chosen predictions by class, and within a class by decreasing confidence."""
    order = np.lexsort((-columns.confidence, columns.label))
    return order[columns.chosen[order]]


def _recall(found: Int, annotations: Int) -> Float:
    """Final recall of each class, from the labels of all true positives; NaN for a class without annotations."""
    tp = np.bincount(found, minlength=len(annotations))
    recall: Float = np.divide(tp, annotations, out=np.full(len(tp), np.nan), where=annotations > 0)
    return recall


@njit(cache=True, nogil=True)
def outcomes(rectangles: Rectangles, same: Flag, area: int, thresholds: Float, count: int) -> tuple[Bits, Bits, Bits]:
    """For each prediction, a bit a threshold: matched to an annotation that counts, of its own label, or ignored."""
    matched, correct, ignored = np.zeros(count, np.uint32), np.zeros(count, np.uint32), np.zeros(count, np.uint32)
    for i in range(len(rectangles)):
        r = rectangles[i]
        if r.area_range != area:
            continue
        bits = _bits(r.iou_low, r.iou_high, thresholds)
        if r.ignored:
            ignored[r.prediction] |= bits
        else:
            matched[r.prediction] |= bits
            if same[i]:
                correct[r.prediction] |= bits
    return matched, correct, ignored


@njit(cache=True, nogil=True, inline="always")
def _bits(low: float, high: float, thresholds: Float) -> np.uint32:
    bits = np.uint32(0)
    for t in range(len(thresholds)):
        if low < thresholds[t] <= high:
            bits |= np.uint32(1 << t)
    return bits


def _count_groups(columns: Columns, order: Int, thresholds: Float, correct: Bits, ignored: Bits) -> None:
    """Make the most confident of the predictions that a group takes out of the count a true positive, in place."""
    position = np.full(len(columns.label), len(order))
    position[order] = np.arange(len(order))
    inside = np.flatnonzero((columns.group >= 0) & (position[columns.rectangle["prediction"]] < len(order)))
    found: dict[int, int] = {}  # at which thresholds each group has been found so far
    for i in inside[np.argsort(position[columns.rectangle["prediction"][inside]], kind="stable")]:
        r = columns.rectangle[i]
        group = int(columns.group[i])
        bits = int(_bits(r["iou_low"], r["iou_high"], thresholds)) & ~found.get(group, 0)
        found[group] = found.get(group, 0) | bits
        correct[r["prediction"]] |= np.uint32(bits)
        ignored[r["prediction"]] &= ~np.uint32(bits)


def _averages_by_confidence(columns: Columns, thresholds: Float, rule: Rule, least: float) -> tuple[Averages, Float]:
    """For policies where a lower confidence may unmake a match: the curve has a point a change.

    Takes and gives what :func:`_averages_by_detection` does.
    """
    annotations = np.bincount(columns.annotation_label, minlength=len(columns.labels))
    found = []
    recall = []
    for number, t in enumerate(thresholds):
        if number >= 11:
            r = _correct_at(columns, t)
            live = r[(r["confidence_low"] < least) & (least <= r["confidence_high"])]
            recall.append(_recall(columns.label[live["prediction"]], annotations))
            continue
        own = changes_at(columns, t, least)
        changes = own.delta_tp, own.counted, own.is_point
        found.append(_in_slices(own.start, annotations, partial(_of_changes, changes, rule)))
    return Averages(*(np.concatenate(parts) for parts in zip(*found, strict=True))), np.stack(recall)


def _correct_at(columns: Columns, threshold: float) -> Rectangles:
    r = columns.rectangle[columns.correct]
    found: Rectangles = r[(r["iou_low"] < threshold) & (threshold <= r["iou_high"]) & columns.chosen[r["prediction"]]]
    return found


class Changes(NamedTuple):
    """What happens as the confidence threshold sinks, class by class: as ``average_changes`` takes it."""

    start: Int
    prediction: Int  # of each change, a position among all predictions
    delta_tp: Int
    counted: Int
    is_point: Flag


def changes_at(columns: Columns, threshold: float, least: float) -> Changes:
    """List the changes at one IoU threshold, down to a confidence."""
    r = _correct_at(columns, threshold)
    unmade = r[r["confidence_low"] >= least]
    own = np.flatnonzero(columns.chosen)
    prediction = np.concatenate((own, r["prediction"], unmade["prediction"]))
    label = columns.label[prediction]
    confidence = np.concatenate((columns.confidence[own], r["confidence_high"], unmade["confidence_low"]))
    delta_tp = np.repeat([0, 1, -1], (len(own), len(r), len(unmade)))
    counted = np.repeat([1, 0, 0], (len(own), len(r), len(unmade)))
    order = np.lexsort((-confidence, label))
    order = order[confidence[order] >= least]
    label, confidence = label[order], confidence[order]
    start = np.searchsorted(label, np.arange(len(columns.labels) + 1))
    is_point = np.append((np.diff(label) != 0) | (np.diff(confidence) != 0), np.bool_(True))[: len(order)]
    return Changes(start, prediction[order], delta_tp[order], counted[order], is_point)


def load(client: Client, selection: Selection, options: ApOptions = _AS_COCO) -> Columns:
    """Read the selection."""
    rows = selected(selection)
    counts = is_object(selection)
    group = "emptyArrayInt64()"
    if options.group_of == "count":
        counts = f"({counts} OR c = {Crowd.GROUP_OF})"
        is_group = f"i AND annotation_crowd[a + 1] = {Crowd.GROUP_OF}"
        group = f"arrayMap((a, i) -> if({is_group}, toInt64(a), -1), match_annotation, match_ignored)"
    chosen = {"type": list(selection.type or LOCALISED), "feature": list(selection.feature)}
    table = client.query_arrow(
        f"""
        SELECT
            prediction_label, prediction_confidence, prediction_rank, prediction_area,
            arrayMap(k -> toInt64({MOST_COUNTED}), prediction_type) AS prediction_most,
            arrayMap((k, f, c) -> {_CHOSEN} AND c >= {{confidence:Float64}},
                prediction_type, prediction_feature, prediction_confidence) AS prediction_chosen,
            arrayFilter((x, k, f, c) -> {_CHOSEN} AND {counts},
                annotation_label, annotation_type, annotation_feature, annotation_crowd) AS counted_label,
            arrayFilter((x, k, f, c) -> {_CHOSEN} AND {counts},
                annotation_area, annotation_type, annotation_feature, annotation_crowd) AS counted_area,
            match_prediction, match_confidence_low, match_confidence_high, match_iou_low, match_iou_high,
            match_area_range, match_ignored,
            arrayMap((a, p) -> a = p, match_actual, match_predicted) AS match_correct,
            {group} AS match_group, length(annotation_id) AS annotations, data_row, {ROW_KEY} AS row_key
        FROM ({rows.sql}) ORDER BY toInt64OrNull(data_row) NULLS LAST, length(data_row), data_row
        """,
        parameters=rows.parameters | chosen | {"confidence": selection.confidence},
        settings=QUERY,
    )
    annotations_before = np.append(0, np.cumsum(table["annotations"].to_numpy()))[:-1]
    data_row, key = table["data_row"].combine_chunks(), table["row_key"].to_numpy()
    table = table.drop_columns(["annotations", "data_row", "row_key"])
    flat = {name: table[name].combine_chunks().flatten() for name in table.column_names}
    chosen_label = flat["prediction_label"].filter(pc.cast(flat["prediction_chosen"], pa.bool_()))
    labels = sorted(pc.unique(pa.concat_arrays([chosen_label, flat["counted_label"]])).to_pylist())
    rectangle = np.zeros(len(flat["match_prediction"]), RECTANGLE)
    first = np.cumsum(np.concatenate(([0], _lengths(table, "prediction_label"))))[:-1]
    rectangle["prediction"] = flat["match_prediction"].to_numpy()
    rectangle["prediction"] += np.repeat(first, _lengths(table, "match_prediction")).astype(np.int32)
    group_at = np.full(len(rectangle), -1)
    if options.group_of == "count":
        own = flat["match_group"].to_numpy()
        group_at = np.where(own >= 0, own + np.repeat(annotations_before, _lengths(table, "match_group")), -1)
    for name in ("confidence_low", "confidence_high", "iou_low", "iou_high", "area_range", "ignored"):
        rectangle[name] = flat[f"match_{name}"].to_numpy()
    return Columns(
        labels,
        _codes(flat["prediction_label"], labels),
        flat["prediction_confidence"].to_numpy(),
        flat["prediction_rank"].to_numpy(),
        flat["prediction_most"].to_numpy(),
        flat["prediction_area"].to_numpy(),
        flat["prediction_chosen"].to_numpy().astype(np.bool_),
        _codes(flat["counted_label"], labels),
        flat["counted_area"].to_numpy(),
        rectangle,
        flat["match_correct"].to_numpy().astype(np.bool_),
        group_at.astype(np.int64),
        data_row,
        key,
        np.repeat(np.arange(len(key)), _lengths(table, "prediction_label")),
        np.repeat(np.arange(len(key)), _lengths(table, "counted_label")),
    )


_CHOSEN = f"has({{type:Array(String)}}, k) AND (empty({{feature:Array(String)}}) OR f IN {FEATURES})"


def _lengths(table: pa.Table, name: str) -> Int:
    return np.asarray(pc.list_value_length(table[name].combine_chunks()), np.int64)


def _codes(values: pa.Array, labels: list[str]) -> Int:
    """Positions in ``labels``; −1 for a label that no chosen object has."""
    codes = pc.fill_null(pc.index_in(values, value_set=pa.array(labels, pa.string())), -1)
    return np.asarray(codes, np.int64)
