"""Data rows that importers read, checked as events are, and joined with those of a ground truth."""

from __future__ import annotations

from typing import Any

import pytest
from evalstream.importers.problems import ImporterError
from evalstream.importers.rows import Imported, Row, checked, counted, joined, table

BOX = {"type": "bbox", "feature": "cat", "bbox": [0, 0, 1, 1]}


def row(name: str, *objects: dict[str, Any], **facts: Any) -> Row:
    return Row(name, facts, list(objects), [f"{name}[{i}]" for i in range(len(objects))])


def imported(*rows: Row) -> Imported:
    return Imported("file", "predictions", list(rows), [], [], [])


def test_what_no_event_may_hold_is_left_out_and_told() -> None:
    wrong = [BOX | {"bbox": [0, 0, -1, 1]}, BOX | {"type": "circle"}, BOX | {"confidence": 2.0}]
    found = checked(imported(row("a", BOX, *wrong), row("b", BOX, BOX), row("", BOX)))
    assert [(one.data_row, len(one.objects), len(one.places)) for one in found.rows] == [("a", 1, 1), ("b", 2, 2)]
    assert [(problem.record, problem.field) for problem in found.problems] == [
        ("a[1]", "bbox.2"),
        ("a[2]", "predictions.0"),
        ("a[3]", "confidence"),
        ("data row ''", "data_row"),
    ]


def test_objects_that_cannot_stand_together_are_told() -> None:
    found = checked(imported(row("a", BOX | {"id": "x"}, BOX | {"id": "x"})))
    assert found.rows == []
    assert "two objects of one data row have the id 'x'" in str(found.problems[0])


def test_every_data_row_of_the_truth_has_a_set_of_predictions() -> None:
    found = joined(imported(row("b.png", BOX)), ["1", "2", "3"], ["a.jpg", "b.jpg", ""], skip_unknown=False)
    assert [(one.data_row, len(one.objects)) for one in found.rows] == [("1", 0), ("2", 1), ("3", 0)]
    assert table(found.rows, "predictions")["data_row"].to_pylist() == ["1", "2", "3"]


def test_two_sets_of_predictions_of_one_image_are_refused() -> None:
    with pytest.raises(ImporterError, match="data row 'b': is image '2', and so is data row '2'"):
        joined(imported(row("2", BOX), row("b", BOX)), ["2"], ["b.jpg"], skip_unknown=False)


def test_names_of_several_images_are_refused() -> None:
    with pytest.raises(ImporterError, match="data row 'b': 2 images of the ground truth share this file name"):
        joined(imported(row("b", BOX)), ["1", "2"], ["x/b.jpg", "y/b.jpg"], skip_unknown=True)


def test_counts() -> None:
    radio = {"type": "radio", "feature": "weather", "answer": "rain"}
    assert counted([row("a", BOX, radio), row("b", BOX)]) == {("bbox", "cat"): 2, ("radio", "weather=rain"): 1}
