"""Label Studio's JSON to data rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from evalstream.importers import rows
from evalstream.importers.detect import detect
from evalstream.importers.label_studio import brushed, read
from evalstream.importers.problems import ImporterError
from evalstream.importers.rows import Imported, Side
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

SIZE = {"original_width": 200, "original_height": 100, "image_rotation": 0}
BOX = {"x": 10, "y": 20, "width": 5, "height": 10, "rotation": 0, "rectanglelabels": ["car"]}


def result(kind: str, value: Any, **more: Any) -> dict[str, Any]:
    return {"type": kind, "value": value, "from_name": "q", "to_name": "image", **SIZE} | more


def task(*results: Any, **more: Any) -> dict[str, Any]:
    data = {"image": "/data/upload/1/a.jpg"}
    return {"id": 3, "data": data, "annotations": [{"id": 1, "completed_by": 1, "result": list(results)}]} | more


def read_tasks(folder: Path, *tasks: Any, side: Side = "annotations") -> Imported:
    path = folder / "tasks.json"
    path.write_text(json.dumps(tasks))
    assert detect(path) == "labelstudio"
    return rows.checked(read(path, side))


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        ("rectanglelabels", BOX, {"type": "bbox", "bbox": [20, 20, 10, 10]}),
        (
            "polygonlabels",
            {"points": [[0, 0], [50, 0], [50, 50]], "polygonlabels": ["car"]},
            {"type": "polygon", "polygon": [[[0, 0], [100, 0], [100, 50]]]},
        ),
        ("keypointlabels", {"x": 50, "y": 50, "keypointlabels": ["car"]}, {"type": "point", "point": [100, 50]}),
    ],
)
def test_shapes(tmp_path: Path, kind: str, value: Any, said: dict[str, Any]) -> None:
    found = read_tasks(tmp_path, task(result(kind, value)))
    assert (found.problems, found.notes) == ([], [])
    (row,) = found.rows
    assert row.objects == [{"feature": "car"} | said]
    assert (row.data_row, row.facts) == ("3", {"width": 200, "height": 100, "metadata": {"file_name": "a.jpg"}})


@pytest.mark.parametrize("angle", [30, 90, 328.3])
def test_a_box_is_turned_about_its_first_corner(tmp_path: Path, angle: float) -> None:
    (said,) = read_tasks(tmp_path, task(result("rectanglelabels", BOX | {"rotation": angle}))).rows[0].objects
    x, y, width, height, turn = said["rotated_box"]
    own = shapely.affinity.rotate(shapely.box(x - width / 2, y - height / 2, x + width / 2, y + height / 2), turn)
    expected = shapely.affinity.rotate(shapely.box(20, 20, 30, 30), angle, origin=(20, 20))
    assert own.symmetric_difference(expected).area == pytest.approx(0, abs=1e-9)


def test_answers_of_a_region_and_of_a_task(tmp_path: Path) -> None:
    parts = [
        result("rectanglelabels", BOX, id="r"),
        result("choices", BOX | {"choices": ["red"]}, id="r", from_name="colour"),
        result("textarea", {"text": ["a", "b"]}, from_name="caption"),
        result("rating", {"rating": 4}, from_name="stars"),
        result("choices", {"choices": ["x", "y"]}, from_name="all"),
        result("taxonomy", {"taxonomy": [["animal", "cat"]]}, from_name="kind"),
    ]
    found = read_tasks(tmp_path, task(*parts))
    assert found.problems == []
    assert found.rows[0].objects == [
        {
            "feature": "car",
            "type": "bbox",
            "bbox": [20, 20, 10, 10],
            "classifications": [{"feature": "colour", "type": "radio", "answer": "red"}],
        },
        {"feature": "caption", "type": "text", "answer": "a\nb"},
        {"feature": "stars", "type": "number", "answer": 4.0},
        {"feature": "all", "type": "checklist", "answers": ["x", "y"]},
        {"feature": "kind", "type": "radio", "answer": "animal/cat"},
    ]
    assert found.notes[0].startswith("Questions with one answer each, wherever asked: colour, kind")


def test_control_characters_in_names_are_read_as_spaces(tmp_path: Path) -> None:
    parts = [
        result("rectanglelabels", BOX | {"rectanglelabels": ["c\x85ar"]}, id="r"),
        result("choices", BOX | {"choices": ["dark\nred"]}, id="r", from_name="colour"),
        result("choices", {"choices": ["x\t", "y"]}, from_name="all"),
        result("textarea", {"text": ["a\x0cb\x85"]}, from_name="cap\ntion"),
    ]
    found = read_tasks(tmp_path, task(*parts, data={"text": "a\x85\x0c\x00", "image": "a.jpg"}))
    assert (found.problems, found.categories) == ([], ["all", "cap tion", "c ar"])
    box, checklist, text = found.rows[0].objects
    assert (box["feature"], box["classifications"][0]["answer"]) == ("c ar", "dark red")
    assert (checklist["answers"], text) == (
        ["x ", "y"],
        {"feature": "cap tion", "type": "text", "answer": "a\x0cb\x85"},
    )
    assert found.rows[0].facts["text"] == "a\x85\x0c\x00", "texts hold what texts hold"
    assert found.notes[-1] == "3 objects: control characters in names, which hold none; each is read as a space."


def test_spans_count_what_their_text_says(tmp_path: Path) -> None:
    text = "😀 Zoë met Ada"
    assert text[6:9] == "met"

    def span(start: int, end: int, covered: str) -> dict[str, Any]:
        return result("labels", {"start": start, "end": end, "text": covered, "labels": ["PER"]})

    own = task(span(2, 5, "Zoë"), span(11, 14, "Ada"), span(0, 3, "met"), data={"text": text})
    found = read_tasks(tmp_path, own)
    assert [item.get("unit") for item in found.rows[0].objects] == [None, "utf16"]
    assert [(problem.field, problem.reason) for problem in found.problems] == [
        ("value.text", "'met' does not stand at [0, 3)")
    ]


def pack(values: list[int], word: int, lengths: list[int]) -> list[int]:
    """Pack values as the format says, each run in the first of the lengths that holds it."""
    bits = f"{len(values):032b}{word - 1:05b}" + "".join(f"{length - 1:04b}" for length in lengths)
    i = 0
    while i < len(values):
        j = i
        while j < len(values) and values[j] == values[i] and j - i < 2 ** max(lengths):
            j += 1
        size = next(k for k, length in enumerate(lengths) if j - i <= 2**length)
        bits += f"{int(j - i > 1)}{size:02b}{j - i - 1:0{lengths[size]}b}{values[i]:0{word}b}"
        i = j
    bits += "0" * (-len(bits) % 8)
    return [int(bits[k : k + 8], 2) for k in range(0, len(bits), 8)]


@given(st.lists(st.sampled_from([0, 0, 255]), min_size=6, max_size=6), st.permutations([2, 3, 4, 8]))
def test_brushes_are_unfolded(opacity: list[int], lengths: list[int]) -> None:
    values = [channel for alpha in opacity for channel in (alpha, 7, 7, alpha)]
    found = brushed(pack(values, 8, sorted(lengths)), 3, 2)
    np.testing.assert_array_equal(found, np.array(opacity).reshape(2, 3) > 0)


def test_a_brush_is_a_mask_and_a_broken_one_is_told(tmp_path: Path) -> None:
    values = [0, 0, 0, 0, 1, 1, 1, 255]
    small = {"original_width": 2, "original_height": 1}
    brush = {"format": "rle", "rle": pack(values, 8, [2, 3, 4, 8]), "brushlabels": ["roof"]}
    (said,) = read_tasks(tmp_path, task(result("brushlabels", brush, **small))).rows[0].objects
    rle = {"size": list(said["mask"]["size"]), "counts": said["mask"]["counts"]}
    assert coco_mask.decode(rle).tolist() == [[0, 1]]
    for wrong, reason in (
        (brush["rle"][:6], "ends too early"),
        ([*brush["rle"][:3], 9, *brush["rle"][4:]], "9 values, where the image has 2 x 1 pixels of 4"),
        ([300], "must be a list of bytes"),
    ):
        found = read_tasks(tmp_path, task(result("brushlabels", brush | {"rle": wrong}, **small)))
        assert [problem.reason for problem in found.problems] == [reason]


def test_predictions_and_several_annotations(tmp_path: Path) -> None:
    scored = {"model_version": "v1", "score": 0.5, "result": [result("rectanglelabels", BOX, score=0.9, id="a")]}
    own = task(result("rectanglelabels", BOX), predictions=[scored])
    own["annotations"].insert(0, {"id": 0, "was_cancelled": True, "result": []})
    own["annotations"].append({"id": 2, "ground_truth": True, "result": []})
    found = read_tasks(tmp_path, own)
    assert found.rows[0].objects == [], "the one that is marked as the truth"
    assert [(problem.field, problem.reason) for problem in found.problems] == [
        ("annotation 1", "the task has one already, 2")
    ]
    assert found.notes == ["1 annotation: cancelled, left out."]
    predicted = read_tasks(tmp_path, own, task(id=4), side="predictions")
    assert predicted.rows[0].objects[0]["confidence"] == 0.9
    assert predicted.notes == ["1 task: without annotations, left out, for nobody said that it is empty."]


@pytest.mark.parametrize(
    ("wrong", "field", "reason"),
    [
        (result("rectanglelabels", BOX | {"x": None}), "value.x", "must be a number (got None)"),
        (result("rectanglelabels", BOX, original_width=None), "original_width", "whose size must be given"),
        (result("rectanglelabels", BOX, image_rotation=90), "image_rotation", "must be 0 (got 90)"),
        (result("rectangle", {**BOX, "rectanglelabels": []}), "labels", "the region has none"),
    ],
)
def test_a_region_that_cannot_be_read_is_told(tmp_path: Path, wrong: Any, field: str, reason: str) -> None:
    found = read_tasks(tmp_path, task(wrong, result("rectanglelabels", BOX)))
    (problem,) = found.problems
    assert (problem.record, problem.field) == ("task 0 (id 3) result[0]", field)
    assert reason in problem.reason
    assert len(found.rows[0].objects) == 1


def test_json_min_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps([{"image": "a.jpg", "label": [BOX], "id": 1, "lead_time": 2}]))
    with pytest.raises(ImporterError, match="JSON-MIN is not read"):
        detect(tmp_path / "a.json")


def test_real_exports(real_data: Path) -> None:
    counts = {}
    for name in ("boxes", "rotated", "polygons", "keypoints", "choices"):
        path = real_data / "label_studio" / f"{name}.json"
        assert detect(path) == "labelstudio"
        found = rows.checked(read(path, "annotations"))
        counts[name] = (sum(rows.counted(found.rows).values()), len(found.problems))
        for row in found.rows:
            for item in row.objects:
                if item["type"] == "bbox":
                    x, y, width, height = item["bbox"]
                    assert 0 <= x < x + width <= row.facts["width"], "in pixels of the image"
                    assert 0 <= y < y + height <= row.facts["height"]
    assert counts == {
        "boxes": (4, 1),  # a second annotation of two boxes is left out
        "rotated": (25, 0),
        "polygons": (1, 0),
        "keypoints": (4, 0),
        "choices": (1, 0),  # the option has line ends in its name
    }
