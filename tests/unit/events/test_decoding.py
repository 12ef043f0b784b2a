"""Bytes to events: a bad record is rejected with its data row, its field and a reason, and troubles no other."""

from __future__ import annotations

import json
from typing import Any

import pytest
from evalstream.events import (
    AnnotationEvent,
    PredictionEvent,
    Reader,
    Received,
    Record,
    Rejection,
    decode,
    events_table,
)
from evalstream.events.decoding import PAYLOAD_LIMIT
from hypothesis import given
from hypothesis import strategies as st

ANNOTATIONS = Reader(AnnotationEvent)
PREDICTIONS = Reader(PredictionEvent)
BOX = {"type": "bbox", "feature": "car", "bbox": [0, 0, 10, 10]}
RADIO = {"type": "radio", "feature": "weather", "answer": "rain"}
LITERAL = "LITERAL"


def annotations(*objects: Any, **fields: Any) -> dict[str, Any]:
    return {"dataset": "d", "data_row": "row-1", "operation": "replace", "annotations": list(objects)} | fields


def predictions(*objects: Any, **fields: Any) -> dict[str, Any]:
    event = {"dataset": "d", "data_row": "row-1", "run": "r", "operation": "replace", "predictions": list(objects)}
    return event | fields


def metric(value: Any) -> dict[str, Any]:
    return {"metrics": [{"name": "sharpness", "value": value}]}


def without(event: dict[str, Any], field: str) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name != field}


def encoded(event: Any, literal: str = "") -> bytes:
    """As JSON, with what Python would not write put in afterwards."""
    return json.dumps(event).replace(f'"{LITERAL}"', literal).encode()


def rejection(payload: bytes, reader: Reader) -> Rejection:
    """Decode it between two good records, which must come through."""
    good = encoded(annotations(BOX) if reader.model is AnnotationEvent else predictions(BOX))
    received, rejected = decode([Record(good, 1, 0), Record(payload, 2, 0), Record(good, 3, 0)], reader)
    assert len(received) == 2
    (only,) = rejected
    assert only.position == 2
    assert only.payload == payload
    return only


def event_of(event: dict[str, Any], reader: Reader) -> Received:
    received, rejected = decode([Record(encoded(event), 1, 0)], reader)
    assert rejected == []
    return received[0]


NUMBERS = {
    "bbox.0": lambda value: annotations(BOX | {"bbox": [value, 0, 1, 1]}),
    "bbox.3": lambda value: annotations(BOX | {"bbox": [0, 0, 1, value]}),
    "area": lambda value: annotations(BOX | {"area": value}),
    "confidence": lambda value: predictions(BOX | {"confidence": value}),
}


