"""Boxes as tables hold them: coordinates of two decimals as hundredths, and no areas that are width times height.

Whole numbers of a few bits take half the place of floats, whose last bits look like chance, and less time to compress
and to merge. Everything is read as it was, to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from evalstream.arrow import column, numbers
from evalstream.events import EVENTS

_PER_UNIT: Final = 100.0
_AREA: Final = EVENTS.get_field_index("object_area")
#: From events, and the area of each of their objects, to areas.
_Change = Callable[[pa.RecordBatch, NDArray[np.float64]], NDArray[np.float64]]


def in_hundredths(table: pa.Table, *sides: str) -> pa.Table:
    """Move the boxes of each side that :func:`in_units` finds again from ``…_geometry`` to ``…_hundredths``.

    Both columns have an entry for every object, and of one of the two it is empty.
    """
    batches = []
    for batch in table.to_batches():
        for side in sides:
            place, lists = batch.schema.get_field_index(f"{side}_geometry"), batch[f"{side}_geometry"]
            geometry, hundredths = _divided(batch[f"{side}_type"].flatten(), lists.flatten())
            offsets = _offsets(_lengths(lists))
            batch = batch.set_column(place, f"{side}_geometry", pa.ListArray.from_arrays(offsets, geometry))
            batch = batch.append_column(f"{side}_hundredths", pa.ListArray.from_arrays(offsets, hundredths))
        batches.append(batch)
    return pa.Table.from_batches(batches) if batches else table


def in_units(table: pa.Table, side: str) -> pa.Table:
    """Move the boxes of a side to ``…_geometry`` again."""
    batches = []
    for batch in table.to_batches():
        place, lists = batch.schema.get_field_index(f"{side}_geometry"), batch[f"{side}_geometry"]
        given, boxes = lists.flatten(), batch[f"{side}_hundredths"].flatten()
        length, moved = _lengths(given), _lengths(boxes)
        values = np.empty(int(length.sum() + moved.sum()))
        is_moved = np.repeat(moved > 0, length + moved)
        values[is_moved] = numbers(boxes.flatten()) / _PER_UNIT
        values[~is_moved] = numbers(given.flatten())
        geometry = pa.ListArray.from_arrays(_offsets(length + moved), column(values))
        whole = pa.ListArray.from_arrays(_offsets(_lengths(lists)), geometry)
        batches.append(batch.set_column(place, f"{side}_geometry", whole).drop_columns([f"{side}_hundredths"]))
    return pa.Table.from_batches(batches) if batches else table.drop_columns([f"{side}_hundredths"])


def geometry_in_units(side: str) -> str:
    """SQL for what :func:`in_units` gives."""
    units = f"arrayMap(x -> x / {_PER_UNIT:.0f}, own)"
    return f"arrayMap((given, own) -> if(empty(own), given, {units}), {side}_geometry, {side}_hundredths)"


def _divided(types: pa.Array, geometry: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Give shapes without the boxes that are hundredths to the last bit, and these, as an entry of either for each."""
    values, length = numbers(geometry.flatten()), _lengths(geometry)
    moved = np.asarray(pc.equal(types, "bbox")) & (length == 4)
    start = (np.cumsum(length) - length)[moved]
    box = values[start[:, np.newaxis] + np.arange(4)]
    with np.errstate(over="ignore"):
        rounded = np.rint(box * _PER_UNIT)
    own = np.where(np.abs(rounded) < 2**31, rounded, 0.0).astype(np.int32)
    # Of one quotient there is one nearest float, and it is what people's two decimals are read as.
    same = np.all((own / _PER_UNIT).view(np.int64) == box.view(np.int64), axis=1)
    moved[moved] = same
    left = values[~np.repeat(moved, length)]
    return (
        pa.ListArray.from_arrays(_offsets(np.where(moved, 0, length)), column(left)),
        pa.ListArray.from_arrays(_offsets(np.where(moved, 4, 0)), column(own[same].ravel())),
    )


def without_areas(events: pa.Table) -> pa.Table:
    """Give events (schema ``EVENTS``) with NaN for the areas that :func:`with_areas` computes, to the last bit.

    Annotations keep theirs: what is said of an object's area need not be its box's.
    """

    def kept(batch: pa.RecordBatch, area: NDArray[np.float64]) -> NDArray[np.float64]:
        predicted = np.repeat(np.asarray(pc.not_equal(batch["run"], "")), _lengths(batch["object_area"]))
        return np.where(predicted & (_areas_of_boxes(batch) == area), np.nan, area)

    return _changed(events, kept)


def with_areas(events: pa.Table) -> pa.Table:
    """Give events (schema ``EVENTS``) with the areas that boxes have, where they were left out."""

    def filled(batch: pa.RecordBatch, area: NDArray[np.float64]) -> NDArray[np.float64]:
        unknown = np.isnan(area)
        return np.where(unknown, _areas_of_boxes(batch), area) if unknown.any() else area

    return _changed(events, filled)


def _changed(events: pa.Table, change: _Change) -> pa.Table:
    batches = []
    for batch in events.to_batches():
        lists = batch["object_area"]
        area = change(batch, numbers(lists.flatten()))
        whole = pa.ListArray.from_arrays(_offsets(_lengths(lists)), column(area))
        batches.append(batch.set_column(_AREA, EVENTS.field(_AREA), whole))
    return pa.Table.from_batches(batches, EVENTS)


def _areas_of_boxes(events: pa.RecordBatch) -> NDArray[np.float64]:
    """Compute width times height of each object that is a box; NaN of others."""
    geometry = events["object_geometry"].flatten()
    values = numbers(geometry.flatten())
    length = _lengths(geometry)
    is_box = np.asarray(pc.equal(events["object_type"].flatten(), "bbox")) & (length == 4)
    start = (np.cumsum(length) - length)[is_box]
    area = np.full(len(length), np.nan)
    area[is_box] = values[start + 2] * values[start + 3]
    return area


def _lengths(lists: pa.Array) -> NDArray[np.int64]:
    return np.asarray(pc.list_value_length(lists), np.int64)


def _offsets(lengths: NDArray[np.int64]) -> pa.Array:
    return column(np.concatenate(([0], np.cumsum(lengths))).astype(np.int32))
