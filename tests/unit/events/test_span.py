"""What an offset in a text counts."""

from __future__ import annotations

import json
from typing import Any

import pytest
from evalstream.events import AnnotationEvent, PredictionEvent, Reader, Record, decode, events_table
from evalstream.events.decoding import Decoded
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import some_examples

TEXT = "Zoë 👩‍🔬 met 東京"
READERS = {"annotations": Reader(AnnotationEvent), "predictions": Reader(PredictionEvent, {"run": "m"})}


def decoded(span: dict[str, Any], text: str | None = TEXT, side: str = "annotations") -> Decoded:
    event: dict[str, Any] = {"dataset": "d", "data_row": "r", "operation": "replace"}
    event[side] = [{"type": "span", "feature": "LOC"} | span]
    if text is not None:
        event["row"] = {"text": text}
    return decode([Record(json.dumps(event).encode(), 0, 1)], READERS[side])


def geometry(found: Decoded) -> Any:
    assert not found.rejected, found.rejected
    return events_table(found.received)["object_geometry"].to_pylist()[0][0]


@pytest.mark.parametrize("side", READERS)
@pytest.mark.parametrize(
    "span",
    [
        {"span": [12, 14]},
        {"span": [12, 14], "unit": "code_points"},
        {"span": [14, 16], "unit": "utf16"},
        {"span": [21, 27], "unit": "utf8"},
    ],
)
def test_every_unit_ends_up_in_code_points(side: str, span: dict[str, Any]) -> None:
    assert geometry(decoded(span, side=side)) == [12, 14]


@some_examples(4)
@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20), st.data())
def test_units_are_what_encoders_say(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    utf16 = [len(text[:at].encode("utf-16-le")) // 2 for at in (start, end)]
    utf8 = [len(text[:at].encode()) for at in (start, end)]
    assert geometry(decoded({"span": utf16, "unit": "utf16"}, text)) == [start, end]
    assert geometry(decoded({"span": utf8, "unit": "utf8"}, text)) == [start, end]


@pytest.mark.parametrize(
    ("span", "text", "reason"),
    [
        ({"span": [21, 27], "unit": "utf8"}, None, "offsets in UTF-8 bytes need `row.text` in the same event"),
        ({"span": [0, 2], "unit": "utf16"}, None, "offsets in UTF-16 code units need `row.text` in the same event"),
        ({"span": [12, 15]}, TEXT, "[12, 15] ends beyond the text, of 14 code points"),
        ({"span": [14, 17], "unit": "utf16"}, TEXT, "[14, 17] ends beyond the text, of 16 UTF-16 code units"),
        ({"span": [21, 28], "unit": "utf8"}, TEXT, "[21, 28] ends beyond the text, of 27 UTF-8 bytes"),
        ({"span": [0, 1]}, "", "[0, 1] ends beyond the text, of 0 code points"),
        ({"span": [5, 6], "unit": "utf16"}, TEXT, "offset 5 lies inside a character, '👩'"),
        ({"span": [0, 3], "unit": "utf8"}, TEXT, "offset 3 lies inside a character, 'ë'"),
    ],
)
def test_what_cannot_be_is_rejected_by_name(span: dict[str, Any], text: str | None, reason: str) -> None:
    (rejection,) = decoded(span | {"id": "e1"}, text).rejected
    assert rejection.reason == f"annotations.0.span (id 'e1'): {reason}"
    (rejection,) = decoded(span, text, "predictions").rejected
    assert rejection.reason == f"predictions.0.span: {reason}"


def test_code_points_are_taken_on_trust_without_the_text() -> None:
    assert geometry(decoded({"span": [1000, 2000]}, None)) == [1000, 2000]


def test_other_objects_are_left_alone() -> None:
    line = {
        "dataset": "d",
        "data_row": "r",
        "operation": "replace",
        "row": {"text": "ab"},
        "annotations": [
            {"type": "radio", "feature": "q", "answer": "a"},
            {"type": "span", "feature": "f", "span": [0, 2]},
        ],
    }
    (received,) = decode([Record(json.dumps(line).encode(), 0, 1)], Reader(AnnotationEvent)).received
    assert events_table([received])["object_geometry"].to_pylist() == [[[], [0.0, 2.0]]]
