"""Questions under an option of a checklist: parts of that option, called by its path."""

from __future__ import annotations

import json
from typing import Any

from evalstream.evaluation import Evaluation
from evalstream.events import AnnotationEvent, PredictionEvent, Reader, Record, decode
from evalstream.importers.rows import Row, table

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
