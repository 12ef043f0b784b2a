"""Questions under an option of a checklist: parts of that option, called by its path."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from evalstream.evaluation import Evaluation
from evalstream.events import AnnotationEvent, PredictionEvent, Reader, Record, decode
from evalstream.importers.rows import Row, table
from jsonschema import Draft202012Validator

COLOUR = {"type": "radio", "feature": "colour", "answer": "red"}
PARTS: dict[str, Any] = {
    "type": "checklist",
    "feature": "parts",
    "answers": ["wheel", "door"],
    "classifications": {"wheel": [COLOUR], "door": [COLOUR | {"answer": "blue"}]},
}


def read(item: dict[str, Any], side: str = "annotations") -> Any:
    event = {"dataset": "d", "data_row": "a", "operation": "replace", side: [item]}
    model = AnnotationEvent if side == "annotations" else PredictionEvent
    payload = json.dumps(event | ({"run": "r"} if side == "predictions" else {})).encode()
    return decode([Record(payload, 0, 1)], Reader(model))


def test_parts() -> None:
    (received,) = read(PARTS).received
    parts = received.event.annotations[0].parts()
    assert [(part.type, part.label, part.feature, part.parent) for part in parts] == [
        ("question", "", "parts", 0),
        ("checklist", "parts=wheel", "parts", 1),
        ("radio", "parts/wheel/colour=red", "parts/wheel/colour", 1),
        ("checklist", "parts=door", "parts", 3),
        ("radio", "parts/door/colour=blue", "parts/door/colour", 1),
    ]


def test_nothing_under_an_option_is_more_certain_than_it() -> None:
    scored = PARTS | {"confidence": 0.9, "scores": {"wheel": 0.5}}
    (received,) = read(scored, "predictions").received
    assert [part.confidence for part in received.event.predictions[0].parts()] == [0.9, 0.5, 0.5, 0.9, 0.9]


def test_an_option_that_is_not_chosen_has_no_questions() -> None:
    for side in ("annotations", "predictions"):
        (rejected,) = read(PARTS | {"answers": ["wheel"]}, side).rejected
        assert "`classifications` has questions under the option 'door', which is not chosen" in rejected.reason


def test_a_list_of_questions_is_under_the_only_option_chosen() -> None:
    listed = PARTS | {"answers": ["wheel"], "classifications": [COLOUR]}
    for side in ("annotations", "predictions"):
        (received,) = read(listed, side).received
        (said,) = getattr(received.event, side)
        assert [(part.label, part.parent) for part in said.parts()][1:] == [
            ("parts=wheel", 1),
            ("parts/wheel/colour=red", 1),
        ]
        assert read(PARTS | {"classifications": []}, side).received
        for answers in (["wheel", "door"], []):
            (rejected,) = read(listed | {"answers": answers}, side).rejected
            assert f"there are {len(answers)}: write" in rejected.reason, rejected.reason
    validator = Draft202012Validator(AnnotationEvent.model_json_schema())
    event = {"dataset": "d", "data_row": "a", "operation": "replace"}
    assert validator.is_valid(event | {"annotations": [listed]})
    assert validator.is_valid(event | {"annotations": [PARTS]})


def test_a_checklist_as_somebody_wrote_it(real_data: Path) -> None:
    path = real_data.parent / "cases" / "events" / "checklist_nested.ndjson"
    if not path.exists():
        pytest.skip("the case is not there")
    event = {"dataset": "d", "run": "r"} | json.loads(path.read_text())
    (received,) = decode([Record(json.dumps(event).encode(), 0, 1)], Reader(PredictionEvent)).received
    parts = received.event.predictions[0].parts()
    assert [(part.label, part.confidence) for part in parts if part.label] == [
        ("nested_checklist_question=first", 0.5),
        ("nested_checklist_question/first/sub=x", 0.5),
    ]


def test_answers_are_compared_under_equal_options() -> None:
    predicted = PARTS | {"answers": ["door", "wheel"], "classifications": {"wheel": [COLOUR], "door": [COLOUR]}}
    sides = [
        table([Row("a", {}, [item], ["a"])], side)
        for item, side in ((PARTS, "annotations"), (predicted, "predictions"))
    ]  # type: ignore[arg-type]
    cells = Evaluation(*sides, policy="iou-greedy").confusion_matrix().cells
    assert {(cell.actual, cell.predicted) for cell in cells} == {
        ("parts=wheel", "parts=wheel"),
        ("parts=door", "parts=door"),
        ("parts/wheel/colour=red", "parts/wheel/colour=red"),
        ("parts/door/colour=blue", "parts/door/colour=red"),
    }
