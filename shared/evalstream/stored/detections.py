"""Single detections in their order, which average precision needs: the selection as columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from evalstream.events.base import Crowd
from evalstream.metrics.detections import Detections
from evalstream.scenes import RECTANGLE, Int
from evalstream.selection import Selection
from evalstream.stored.counted import MOST_COUNTED, ROW_KEY, ROW_ORDER, ask_arrow, is_object, selected
from evalstream.stored.roll_up import FEATURES
from evalstream.types import LOCALISED

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client


class Stored(NamedTuple):
    """The detections of a stored run, and the data rows that they are on, in their order."""

    detections: Detections
    data_row: pa.Array
    key: NDArray[np.uint64]  # a hash of each data row's name


def read_detections(client: Client, selection: Selection, *, groups: bool = False) -> Stored:
    """Read what average precision is computed from; with ``groups``, groups of objects are annotations too."""
    rows = selected(selection)
    counts = is_object(selection)
    chosen = "has({type:Array(String)}, k)"
    if selection.feature:  # the hierarchy is looked into only where classes were named: it costs as much as the rest
        chosen += f" AND f IN {FEATURES}"
    group = "emptyArrayInt64()"
    if groups:
        counts = f"({counts} OR c = {Crowd.GROUP_OF})"
        is_group = f"i AND annotation_crowd[a + 1] = {Crowd.GROUP_OF}"
        group = f"arrayMap((a, i) -> if({is_group}, toInt64(a), -1), match_annotation, match_ignored)"
    asked = {"type": list(selection.type or LOCALISED), "feature": list(selection.feature)}
    table = ask_arrow(
        client,
        f"""
        SELECT
            prediction_label, prediction_confidence, prediction_rank, prediction_area,
            arrayMap(k -> toInt64({MOST_COUNTED}), prediction_type) AS prediction_most,
            arrayMap((k, f, c) -> {chosen} AND c >= {{confidence:Float64}},
                prediction_type, prediction_feature, prediction_confidence) AS prediction_chosen,
            arrayFilter((x, k, f, c) -> {chosen} AND {counts},
                annotation_label, annotation_type, annotation_feature, annotation_crowd) AS counted_label,
            arrayFilter((x, k, f, c) -> {chosen} AND {counts},
                annotation_area, annotation_type, annotation_feature, annotation_crowd) AS counted_area,
            match_prediction, match_confidence_low, match_confidence_high, match_iou_low, match_iou_high,
            match_area_range, match_ignored,
            arrayMap((a, p) -> a = p, match_actual, match_predicted) AS match_correct,
            {group} AS match_group, length(annotation_id) AS annotations, data_row, {ROW_KEY} AS row_key
        FROM ({rows.sql}) {ROW_ORDER}
        """,
        rows.parameters | asked | {"confidence": selection.confidence},
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
    if groups:
        own = flat["match_group"].to_numpy()
        group_at = np.where(own >= 0, own + np.repeat(annotations_before, _lengths(table, "match_group")), -1)
    for name in ("confidence_low", "confidence_high", "iou_low", "iou_high", "area_range", "ignored"):
        rectangle[name] = flat[f"match_{name}"].to_numpy()
    detections = Detections(
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
        np.repeat(np.arange(len(key)), _lengths(table, "prediction_label")),
        np.repeat(np.arange(len(key)), _lengths(table, "counted_label")),
    )
    return Stored(detections, data_row, key)


def _lengths(table: pa.Table, name: str) -> Int:
    return np.asarray(pc.list_value_length(table[name].combine_chunks()), np.int64)


def _codes(values: pa.Array, labels: list[str]) -> Int:
    """Positions in ``labels``; −1 for a label that no chosen object has."""
    codes = pc.fill_null(pc.index_in(values, value_set=pa.array(labels, pa.string())), -1)
    return np.asarray(codes, np.int64)