@pytest.mark.parametrize("field", NUMBERS)
@pytest.mark.parametrize(
    "literal", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1" + "0" * 400, "true", '"1"', "[]"]
)
def test_what_is_no_finite_number(field: str, literal: str) -> None:
    event = NUMBERS[field](LITERAL)
    side = "annotations" if "annotations" in event else "predictions"
    found = rejection(encoded(event, literal), ANNOTATIONS if side == "annotations" else PREDICTIONS)
    assert found.data_row == "row-1"
    assert found.reason.startswith(f"{side}.0.{field}: Input should be a ")


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (
            annotations(BOX | {"bbox": [0, 0, -1, 1]}),
            "annotations.0.bbox.2: Input should be greater than or equal to 0",
        ),
        (annotations(BOX, BOX | {"bbox": [0, 0, 1, -1e-9]}), "annotations.1.bbox.3: Input should be greater than or"),
        (annotations(BOX | {"bbox": [0, 0, 1]}), "annotations.0.bbox.3: Field required"),
        (annotations(BOX | {"bbox": [0, 0, 1, 1, 1]}), "annotations.0.bbox: Tuple should have at most 4 items"),
        (annotations(BOX | {"bbox": [1.1e15, 0, 1, 1]}), "annotations.0.bbox.0: Input should be less than or equal to"),
        (annotations(BOX | {"bbox": None}), "annotations.0.bbox: Input should be a valid array"),
        (annotations(BOX | {"area": -1}), "annotations.0.area: Input should be greater than or equal to 0 (got -1)"),
        (annotations(BOX | {"crowd": 1}), "annotations.0.crowd: Input should be a valid boolean (got 1)"),
        (annotations(BOX | {"feature": 3}), "annotations.0.feature: Input should be a valid string (got 3)"),
        (annotations(BOX | {"feature": ""}), "annotations.0.feature: String should have at least 1 character"),
        (
            annotations(BOX | {"feature": "a\x07"}),
            "annotations.0.feature: holds the control character '\\x07', which keys and names must not (got 'a\\x07')",
        ),
        (annotations(BOX | {"id": 7}), "annotations.0.id: Input should be a valid string (got 7)"),
        (annotations(BOX | {"confidence": 1}), "annotations.0.confidence: Extra inputs are not permitted"),
        (annotations(without(BOX, "bbox")), "annotations.0.bbox: Field required"),
        (annotations(without(BOX, "feature")), "annotations.0.feature: Field required"),
        (annotations(without(RADIO, "answer")), "annotations.0.answer: Field required"),
        (annotations(BOX, without(BOX, "type")), "annotations.1: Unable to extract tag using discriminator 'type'"),
        (annotations(BOX | {"type": "cube"}), "annotations.0: Input tag 'cube' found using 'type' does not match"),
        (annotations(7), "annotations.0: Input should be an object (got 7)"),
        (annotations(colour=1), "colour: Extra inputs are not permitted (got 1)"),
        (annotations(BOX | {"colour": 1}), "annotations.0.colour: Extra inputs are not permitted"),
        (annotations(RADIO | {"bbox": [0, 0, 1, 1]}), "annotations.0.bbox: Extra inputs are not permitted"),
        (annotations(row={"colour": 1}), "row.colour: Extra inputs are not permitted"),
        (annotations(run="r"), "run: Extra inputs are not permitted"),
        (annotations(annotations={}), "annotations: Input should be a valid array"),
        (without(annotations(), "dataset"), "dataset: Field required"),
        (without(annotations(), "operation"), "operation: Field required"),
        (annotations(operation="erase"), "operation: Input should be 'replace', 'upsert' or 'delete' (got 'erase')"),
        (annotations(schema_version=2), "schema_version: 2 is newer than, or unknown to, this evalstream"),
        (annotations(schema_version="1"), "schema_version: '1' is newer than, or unknown to, this evalstream"),
        (annotations(dataset="a/b"), "dataset: must not contain '/'"),
        (annotations(dataset=" a"), "dataset: must not contain '/' nor begin or end with a space"),
        (annotations(dataset="a\n"), "dataset: holds the control character '\\n', which keys and names must not"),
        (annotations(version=-1), "version: Input should be greater than or equal to 0 (got -1)"),
        (annotations(version=2**63), "version: Input should be less than"),
        (annotations(version=1.5), "version: Input should be a valid integer"),
        (annotations(version=True), "version: Input should be a valid integer (got True)"),
        (annotations(event_id=""), "event_id: String should have at least 1 character"),
        (annotations(row={"split": "dev"}), "row.split: Input should be 'train', 'validation' or 'test' (got 'dev')"),
        (annotations(row={"width": 0}), "row.width: Input should be greater than 0"),
        (annotations(row={"width": True}), "row.width: Input should be a valid integer (got True)"),
        (annotations(row={"height": "9"}), "row.height: Input should be a valid integer (got '9')"),
        (annotations(row={"metadata": {"a": None}}), "row.metadata.a: must be text"),
        (annotations(row={"metadata": {"a": [1]}}), "row.metadata.a: must be text"),
        (annotations(row={"metadata": {"a": "x" * 1025}}), "row.metadata.a: must be text (up to 1024 characters"),
        (annotations(row={"metadata": {"": 1}}), "row.metadata..[key]: String should have at least 1 character"),
        (annotations(BOX | {"id": "a"}, BOX | {"id": "a"}), "two objects of one data row have the id 'a'"),
        (annotations(BOX | {"id": "#1"}, BOX), "two objects of one data row have the id '#1'"),
        (annotations(operation="upsert"), "operation `upsert` needs objects"),
        (
            annotations(BOX | {"id": "a"}, BOX, operation="upsert"),
            "operation `upsert` needs an `id` on every object; object 1 has none",
        ),
        (annotations(operation="delete"), "operation `delete` needs `ids`"),
        (annotations(operation="delete", ids=["a", ""]), "ids.1: String should have at least 1 character"),
        (
            annotations(BOX | {"id": "a"}, operation="delete", ids=["a"]),
            "operation `delete` takes `ids`, and no objects",
        ),
        (annotations(BOX, ids=["a"]), "operation `replace` takes objects, and no `ids`"),
        (predictions(BOX | {"confidence": 1.01}), "predictions.0.confidence: Input should be less than or equal to 1"),
        (predictions(BOX | {"confidence": None}), "predictions.0.confidence: Input should be a valid number"),
        (predictions(BOX | {"crowd": True}), "predictions.0.crowd: Extra inputs are not permitted"),
        (predictions(run="a/b"), "run: must not contain '/'"),
        (predictions(run=".."), "run: must not contain '/'"),
        (predictions(run=""), "run: String should have at least 1 character"),
        (without(predictions(), "run"), "run: Field required"),
        (predictions(BOX | metric("x")), "predictions.0.metrics.0.value: Input should be a valid number (got 'x')"),
        (predictions(BOX | metric(None)), "predictions.0.metrics.0.value: Input should be a valid number"),
        (predictions(BOX | metric([1, 2, 3])), "predictions.0.metrics.0.value.3: Field required"),
        (predictions(BOX | metric({"0.5": "x"})), "predictions.0.metrics.0.value.0.5: Input should be a valid number"),
        (predictions(BOX | metric({"0.5": [1]})), "predictions.0.metrics.0.value.0.5.1: Field required"),
        (predictions(**metric(True)), "metrics.0.value: Input should be a valid number (got True)"),
    ],
)
def test_reason_names_the_field(event: dict[str, Any], reason: str) -> None:
    found = rejection(encoded(event), ANNOTATIONS if "annotations" in event else PREDICTIONS)
    assert found.data_row == "row-1"
    assert found.reason.startswith(reason), found.reason


