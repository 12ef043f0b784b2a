"""Events of boxes that are read without the models: the same columns, and the same refusals."""

from __future__ import annotations

import json
from typing import Any, Final
from unittest.mock import patch

import pyarrow as pa
import pytest
from evalstream.events import AnnotationEvent, PredictionEvent, Reader, Record, decode, events_table
from evalstream.events.base import COORDINATE_LIMIT
from evalstream.events.boxes import read_boxes
from hypothesis import given
from hypothesis import strategies as st

READERS: Final = {"annotations": Reader(AnnotationEvent), "predictions": Reader(PredictionEvent)}
NUMBER: Final = st.sampled_from([0, 1, -1, 2.5, -0.0, 1e15, 1.1e15, -1e15, 5e-324, 2**53 + 1, 0.1 + 0.2])
ODD: Final = st.sampled_from([None, True, "1", [], {}, float("nan"), 10**400, COORDINATE_LIMIT * 2])
TEXT: Final = st.sampled_from(
    ["car", "🚗", "a b", "", "a\x07", "x" * 256, "x" * 257, "soft\u00adhyphen", "\u2028", "#0", "#1"]
)


@st.composite
def boxes(draw: st.DrawFn, side: str, rarely: Any) -> dict[str, Any]:
    item: dict[str, Any] = {"type": "bbox", "feature": draw(TEXT if draw(rarely) else st.sampled_from(["car", "bus"]))}
    item["bbox"] = [
        draw(ODD if draw(rarely) else NUMBER)
        for _ in range(draw(st.just(4) if not draw(rarely) else st.integers(2, 5)))
    ]
    item["bbox"][2:] = [abs(one) if isinstance(one, float) and not draw(rarely) else one for one in item["bbox"][2:]]
    if draw(st.booleans()):
        item["id"] = draw(TEXT | ODD if draw(rarely) else st.sampled_from("0123456789"))
    if side == "predictions" and draw(st.booleans()):
        item["confidence"] = draw(ODD | NUMBER if draw(rarely) else st.sampled_from([0, 1, 0.25, -3.5]))
    if draw(rarely):
        item |= draw(
            st.sampled_from(
                [{"crowd": True}, {"area": 3}, {"type": "mask"}, {"colour": "red"}, {"classifications": []}]
            )
        )
    return item


@st.composite
def events(draw: st.DrawFn, side: str) -> dict[str, Any]:
    rarely = st.sampled_from([False] * draw(st.sampled_from([9, 99])) + [True])
    event = {"dataset": "d", "data_row": "1", "operation": "replace"}
    event |= {"run": "r"} if side == "predictions" else {}
    event |= {side: draw(st.lists(boxes(side, rarely), max_size=4))}
    more = {
        "version": st.sampled_from([0, 7, -1, "1", None]),
        "event_id": st.sampled_from(["e", "", "a\nb", None]),
        "schema_version": st.sampled_from([1, 2]),
        "row": st.sampled_from(
            [{"width": 4}, {"coordinates": "lonlat"}, {"coordinates": "pixels"}, {"width": 0}, None]
        ),
        "operation": st.sampled_from(["upsert", "delete", "replace"]),
        "ids": st.just(["0"]),
        "data_row": st.sampled_from(["", "a/b", 7]),
        "dataset": st.sampled_from(["a/b", " d", "d"]),
        "metrics": st.sampled_from([[], [{"name": "m", "value": 1}], [{"name": "m"}]]),
        "unknown": st.just(1),
    }
    names = draw(st.lists(st.sampled_from(sorted(more)), max_size=2)) if draw(st.booleans()) else []
    return event | {name: draw(more[name]) for name in names}


def read(payload: bytes, reader: Reader, *, as_models: bool) -> Any:
    received, rejected = decode([Record(payload, 3, 9)], reader, as_models=as_models)
    return repr(events_table(received).to_pylist()), [(one.position, one.data_row, one.reason) for one in rejected]


