"""What options say of every data row is said by events and CoNLL too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from evalstream.client.files import How, annotation_lines, prediction_lines
from evalstream.importers.files import Options

HOW = How(Options(split="val", metadata=(("camera", "front"),)))
EVENT = {"data_row": "a", "operation": "replace", "annotations": []}


def facts(lines: Any) -> list[Any]:
    return [json.loads(line)["row"] for line in lines.lines]


def test_of_events(tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    row = {"split": "test", "width": 3, "metadata": {"camera": "back", "day": 1}}
    path.write_text("\n".join(json.dumps(event) for event in (EVENT, EVENT | {"row": row})))
    expected = [
        {"split": "validation", "metadata": {"camera": "front"}},
        {"split": "validation", "width": 3, "metadata": {"camera": "front", "day": 1}},
    ]
    for source in (path, [EVENT, EVENT | {"row": row}]):
        assert facts(annotation_lines(source, "d", HOW)[0]) == expected
    assert facts(prediction_lines(path, None, None, "d", "r", HOW)) == expected
    plain = [json.loads(line) for line in annotation_lines(path, "d", How())[0].lines]
    assert ["row" in event for event in plain] == [False, True]


def test_of_conll_and_arrays(tmp_path: Path) -> None:
    path = tmp_path / "test.conll"
    path.write_text("Rome B-LOC\n\nhello O\n")
    for said in (annotation_lines(path, "d", HOW)[0], prediction_lines(path, None, None, "d", "r", HOW)):
        assert [(row["split"], row["metadata"]["camera"]) for row in facts(said)] == [("validation", "front")] * 2
    (row,) = facts(annotation_lines({"a": {"boxes": [], "labels": []}}, "d", HOW)[0])
    assert row == {"split": "validation", "metadata": {"camera": "front"}}


@pytest.mark.parametrize("line", ["[1]", "nonsense", '{"row": [1]}', '{"row": {"metadata": 3}}'])
def test_a_line_that_is_no_event_stays_as_it_is(tmp_path: Path, line: str) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text(f"{json.dumps(EVENT)}\n{line}\n")
    said = list(annotation_lines(path, "d", HOW)[0].lines)
    assert len(said) == 2
    assert b"front" not in said[1]