def test_each_mistake_is_told_once_and_only_so_many() -> None:
    two = rejection(encoded(annotations(colour=1, row={"metadata": {"a": None}})), ANNOTATIONS)
    assert two.reason.count("row.metadata.a") == 1
    assert two.reason.count("; ") == 1
    many = rejection(encoded(annotations(*[BOX | {"area": -1}] * 12)), ANNOTATIONS)
    assert many.reason.endswith("; and 7 more")


def test_missing_data_row() -> None:
    found = rejection(encoded(without(annotations(), "data_row")), ANNOTATIONS)
    assert (found.data_row, found.reason) == ("", "data_row: Field required")


NO_JSON = [
    (b"", "EOF while parsing a value at line 1 column 0"),
    (b" ", "EOF while parsing a value"),
    (b"{", "EOF while parsing an object at line 1 column 1"),
    (b'{"data_row": "row-1",}', "trailing comma at line 1 column 22"),
    (b"{'data_row': 1}", "key must be a string at line 1 column 2"),
    (b'{"data_row": "row-1"} {}', "trailing characters at line 1 column 23"),
    (b"plain text", "expected value at line 1 column 1"),
    (b"\xff\xfe\x00", "expected value at line 1 column 1"),
    (b"\xef\xbb\xbf{}", "expected value at line 1 column 1"),
    (b"\x0b{}", "expected value at line 1 column 1"),
    (b'{"data_row": "\xff"}', "invalid unicode code point at line 1 column"),
    (b'{"data_row": "\\ud800"}', "unexpected end of hex escape at line 1 column 21"),
    (b'{"data_row": "\x01"}', "control character (\\u0000-\\u001F) found while parsing a string"),
    (b"[" * 100_000, "recursion limit exceeded"),
    (b'{"a":' * 100_000, "recursion limit exceeded"),
    (b'{"version": ' + b"9" * 5_000 + b"}", "number out of range"),
]


