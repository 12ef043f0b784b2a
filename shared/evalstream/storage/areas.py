"""Areas of predicted boxes, which table ``events`` leaves out: they are the boxes' width times their height."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from evalstream.arrow import column, numbers
from evalstream.events import EVENTS

#: From events, and the area of each of their objects, to areas.
_Change = Callable[[pa.RecordBatch, NDArray[np.float64]], NDArray[np.float64]]
_AREA: Final = EVENTS.get_field_index("object_area")


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
        offsets = column(np.concatenate(([0], np.cumsum(_lengths(lists)))).astype(np.int32))
        batches.append(batch.set_column(_AREA, EVENTS.field(_AREA), pa.ListArray.from_arrays(offsets, column(area))))
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
