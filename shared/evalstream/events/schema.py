"""The columns of events."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

#: The rows of table ``events``, one event a row, its objects as parallel lists.
EVENTS: Final = pa.schema(
    [
        ("dataset", pa.string()),
        ("data_row", pa.string()),
        ("run", pa.string()),  # empty for annotations, which belong to every run
        ("version", pa.uint64()),
        ("event_id", pa.string()),
        ("operation", pa.string()),
        ("split", pa.string()),  # of the row's facts, empty and 0 mean: this event does not say
        ("width", pa.uint32()),
        ("height", pa.uint32()),
        ("coordinates", pa.string()),
        ("media_url", pa.string()),
        ("text", pa.string()),
        ("metadata", pa.map_(pa.string(), pa.string())),
        ("deleted_id", pa.list_(pa.string())),
        ("object_id", pa.list_(pa.string())),
        ("object_type", pa.list_(pa.string())),
        ("object_feature", pa.list_(pa.string())),
        ("object_label", pa.list_(pa.string())),
        ("object_confidence", pa.list_(pa.float64())),
        ("object_area", pa.list_(pa.float64())),
        ("object_crowd", pa.list_(pa.uint8())),
        ("object_geometry", pa.list_(pa.list_(pa.float64()))),
        ("object_parent", pa.list_(pa.uint32())),  # how many entries before this one its parent stands; 0: it has none
        ("object_detail", pa.list_(pa.string())),
        ("object_score_label", pa.list_(pa.list_(pa.string()))),
        ("object_score", pa.list_(pa.list_(pa.float64()))),
    ]
)
