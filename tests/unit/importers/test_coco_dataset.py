"""COCO data sets that hold predictions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import evalstream
import pytest
from evalstream.importers.problems import ImporterError
from evalstream_cli.main import app
from typer.testing import CliRunner

TRUTH: dict[str, Any] = {
    "images": [{"id": 7, "file_name": "a.jpg"}, {"id": 8, "file_name": "b.jpg"}],
    "categories": [{"id": 1, "name": "car"}, {"id": 2, "name": "bus"}],
    "annotations": [
        {"id": 1, "image_id": 7, "category_id": 1, "bbox": [0, 0, 10, 10]},
        {"id": 2, "image_id": 8, "category_id": 2, "bbox": [0, 0, 10, 10]},
    ],
}
#: The same objects and one of another class; images and categories are counted otherwise.
FOUND: dict[str, Any] = {
    "images": [{"id": 8, "file_name": "img/a.jpg"}, {"id": 7, "file_name": "img/b.jpg"}],
    "categories": [{"id": 2, "name": "car"}, {"id": 1, "name": "bus"}, {"id": 3, "name": "1"}],
    "annotations": [
        {"id": 1, "image_id": 8, "category_id": 2, "bbox": [0, 0, 10, 10], "score": 0.9},
        {"id": 2, "image_id": 7, "category_id": 1, "bbox": [0, 0, 10, 10]},
        {"id": 3, "image_id": 7, "category_id": 3, "bbox": [0, 0, 10, 10], "score": 0.5},
    ],
}


def test_classes_and_images_are_joined_by_name() -> None:
    found = evalstream.evaluate(TRUTH, FOUND)
    assert found.average_precision().ap == pytest.approx(1)
    summary = found.summary()
    assert (summary.tp, summary.fp, summary.fn) == (2, 1, 0)
    cells = {(cell.actual, cell.predicted) for cell in found.confusion_matrix().cells}
    assert (None, "1") in cells, "a class of theirs keeps its name, though a number of ours is the same"
    assert any("3 annotations are read as predictions" in note and "2 of 3" in note for note in summary.notes)
    assert "2 images: the image is known by its file name without its folder." in summary.notes
    assert "1 detection: no score; its confidence is 1." in summary.notes


def test_ids_stand_in_only_where_a_side_has_no_file_names() -> None:
    bare = FOUND | {"images": [{"id": 7}, {"id": 8}]}
    assert evalstream.evaluate(TRUTH, bare).summary().tp == 0, "7 is a.jpg, whose car is no bus"
    other = FOUND | {"images": [{"id": 8, "file_name": "c.jpg"}, {"id": 7, "file_name": "b.jpg"}]}
    with pytest.raises(ImporterError, match=r"image_id: annotations has no image c\.jpg"):
        evalstream.evaluate(TRUTH, other)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"categories": [{"id": 1, "name": "dog"}]}, "none of these names"),
        ({"categories": [{"id": 1}]}, r"categories\[0\]: name: must be there"),
        ({"images": [{"file_name": "a.jpg"}]}, r"images\[0\]: id: must be there"),
    ],
)
def test_what_cannot_be_joined_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ImporterError, match=message):
        evalstream.evaluate(TRUTH, FOUND | change)


def test_a_record_that_cannot_be_read_is_left_out() -> None:
    wrong = FOUND | {"annotations": [*FOUND["annotations"], {"image_id": 7, "category_id": 1}, 5]}
    found = evalstream.evaluate(TRUTH, wrong)
    assert [problem.record for problem in found.problems] == ["detection 3", "detection 4"]
    assert found.summary().tp == 2


def test_on_the_command_line(tmp_path: Path) -> None:
    for name, document in (("gt.json", TRUTH), ("dt.json", FOUND)):
        (tmp_path / name).write_text(json.dumps(document))
    paths = [str(tmp_path / "gt.json"), str(tmp_path / "dt.json")]
    told = json.loads(CliRunner().invoke(app, ["import", "--dry-run", "--json", *paths]).stdout)
    assert [one["side"] for one in told] == ["annotations", "predictions"]


def test_real_detections_have_the_figures_of_pycocotools(real_data: Path) -> None:
    folder = real_data / "coco2014_100"
    truth = json.loads((folder / "instances_val2014_100.json").read_bytes())
    results = json.loads((folder / "instances_val2014_fakebbox100_results.json").read_bytes())
    numbers = {image["id"]: i for i, image in enumerate(truth["images"])}
    classes = {one["id"]: i for i, one in enumerate(reversed(truth["categories"]))}
    given = {
        "images": [image | {"id": numbers[image["id"]]} for image in truth["images"]],
        "categories": [one | {"id": classes[one["id"]]} for one in truth["categories"]],
        "annotations": [
            one | {"image_id": numbers[one["image_id"]], "category_id": classes[one["category_id"]]} for one in results
        ],
    }
    found = evalstream.evaluate(truth, given).average_precision()
    expected = json.loads((folder / "expected.json").read_bytes())["bbox"]["pycocotools"]["stats"]
    assert (found.ap, found.ap50, found.ar_100) == pytest.approx(
        tuple(expected[name] for name in ("AP", "AP50", "AR100")), abs=1e-12
    )


def test_a_real_data_set_of_detections(real_data: Path) -> None:
    folder = real_data / "voc2007_100"
    found = evalstream.evaluate(
        folder / "data/database/gts/coco_format_v1/instances_default.json",
        folder / "data/database/dets/coco_format/coco_dets.json",
    ).average_precision()
    expected = json.loads((folder / "expected.json").read_bytes())["bbox"]["pycocotools"]["stats"]
    assert (found.ap, found.ap50) == pytest.approx((expected["AP"], expected["AP50"]), abs=1e-12)