@pytest.mark.parametrize(("payload", "reason"), NO_JSON, ids=range(len(NO_JSON)))
@pytest.mark.parametrize("known", [{}, {"dataset": "d"}], ids=["nothing known", "dataset known"])
def test_what_is_no_json(payload: bytes, reason: str, known: dict[str, str]) -> None:
    """The place of the mistake is that in the record as it was sent, whatever is known from elsewhere."""
    found = rejection(payload, Reader(AnnotationEvent, known))
    assert found.reason.startswith(f"not JSON: {reason}")


@pytest.mark.parametrize("payload", [b"[]", b"1", b"null", b'"text"', b"true", b"[{}]"])
def test_what_is_no_object(payload: bytes) -> None:
    assert rejection(payload, Reader(AnnotationEvent, {"dataset": "d"})).reason.startswith("Input should be an object")


def test_data_row_of_a_rejection_can_always_be_kept() -> None:
    half = rejection(b'{"data_row": "half \\ud83d"}', ANNOTATIONS)
    assert half.data_row.encode() == b"half ?"


def test_a_record_over_the_limit() -> None:
    event = encoded(annotations())
    exact = event + b" " * (PAYLOAD_LIMIT - len(event))
    received, rejected = decode([Record(exact, 1, 0), Record(exact + b" ", 2, 0)], ANNOTATIONS)
    assert len(received) == 1
    assert [item.reason for item in rejected] == [
        f"the record is larger than {PAYLOAD_LIMIT} bytes, which is the limit"
    ]


class TestKnown:
    """What the place that a record was sent to says of it."""

    reader = Reader(PredictionEvent, {"dataset": 'd"\\{}é', "run": "r"})

    def test_may_be_left_out(self) -> None:
        event = without(without(predictions(BOX), "dataset"), "run")
        found = event_of(event, self.reader).event
        assert isinstance(found, PredictionEvent)
        assert (found.dataset, found.run) == ('d"\\{}é', "r")

    def test_may_be_repeated(self) -> None:
        assert event_of(predictions(BOX, dataset='d"\\{}é'), self.reader).event.dataset == 'd"\\{}é'

    @pytest.mark.parametrize(
        ("fields", "reason"),
        [
            ({"dataset": "e"}, "dataset: the record says 'e', it was sent to"),
            ({"dataset": 'd"\\{}é', "run": "s"}, "run: the record says 's', it was sent to 'r'"),
            ({"dataset": 'd"\\{}é', "run": None}, "run: Input should be a valid string"),
        ],
    )
    def test_may_not_be_contradicted(self, fields: dict[str, Any], reason: str) -> None:
        (found,) = decode([Record(encoded(predictions(BOX) | fields), 1, 0)], self.reader).rejected
        assert found.data_row == "row-1"
        assert found.reason.startswith(reason)

    def test_of_an_empty_object(self) -> None:
        (found,) = decode([Record(b" { } ", 1, 0)], self.reader).rejected
        assert found.reason == "data_row: Field required; operation: Field required"


