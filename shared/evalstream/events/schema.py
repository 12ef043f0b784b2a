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

#: What each column says, for who sends events in columns.
COLUMNS_SAID: Final = {
    "dataset": "name of the dataset: that of the route",
    "data_row": "key of the data row",
    "run": "name of the run, that of the route; empty: of annotations",
    "version": "orders the events of a data row; below 2^63",
    "event_id": "names the event for ever, so that it may be sent again; empty: a hash of the content",
    "operation": "`replace`, `upsert` or `delete`",
    "split": "`train`, `validation` or `test`; as of all facts of the data row, empty or 0: not said",
    "width": "pixels",
    "height": "pixels",
    "coordinates": "`pixels` or `lonlat`",
    "media_url": "where the asset is",
    "text": "the text itself, of data rows that are texts",
    "metadata": "anything worth slicing on; numbers and booleans as JSON writes them",
    "deleted_id": "what `delete` removes",
    "object_id": "unique within the data row; as all columns of objects, an entry an object",
    "object_type": "`bbox`, `rotated_box`, `polygon`, `mask`, `polyline`, `point`, `keypoints`, `span`, `text` or"
    " `number`",
    "object_feature": "the class, or the question",
    "object_label": "the feature, with `=` and `\\` written `\\=` and `\\\\`",
    "object_confidence": "of predictions, at most 1; of annotations 1",
    "object_area": "of annotations; of predictions, and where it is NaN, it is computed",
    "object_crowd": "of annotations: 0 an object, 1 a crowd region, 2 a group, 3 a difficult object, 4 a skeleton"
    " without a labelled keypoint; of predictions 0",
    "object_geometry": "bbox: x, y, width, height; rotated_box: x and y of the centre, width, height, degrees; polygon,"
    " polyline, point: x, y of each point; keypoints: x, y, v or score of each, of annotations after the box; span:"
    " start, end; number: the number; others: empty",
    "object_parent": "0: nested objects come as lines",
    "object_detail": "polygon: JSON, the number of points of each ring of each piece; mask: JSON, COCO's compressed run"
    " lengths, `size` and `counts`; text: the text; others: empty",
    "object_score_label": "empty: scores of options come as lines",
    "object_score": "empty",
}
