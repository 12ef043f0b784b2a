"""Events in columns: what is plain is what the models take, and what is bad is told as they tell it."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from evalstream.class_labels import class_label
from evalstream.events import EVENTS, AnnotationEvent, PredictionEvent, Reader, Record, checking, decode, events_table
from evalstream.events.checking import decode_columns, event_records, plain_events
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import some_examples

ANNOTATIONS = Reader(AnnotationEvent, {"dataset": "d"})
PREDICTIONS = Reader(PredictionEvent, {"dataset": "d", "run": "r"})


def event(*objects: dict[str, Any], predicted: bool = False, **more: Any) -> dict[str, Any]:
    """An event as a row of its columns; objects are boxes, unless said otherwise."""
    row: dict[str, Any] = {name: 0 if pa.types.is_integer(EVENTS.field(name).type) else "" for name in EVENTS.names}
    row |= {name: [] for name in EVENTS.names if pa.types.is_nested(EVENTS.field(name).type)}
    row |= {"dataset": "d", "data_row": "a", "run": "r" if predicted else "", "version": 1, "event_id": "0"}
    row["operation"] = "replace"
    for i, item in enumerate(objects):
        feature = item.get("feature", "car")
        usual = {"id": str(i), "type": "bbox", "feature": feature, "label": class_label(feature), "confidence": 1.0}
        usual |= {"area": 4.0, "crowd": 0, "geometry": [0, 0, 2, 2], "parent": 0, "detail": ""}
        usual |= {"score_label": [], "score": []}
        for name, value in (usual | item).items():
            row[f"object_{name}"].append(value)
    return row | more


def batch(*rows: dict[str, Any]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(list(rows), EVENTS)


def kept(decoded: checking.DecodedColumns) -> list[dict[str, Any]]:
    return sorted((row for table in decoded.kept for row in table.to_pylist()), key=str)


def test_boxes_are_plain_and_become_what_they_were() -> None:
    truth = batch(
        event({}, {"crowd": 1, "area": 3.5}, {"crowd": 3, "feature": "a=b", "label": r"a\=b"}, split="test", width=640),
        event(data_row="b", metadata=[("file_name", "b.jpg"), ("camera", "front")], text="a\nb"),
        event({}, data_row="c", media_url="https://a/b.jpg", coordinates="pixels"),
    )
    assert plain_events(truth, ANNOTATIONS.known).all()
    assert decode_columns(truth, ANNOTATIONS, 1).kept[0].to_pylist() == truth.to_pylist()
    found = batch(event({"confidence": 0.25}, {"confidence": -1.0}, predicted=True))
    assert plain_events(found, PREDICTIONS.known).all()


@pytest.mark.parametrize(
    "item",
    [
        {"type": "rotated_box", "geometry": [1, 1, 2, 2, 45]},
        {"type": "polygon", "geometry": [0, 0, 2, 0, 2, 2], "detail": "[[3]]"},
        {"type": "polygon", "geometry": [0, 0, 2, 0, 2, 2, 5, 5, 6, 5, 6, 6], "detail": "[[3],[3]]"},
        {"type": "polyline", "geometry": [0, 0, 2, 0, 2, 2]},
        {"type": "point", "geometry": [3, 4]},
        {"type": "keypoints", "geometry": [0, 0, 2, 2, 1, 1, 2, 2, 2, 0]},
        {"type": "span", "geometry": [3, 7]},
        {"type": "text", "geometry": [], "detail": "ten to one"},
        {"type": "number", "geometry": [2.5]},
    ],
)
def test_other_shapes_are_what_the_models_make_of_them(item: dict[str, Any]) -> None:
    given_rows = batch(event(item))
    assert not plain_events(given_rows, ANNOTATIONS.known).any()
    decoded = decode_columns(given_rows, ANNOTATIONS, 1)
    assert decoded.rejected == []
    ((made,),) = (table.to_pylist() for table in decoded.kept)
    assert made["object_type"] == [item["type"]]
    assert made["object_geometry"] == [item["geometry"]]
    assert made["object_detail"] == [item.get("detail", "")]
    assert (made["version"], made["event_id"]) == (1, "0")


#: As they are kept: runs of 0 and 4, of 1, 2 and 1, of 4; of 108 and 148, with a backslash among the characters.
MASKS = {
    '{"size":[2,2],"counts":"04"}': 4.0,
    '{"size":[2,2],"counts":"121"}': 2.0,
    '{"size":[2,2],"counts":"4"}': 0.0,
    '{"size":[16,16],"counts":"\\\\3d4"}': 148.0,
}
#: The same in forms in which they are not kept, which the models bring into theirs, and what is none.
OTHER_MASKS = (
    '{"size": [2,2],"counts":"04"}',
    '{"counts":"04","size":[2,2]}',
    '{"size":[2,2],"counts":"04"} ',
    '{"size":[2,2],"counts":"0202"}',
    '{"size":[2,2],"counts":"040"}',
    '{"size":[2,2],"counts":"0T0"}',
    '{"size":[2,2],"counts":"03"}',
    '{"size":[2,2],"counts":"P04"}',
    '{"size":[2,2],"counts":"0\\u0034"}',
    '{"size":[2,2],"counts":[0,4]}',
    '{"size":[2,2.0],"counts":"04"}',
    '{"size":[-2,-2],"counts":"04"}',
    '{"size":[4,100001],"counts":"0"}',
    '{"size":[2,2],"counts":""}',
    "{}",
)


def test_masks_in_the_form_in_which_they_are_kept_are_plain() -> None:
    objects = [{"type": "mask", "geometry": [], "detail": detail, "area": area} for detail, area in MASKS.items()]
    for predicted, reader in ((False, ANNOTATIONS), (True, PREDICTIONS)):
        rows = batch(event(*objects, {}, predicted=predicted))
        assert plain_events(rows, reader.known).all()
        decoded = decode_columns(rows, reader, 1)
        assert decoded.kept[0].to_pylist() == rows.to_pylist()
    for detail in OTHER_MASKS:
        other = {"type": "mask", "geometry": [], "detail": detail}
        assert not plain_events(batch(event({}, other)), ANNOTATIONS.known).any(), detail
    wrong = objects[0] | {"area": 3.0}
    assert plain_events(batch(event(wrong)), ANNOTATIONS.known).all()  # people measure areas as they like
    assert not plain_events(batch(event(wrong, predicted=True)), PREDICTIONS.known).any()


WRONG = {
    "data_row: String should have at least 1 character": event(data_row=""),
    "dataset: the record says 'other', it was sent to 'd'": event(dataset="other"),
    "run: Extra inputs are not permitted": event(run="r"),
    "version: Input should be less than 9223372036854775808": event(version=2**64 - 1),
    "object_id: holds null": event({"id": None}),
    "object_geometry: holds null": event({"geometry": [0, None, 1, 1]}),
    "data_row: holds null": event(data_row=None),
    "object_area: has 0 entries, and object_id 1": event({}) | {"object_area": []},
    "annotations.1.bbox.2: Input should be greater than or equal to 0 (got -1.0)": event(
        {}, {"geometry": [0, 0, -1, 1]}
    ),
    "annotations.0.bbox.3: Field required": event({"geometry": [0, 0, 1]}),
    "annotations.0.bbox.0: Input should be a finite number": event({"geometry": [float("nan"), 0, 1, 1]}),
    "two objects of one data row have the id 'x'": event({"id": "x"}, {"id": "x"}),
    "object_label: object 0 has 'bus', and its feature is called 'car'": event({"label": "bus"}),
    "object_type: object 0 is of type 'radio'": event({"type": "radio"}),
    "object_confidence: object 0 is an annotation, and has 0.5": event({"confidence": 0.5}),
    "object_crowd: object 0 has 9, which is no role": event({"crowd": 9}),
    "object_crowd: object 0 has 4, which is no role": event({"crowd": 4}),
    "object 1 is nested or has scores": event({}, {"parent": 1}),
    "object 0: its geometry and detail are none of type 'mask'": event({"type": "mask", "geometry": [], "detail": "{"}),
    "object_detail: object 0 is of type 'bbox', which has none": event({"detail": "[[3]]"}),
    "object_geometry: object 0 is of type 'number', and has 2 numbers": event({"type": "number", "geometry": [1, 2]}),
    "object_geometry: object 0 is of type 'text', and has 4 numbers": event({"type": "text", "detail": "x"}),
    "metadata: a key stands there twice": event(metadata=[("a", "1"), ("a", "2")]),
    "operation `replace` takes objects, and no `ids`": event(deleted_id=["x"]),
    "operation: Input should be 'replace', 'upsert' or 'delete' (got 'merge')": event(operation="merge"),
}


def test_bad_events_are_told_by_their_numbers_and_hold_up_no_other() -> None:
    rows = [own for wrong in WRONG.values() for own in (event({}, data_row="good"), wrong)]
    decoded = decode_columns(batch(*rows), ANNOTATIONS, 11)
    assert sum(table.num_rows for table in decoded.kept) == len(WRONG)
    assert [item.position for item in decoded.rejected] == [12 + 2 * i for i in range(len(WRONG))]
    for item, reason in zip(decoded.rejected, WRONG, strict=True):
        assert reason in item.reason
        assert isinstance(json.loads(item.payload), dict)


def test_an_event_is_deleted_and_upserted_too() -> None:
    rows = batch(event(operation="delete", deleted_id=["x"]), event({"id": "y"}, operation="upsert", data_row="b"))
    decoded = decode_columns(rows, ANNOTATIONS, 1)
    assert [row["operation"] for row in kept(decoded)] == ["delete", "upsert"]


NAMES = st.sampled_from(["", "a", "car", "a=b", "x\ty", "é", "\xa0", "a" * 300, "\x7f", "雨", "a/b"])
NUMBERS = st.sampled_from([0.0, -0.0, 1.0, 0.5, 4.0, -1.0, 2e15, float("nan"), float("inf"), -float("inf")])
OBJECTS = st.fixed_dictionaries(
    {},
    optional={
        "id": NAMES,
        "feature": NAMES,
        "type": st.sampled_from(["bbox", "point", "mask", "radio", "", "span"]),
        "confidence": NUMBERS,
        "area": NUMBERS,
        "crowd": st.integers(0, 5),
        "geometry": st.lists(NUMBERS, min_size=3, max_size=5),
        "parent": st.sampled_from([0, 0, 1]),
        "detail": st.sampled_from(["", "", "[[3]]", "{", "[" * 2_000]),
        "label": NAMES,
        "score": st.sampled_from([[], [], [1.0]]),
    },
)
DRAWN_MASKS = st.fixed_dictionaries(
    {"type": st.just("mask"), "detail": st.sampled_from([*MASKS, *MASKS, *OTHER_MASKS])},
    optional={
        "area": st.sampled_from([4.0, 2.0, 0.0, 148.0, -1.0, float("nan")]),
        "geometry": st.sampled_from([[], [], [0.0, 0.0, 2.0, 2.0]]),
        "crowd": st.integers(0, 5),
    },
).map(lambda drawn: {"geometry": []} | drawn)
HEADS = st.fixed_dictionaries(
    {},
    optional={
        "dataset": st.sampled_from(["d", "e"]),
        "data_row": NAMES,
        "run": st.sampled_from(["", "r", "q"]),
        "version": st.sampled_from([0, 2**63 - 1, 2**63, 2**64 - 1]),
        "event_id": NAMES,
        "operation": st.sampled_from(["replace", "upsert", "delete", ""]),
        "split": st.sampled_from(["", "test", "val"]),
        "width": st.sampled_from([0, 1, 2**31 - 1, 2**31]),
        "coordinates": st.sampled_from(["", "pixels", "lonlat", "x"]),
        "media_url": NAMES,
        "text": NAMES,
        "metadata": st.lists(st.tuples(NAMES, NAMES), max_size=3),
        "deleted_id": st.lists(NAMES, max_size=1),
    },
)


@some_examples(4)
@given(st.lists(st.tuples(st.lists(OBJECTS | DRAWN_MASKS, max_size=3), HEADS), min_size=1, max_size=4), st.booleans())
def test_what_is_plain_is_what_the_models_take(drawn: list[tuple[list[dict[str, Any]], Any]], predicted: bool) -> None:
    reader = PREDICTIONS if predicted else ANNOTATIONS
    rows = batch(*(event(*objects, predicted=predicted, **heads) for objects, heads in drawn))
    fast = decode_columns(rows, reader, 1)
    said = [(i, own) for i, own in enumerate(event_records(rows), 1)]
    received, rejected = decode([Record(own.payload, i, own.version) for i, own in said if not own.reason], reader)
    slow = checking.DecodedColumns([events_table(received)], [])
    # As text, for there is NaN among the areas.
    assert str(kept(fast)) == str(kept(slow))
    refused = {i: own.reason for i, own in said if own.reason} | {item.position: item.reason for item in rejected}
    assert {item.position: item.reason for item in fast.rejected} == refused


def test_a_large_batch_of_boxes_is_plain() -> None:
    rng = np.random.default_rng(3)
    rows = [
        event(
            *({"geometry": box, "area": box[2] * box[3]} for box in rng.uniform(0, 9, (5, 4)).tolist()), data_row=str(i)
        )
        for i in range(300)
    ]
    assert plain_events(batch(*rows), ANNOTATIONS.known).all()
