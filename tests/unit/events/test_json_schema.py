"""The published JSON Schemas work in an ordinary validator, and refuse nothing that evalstream takes."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from evalstream.events import AnnotationEvent, PredictionEvent, Reader, Record, decode
from hypothesis import given
from jsonschema import Draft202012Validator

from tests.pipeline.test_any_event import SAMPLES, events

SCHEMAS = Path(__file__).resolve().parents[3] / "schemas"
VALIDATORS = {
    side: Draft202012Validator(json.loads((SCHEMAS / f"{side[:-1]}-event.schema.json").read_text(encoding="utf-8")))
    for side in ("annotations", "predictions")
}
READERS = {"annotations": Reader(AnnotationEvent), "predictions": Reader(PredictionEvent)}


@pytest.mark.parametrize("side", VALIDATORS)
def test_they_are_schemas(side: str) -> None:
    Draft202012Validator.check_schema(VALIDATORS[side].schema)


@pytest.mark.parametrize(("side", "sample"), SAMPLES)
def test_they_take_an_event_of_every_type(side: str, sample: dict[str, Any]) -> None:
    VALIDATORS[side].validate(sample)


@given(events("annotations"), events("predictions"))
def test_they_take_what_evalstream_takes(truth: dict[str, Any], said: dict[str, Any]) -> None:
    for side, event in (("annotations", truth), ("predictions", said)):
        if decode([Record(json.dumps(event).encode(), 0, 1)], READERS[side]).received:
            VALIDATORS[side].validate(json.loads(json.dumps(event)))


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("data_row",), "a\x00b"),
        (("data_row",), "a\x9fb"),
        (("data_row",), ""),
        (("data_row",), 7),
        (("operation",), "remove"),
        (("schema_version",), 2),
        (("annotations", 0, "feature"), "car\x7f"),
        (("annotations", 0, "bbox"), [0, 0, -1, 1]),
        (("annotations", 0, "bbox"), [0, 0, 1]),
        (("annotations", 0, "unknown"), 1),
    ],
)
def test_they_refuse_what_evalstream_refuses(place: tuple[str | int, ...], value: Any) -> None:
    sample = next(event for side, event in SAMPLES if side == "annotations" and event[side][0]["type"] == "bbox")
    event = copy.deepcopy(sample)
    inside: Any = event
    for key in place[:-1]:
        inside = inside[key]
    inside[place[-1]] = value
    assert not VALIDATORS["annotations"].is_valid(event)
    assert decode([Record(json.dumps(event).encode(), 0, 1)], READERS["annotations"]).rejected