@pytest.mark.parametrize("side", READERS)
@given(data=st.data())
def test_they_are_what_the_models_make_of_them(side: str, data: st.DataObject) -> None:
    payload = json.dumps(data.draw(events(side))).encode()
    known = data.draw(st.sampled_from([{}, {"dataset": "d"}, {"dataset": "other"}]))
    reader = READERS[side]._replace(known=known)
    assert read(payload, reader, as_models=False) == read(payload, reader, as_models=True)


@pytest.mark.parametrize("side", READERS)
@pytest.mark.parametrize(
    "literal",
    [
        '"a"',
        "1e999",
        "-0.0",
        "0.30000000000000004",
        "123456789012345678901",
        "NaN",
        "Infinity",
        "01",
        "1.",
        '"\\ud800"',
        "\xff",
    ],
)
def test_they_are_whatever_json_says(side: str, literal: str) -> None:
    box = {"type": "bbox", "feature": "car", "bbox": [0, 0, 1, 1]}
    event = {"dataset": "d", "data_row": "1", "operation": "replace", "run": "r", side: [box]}
    event = event if side == "predictions" else {name: own for name, own in event.items() if name != "run"}
    text = json.dumps(event).encode()
    literals = literal.encode("latin-1")
    twice = text.replace(b'"bbox": [', b'"bbox": [9, 9, 9, 9], "bbox": [')
    for payload in (
        text.replace(b"[0,", b"[" + literals + b","),
        text.replace(b'"car"', literals),
        twice,
        text[:-1] + b', "data_row": ' + literals + b"}",
        text[:-1] + b"} " + literals,
        text[:-1],
    ):
        assert read(payload, READERS[side], as_models=False) == read(payload, READERS[side], as_models=True)


@pytest.mark.parametrize(("side", "model"), [("annotations", AnnotationEvent), ("predictions", PredictionEvent)])
def test_usual_ones_need_no_models(side: str, model: type[AnnotationEvent] | type[PredictionEvent]) -> None:
    box = {"type": "bbox", "feature": "car", "bbox": [0, 0.5, 1, 1], "id": "7"}
    run = {"run": "r"} if side == "predictions" else {}
    event = {"dataset": "d", "data_row": "1", "operation": "replace", "version": 2, "row": {"width": 4}} | run
    boxes = [
        [box],
        [box | {"feature": "自動車", "id": "é"}],
        [],
        [box | {"type": "point"}],
        [box | {"feature": "a=b"}],
        [box | {"feature": "é" * 256}],
        [box | {"feature": "é" * 257}],
        [box, box],
    ]
    found = read_boxes([json.dumps(event | {side: own}, ensure_ascii=False).encode() for own in boxes], model)
    assert [one is not None for one in found] == [True, True, True, False, False, True, False, False]
    assert found[0] is not None
    assert found[0][1].table.id[found[0][1].begin].as_py() == "7"


@pytest.mark.parametrize("side", READERS)
@given(data=st.data(), piece=st.sampled_from([1, 300, 2**20]))
def test_many_are_read_together_and_stay_in_their_order(side: str, data: st.DataObject, piece: int) -> None:
    # As one batch, of which some are for the models, and of what it was told apart again some are left out.
    payloads = data.draw(st.lists(events(side).map(json.dumps), min_size=1, max_size=8))
    records = [Record(payload.encode(), i, 9) for i, payload in enumerate(payloads)]
    with patch("evalstream.events.boxes._PIECE", piece):
        received, rejected = decode(records, READERS[side], as_models=False)
        more, _ = decode(records, READERS[side], as_models=False)
    modelled, refused = decode(records, READERS[side])
    assert rejected == refused
    kept = data.draw(st.lists(st.sampled_from(range(2 * len(received))), unique=True)) if received else []
    both, both_modelled = [*received, *more], [*modelled, *modelled]
    table = events_table([both[i] for i in kept])
    assert repr(table.to_pylist()) == repr(events_table([both_modelled[i] for i in kept]).to_pylist())
    for column in table.columns:
        for part in column.chunks:
            assert not part.offset
            assert not (pa.types.is_list(part.type) and len(part) and part.offsets[0].as_py())
