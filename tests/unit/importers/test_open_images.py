"""Open Images CSV to data rows."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import evalstream
import pytest
from evalstream.importers import rows
from evalstream.importers.files import Options
from evalstream.importers.open_images import read
from evalstream.importers.options import Size, YoloOptions
from evalstream.importers.problems import ImporterError
from evalstream.importers.rows import Imported, Side
from PIL import Image

HEAD = "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside"
LINE = "a,xclick,/m/1,1,0.1,0.3,0.5,0.75,0,0,0,0,0"


def read_lines(folder: Path, *lines: str, head: str = HEAD, side: Side = "annotations", **known: Any) -> Imported:
    (folder / "boxes.csv").write_text("\n".join((head, *lines)))
    return rows.checked(read(folder / "boxes.csv", side, **known))


def test_boxes_in_pixels(tmp_path: Path) -> None:
    (tmp_path / "class-descriptions-boxable.csv").write_text("/m/1,Person\n/m/2,Car\n")
    found = read_lines(tmp_path, LINE, image_size=Size(200, 100))
    (row,) = found.rows
    assert (row.data_row, row.facts) == ("a", {"width": 200, "height": 100})
    (said,) = row.objects
    assert said["feature"] == "Person"
    assert said["bbox"] == pytest.approx([20, 50, 40, 25])
    assert (found.notes, found.problems) == ([], [])
    (tmp_path / "images").mkdir()
    Image.new("L", (400, 100)).save(tmp_path / "images" / "a.png")
    sized = read_lines(tmp_path, LINE, LINE.replace("a,", "b,"), images=tmp_path / "images")
    assert sized.rows[0].objects[0]["bbox"] == pytest.approx([40, 50, 80, 25])
    assert [problem.reason for problem in sized.problems] == [
        "the size of image 'b' is not known, and that of others is"
    ]


def test_without_sizes_boxes_stay_fractions(tmp_path: Path) -> None:
    found = read_lines(tmp_path, LINE)
    assert found.rows[0].objects[0]["bbox"] == pytest.approx([0.1, 0.5, 0.2, 0.25])
    assert found.rows[0].objects[0]["feature"] == "/m/1"
    assert "boxes are fractions" in found.notes[0]
    assert "called by their ids" in found.notes[1]


def test_flags(tmp_path: Path) -> None:
    found = read_lines(tmp_path, LINE.replace("0,0,0,0,0", "1,0,1,0,0"))
    assert found.rows[0].objects[0]["group_of"] is True
    assert [note.partition(" ")[0] for note in found.notes[2:]] == ["1", "1"]


def test_predictions_in_both_forms(tmp_path: Path) -> None:
    (tmp_path / "gt.csv").write_text(f"{HEAD}\n{LINE}\n")
    lines = "ImageID,LabelName,Score,XMin,XMax,YMin,YMax\na,/m/1,0.25,0.1,0.3,0.5,0.75\n"
    (tmp_path / "lines.csv").write_text(lines)
    (tmp_path / "string.csv").write_text("ImageId,PredictionString\na,/m/1 0.25 0.1 0.5 0.3 0.75\n")
    for name in ("lines", "string"):
        found = evalstream.evaluate(tmp_path / "gt.csv", tmp_path / f"{name}.csv")
        assert (found.summary(confidence=0.25).tp, found.summary(confidence=0.26).tp) == (1, 0)
    (tmp_path / "string.csv").write_text("ImageId,PredictionString\na,/m/1 0.25 0.1\n")
    with pytest.raises(ImporterError, match="PredictionString: must be of six words a box"):
        read(tmp_path / "string.csv", "predictions")


def test_labels_of_whole_images(tmp_path: Path) -> None:
    head = "ImageID,Source,LabelName,Confidence"
    found = read_lines(tmp_path, "a,v,/m/1,1", "a,v,/m/2,0", "a,v,/m/3,0.5", head=head)
    assert [(item["feature"], item["answer"]) for item in found.rows[0].objects] == [("/m/1", "yes"), ("/m/2", "no")]
    assert [problem.field for problem in found.problems] == ["Confidence"]
    (said,) = read_lines(tmp_path, "a,v,/m/1,0.25", head=head, side="predictions").rows[0].objects
    assert said == {
        "feature": "/m/1",
        "type": "radio",
        "answer": "no",
        "scores": {"yes": 0.25, "no": 0.75},
        "confidence": 0.75,
    }


@pytest.mark.parametrize(
    ("line", "field", "reason"),
    [
        (LINE.replace("0.1,", "x,"), "XMin", "must be a number (got 'x')"),
        (LINE.replace("0.1,", "0.4,"), "XMax", "ends before it begins"),
    ],
)
def test_a_line_that_cannot_be_read_is_told(tmp_path: Path, line: str, field: str, reason: str) -> None:
    found = read_lines(tmp_path, line, LINE)
    (problem,) = found.problems
    assert (problem.record, problem.field) == ("line 2", field)
    assert reason in problem.reason
    with pytest.raises(ImporterError, match="line 2"):
        read_lines(tmp_path, line)
    with pytest.raises(ImporterError, match="must name ImageID and LabelName"):
        read_lines(tmp_path, head="id,label")


@pytest.mark.parametrize("sized", [True, False])
def test_real_boxes_have_the_figures_of_the_same_ones_as_coco(real_data: Path, tmp_path: Path, sized: bool) -> None:
    folder = real_data / "coco2014_100"
    truth = json.loads((folder / "instances_val2014_100.json").read_bytes())
    results = json.loads((folder / "instances_val2014_fakebbox100_results.json").read_bytes())
    sizes = {one["id"]: (one["width"], one["height"]) for one in truth["images"]}
    names = {one["id"]: one["name"] for one in truth["categories"]}
    for name, records, head in (("gt", truth["annotations"], HEAD), ("dt", results, HEAD)):
        with (tmp_path / f"{name}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(head.split(","))
            for one in records:
                x, y, w, h = one["bbox"]
                width, height = sizes[one["image_id"]]
                box = [x / width, (x + w) / width, y / height, (y + h) / height]
                score, crowd = one.get("score", 1), one.get("iscrowd", 0)
                writer.writerow(
                    [one["image_id"], "x", names[one["category_id"]], score, *map(repr, box), 0, 0, crowd, 0, 0]
                )
    if sized:
        (tmp_path / "images").mkdir()
        for image, size in sizes.items():
            Image.new("1", size).save(tmp_path / "images" / f"{image}.png")
    options = Options(yolo=YoloOptions(images=tmp_path / "images" if sized else None))
    found = evalstream.evaluate(tmp_path / "gt.csv", tmp_path / "dt.csv", options=options).average_precision()
    expected = json.loads((folder / "expected.json").read_bytes())["bbox"]["pycocotools"]["stats"]
    assert (found.ap, found.ap50, found.ap75) == pytest.approx(
        tuple(expected[name] for name in ("AP", "AP50", "AP75")), abs=1e-9
    )


def test_masks_are_refused_and_not_taken_for_labels_of_images(tmp_path: Path) -> None:
    head = "MaskPath,ImageID,LabelName,BoxID,BoxXMin,BoxXMax,BoxYMin,BoxYMax,PredictedIoU,Clicks"
    with pytest.raises(ImporterError, match="MaskPath: masks of Open Images are not read"):
        read_lines(tmp_path, "a_m1_b.png,a,/m/1,b,0.1,0.3,0.5,0.75,0.5,", head=head)


def test_files_as_other_tools_write_them(tmp_path: Path) -> None:
    """Decimal commas, image ids with an ending, and names of classes where ids stand."""
    (tmp_path / "names.txt").write_text("Person\n")
    (tmp_path / "images").mkdir()
    Image.new("L", (200, 100)).save(tmp_path / "images" / "a.png")
    line = 'a.png,,Person,,"0,1","0,3","0,5","0,75",,,,,'
    found = read_lines(tmp_path, line, names=tmp_path / "names.txt", images=tmp_path / "images")
    assert found.rows[0].objects[0]["bbox"] == pytest.approx([20, 50, 40, 25])
    assert (found.rows[0].objects[0]["feature"], found.notes) == ("Person", [])


def test_fractions_and_pixels_are_never_compared(tmp_path: Path) -> None:
    (tmp_path / "boxes.csv").write_text(f"{HEAD}\n{LINE}\n")
    (tmp_path / "names.txt").write_text("/m/1\n")
    results = [{"image_id": "a", "category_id": 0, "bbox": [20, 50, 40, 25], "score": 0.5}]
    truth = {
        "images": [{"id": "a", "file_name": "a"}],
        "categories": [{"id": 0, "name": "/m/1"}],
        "annotations": [{"id": 1, "image_id": "a", "category_id": 0, "bbox": [20, 50, 40, 25]}],
    }
    named = Options(yolo=YoloOptions(names=tmp_path / "names.txt"))
    for true, found in ((tmp_path / "boxes.csv", results), (truth, tmp_path / "boxes.csv")):
        with pytest.raises(ImporterError, match=r"boxes\.csv: boxes are fractions .* are in pixels: --images"):
            evalstream.evaluate(true, found, options=named)
        sized = named._replace(yolo=named.yolo._replace(image_size=Size(200, 100)))
        assert evalstream.evaluate(true, found, options=sized).summary().tp == 1
