"""Labelbox exports to data rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from evalstream.importers import rows
from evalstream.importers.labelbox import read
from evalstream.importers.options import LabelboxOptions
from evalstream.importers.problems import ImporterError
from evalstream.importers.rows import Imported

POINTS = [{"x": 1, "y": 2}, {"x": 3, "y": 4}, {"x": 5, "y": 0.5}]


def named(**fields: Any) -> dict[str, Any]:
    return {"name": "thing", "value": "thing_value", **fields}


def label(objects: Any = (), classifications: Any = (), **more: Any) -> dict[str, Any]:
    return {
        "id": "l",
        "annotations": {"objects": objects, "classifications": classifications, "relationships": []},
    } | more


def exported(*labels: dict[str, Any], **asset: Any) -> dict[str, Any]:
    return {
        "data_row": {"id": "c1", "global_key": "street-1", "row_data": "https://example.org/1.png"} | asset,
        "media_attributes": {"width": 20, "height": 10, "mime_type": "image/png"},
        "projects": {"p": {"name": "project", "labels": list(labels)}},
    }


def read_lines(folder: Path, *lines: Any, project: str | None = None) -> Imported:
    path = folder / "export.ndjson"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
    return rows.checked(read(path, "annotations", LabelboxOptions(project)))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"bounding_box": {"top": 1, "left": 2, "height": 3, "width": 4}},
            {"type": "bbox", "bbox": [2, 1, 4, 3]},
        ),
        ({"polygon": POINTS}, {"type": "polygon", "polygon": [[[1, 2], [3, 4], [5, 0.5]]]}),
        ({"line": POINTS}, {"type": "polyline", "polyline": [[1, 2], [3, 4], [5, 0.5]]}),
        ({"point": POINTS[0]}, {"type": "point", "point": [1, 2]}),
    ],
)
def test_objects(tmp_path: Path, given: dict[str, Any], said: dict[str, Any]) -> None:
    found = read_lines(tmp_path, exported(label([named(feature_id="f", **given)])))
    assert found.problems == []
    assert found.rows[0].objects == [{"feature": "thing", "id": "f"} | said]
    assert found.rows[0].data_row == "street-1"
    assert found.rows[0].facts == {
        "width": 20,
        "height": 10,
        "media_url": "https://example.org/1.png",
        "metadata": {"labelbox_id": "c1"},
    }


def test_answers_and_those_nested_in_them(tmp_path: Path) -> None:
    colour = {"name": "colour", "radio_answer": {"name": "red"}}
    weather = {"name": "weather", "radio_answer": {"name": "rain", "classifications": [colour]}}
    parts = {"name": "parts", "checklist_answers": [{"name": "wheel", "classifications": [colour]}, {"name": "door"}]}
    text = {"name": "plate", "text_answer": {"content": "AB 12"}}
    box = named(point=POINTS[0], classifications=[parts])
    found = read_lines(tmp_path, exported(label([box], [weather, text])))
    assert found.problems == []
    red = {"feature": "colour", "type": "radio", "answer": "red"}
    assert found.rows[0].objects == [
        {
            "feature": "thing",
            "type": "point",
            "point": [1, 2],
            "classifications": [
                {
                    "feature": "parts",
                    "type": "checklist",
                    "answers": ["wheel", "door"],
                    "classifications": {"wheel": [red]},
                }
            ],
        },
        {"feature": "weather", "type": "radio", "answer": "rain", "classifications": [red]},
        {"feature": "plate", "type": "text", "answer": "AB 12"},
    ]
    assert found.notes == []


def test_what_is_left_out_is_named(tmp_path: Path) -> None:
    mask = named(annotation_kind="ImageSegmentationMask", mask={"url": "https://example.org"})
    own = label([mask, named(point=POINTS[0])], frames={"1": {}, "2": {}})
    own["annotations"]["relationships"] = [{}]
    line = exported(own) | {"experiments": {"e": {}}}
    unlabelled = exported(global_key="street-2")
    found = read_lines(tmp_path, line, unlabelled)
    assert found.notes == [
        "Left out: 1 ImageSegmentationMask object.",
        "Left out: 2 annotated video frames.",
        "Left out: 1 model run.",
        "Left out: 1 relationship.",
        "Left out: 1 unlabelled data row.",
    ]
    assert len(found.rows) == 1


def test_a_data_row_of_several_labels_has_the_first(tmp_path: Path) -> None:
    two = exported(label([named(point=POINTS[0])]), label([named(point=POINTS[1])], id="second"))
    two["projects"]["q"] = {"name": "other", "labels": [label(id="third")]}
    found = read_lines(tmp_path, two)
    assert [problem.field for problem in found.problems] == [
        "label second of project 'project'",
        "label third of project 'other'",
    ]
    assert [item["point"] for item in found.rows[0].objects] == [[1, 2]]
    chosen = read_lines(tmp_path, two, project="other")
    assert (chosen.problems, chosen.rows[0].objects) == ([], [])
    assert chosen.notes == ["Left out: 2 foreign project labels."]


@pytest.mark.parametrize(
    ("given", "field", "reason"),
    [
        (named(bounding_box={"top": 1, "left": 2, "height": 3}), "bounding_box.width", "must be a number (got None)"),
        (named(line=[POINTS[0]]), "polyline", "at least 2 items"),
        (named(polygon={}), "polygon", "must be a list of points"),
        ({"point": POINTS[0]}, "name", "missing"),
        (named(bounding_box={"top": 1, "left": 2, "height": -3, "width": 1}), "bbox.3", "greater than or equal to 0"),
    ],
)
def test_an_object_that_cannot_be_read_is_told(tmp_path: Path, given: Any, field: str, reason: str) -> None:
    found = read_lines(tmp_path, exported(label([given, named(point=POINTS[0])])))
    (problem,) = found.problems
    assert (problem.record, problem.field) == ("line 1 objects[0]", field)
    assert reason in problem.reason
    assert len(found.rows[0].objects) == 1


def test_lines_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    found = read_lines(tmp_path, exported(label()), "{", {"data_row": {}}, exported(label()))
    assert [problem.record for problem in found.problems] == ["line 2", "line 3", "line 4"]
    with pytest.raises(ImporterError, match="line 1"):
        read_lines(tmp_path, {"x": 1})


def test_a_real_export(real_data: Path) -> None:
    found = rows.checked(read(real_data / "labelbox_ndjson" / "export_v2.ndjson", "annotations", LabelboxOptions()))
    assert found.problems == []
    assert rows.counted(found.rows) == {
        ("radio", "bad_image=False"): 1,
        ("radio", "bad_image=True"): 1,
        ("radio", "wear=not_wear"): 1,
    }