@pytest.mark.parametrize("text", ["\U0001f469\u200d\U0001f680", "交通信号灯", "e\u0301", "a'b\"c\\d", "a\u2028b", "٣"])
def test_any_text_is_text(text: str) -> None:
    event = annotations(
        BOX | {"id": text, "feature": text}, data_row=text, dataset=text, row={"metadata": {text: text}}
    )
    received = event_of(event, ANNOTATIONS)
    (row,) = events_table([received]).to_pylist()
    assert row["dataset"] == row["data_row"] == text
    assert row["object_id"] == row["object_feature"] == [text]
    assert row["object_label"] == [text.replace("\\", "\\\\")]
    assert row["metadata"] == [(text, text)]


@pytest.mark.parametrize("confidence", [-1e300, -0.5, 0, 0.0, 5e-324, 1, 1.0])
def test_good_confidences(confidence: float) -> None:
    (row,) = events_table([event_of(predictions(BOX | {"confidence": confidence}), PREDICTIONS)]).to_pylist()
    assert row["object_confidence"] == [confidence]


def test_missing_confidence_is_one() -> None:
    (row,) = events_table([event_of(predictions(BOX), PREDICTIONS)]).to_pylist()
    assert row["object_confidence"] == [1.0]


@pytest.mark.parametrize("bbox", [[0, 0, 0, 0], [-1e15, 1e15, 0, 1e15], [1, -2, 3, 4], [0.1, 0.2, 0.3, 0.4]])
def test_good_boxes(bbox: list[float]) -> None:
    (row,) = events_table([event_of(annotations(BOX | {"bbox": bbox}), ANNOTATIONS)]).to_pylist()
    assert row["object_geometry"] == [bbox]
    assert row["object_area"] == [bbox[2] * bbox[3]]


@pytest.mark.parametrize(
    ("value", "kept"),
    [("text", "text"), ("", ""), (3, "3"), (-(2**70), str(-(2**70))), (0.5, "0.5"), (True, "true"), (False, "false")],
)
def test_metadata_of_each_type(value: object, kept: str) -> None:
    (row,) = events_table([event_of(annotations(row={"metadata": {"key": value}}), ANNOTATIONS)]).to_pylist()
    assert row["metadata"] == [("key", kept)]


def test_version_and_id_are_the_producers_or_else_of_the_record() -> None:
    own, other = encoded(annotations(version=5, event_id="mine")), encoded(annotations())
    received = decode([Record(own, 1, 9), Record(other, 2, 9), Record(other, 3, 9)], ANNOTATIONS).received
    assert (received[0].version, received[0].event_id) == (5, "mine")
    assert received[1].version == 9
    assert received[1].event_id == received[2].event_id != ""


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.characters(categories=["Cs"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
FIELDS = ["dataset", "data_row", "run", "operation", "version", "row", "ids", "annotations", "predictions", "event_id"]
#: A good event of which some fields are something else: it gets further than arbitrary JSON does.
NEARLY = st.builds(
    lambda event, changes: event | changes,
    st.sampled_from([annotations(BOX, RADIO), predictions(BOX, RADIO)]),
    st.dictionaries(st.sampled_from(FIELDS), JSON | st.lists(st.just(BOX) | JSON, max_size=3), max_size=2),
)
PAYLOADS = st.binary() | (JSON | NEARLY).map(lambda value: json.dumps(value).encode())


@given(
    payloads=st.lists(PAYLOADS, max_size=8),
    reader=st.builds(
        Reader, st.sampled_from([AnnotationEvent, PredictionEvent]), st.sampled_from([{}, {"dataset": "d"}])
    ),
)
def test_nothing_raises_and_nothing_is_lost(payloads: list[bytes], reader: Reader) -> None:
    received, rejected = decode([Record(payload, i, 0) for i, payload in enumerate(payloads)], reader)
    assert len(received) + len(rejected) == len(payloads)
    for item in rejected:
        assert item.payload == payloads[item.position]
        assert item.reason.encode()
        assert item.data_row.encode() is not None
    assert events_table(received).num_rows == len(received)
