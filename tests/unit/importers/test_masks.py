"""PNG masks, and COCO's panoptic files, to data rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import evalstream
import numpy as np
import pytest
from evalstream.importers import rows
from evalstream.importers.files import Options
from evalstream.importers.masks import read, read_panoptic
from evalstream.importers.problems import ImporterError
from evalstream.importers.rows import Imported, Side
from PIL import Image
from pycocotools import mask as coco_mask

PIXELS = np.array([[0, 1, 1], [2, 2, 255]], np.uint8)
COLOURS = {0: (0, 0, 0), 1: (10, 20, 30), 2: (0, 200, 0), 255: (224, 224, 192)}


def save(path: Path, values: np.ndarray[Any, Any], mode: str = "L") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if mode == "RGB":
        values = np.array([[COLOURS[value] for value in row] for row in values.tolist()], np.uint8)
    image = Image.fromarray(values)
    if mode == "P":
        palette = np.zeros((256, 3), np.uint8)
        for value, colour in COLOURS.items():
            palette[value] = colour
        image = image.copy()
        image.putpalette(palette.tobytes())
    image.save(path)


def read_folder(folder: Path, side: Side = "annotations") -> Imported:
    return rows.checked(read(folder, side))


def by_feature(found: Imported) -> dict[str, list[list[int]]]:
    """Give the pixels of each object of the one row."""
    (row,) = found.rows
    return {
        item["feature"]: coco_mask.decode(
            {"size": list(item["mask"]["size"]), "counts": item["mask"]["counts"]}
        ).tolist()
        for item in row.objects
    }


@pytest.mark.parametrize("mode", ["L", "P"])
def test_values_are_classes(tmp_path: Path, mode: str) -> None:
    save(tmp_path / "a.png", PIXELS, mode)
    found = read_folder(tmp_path)
    assert by_feature(found) == {
        "1": [[0, 1, 1], [0, 0, 0]],
        "2": [[0, 0, 0], [1, 1, 0]],
        "void": [[0, 0, 0], [0, 0, 1]],
    }
    assert [item.get("crowd", False) for item in found.rows[0].objects] == [False, False, True]
    assert (found.categories, found.rows[0].data_row) == (["1", "2"], "a")
    assert found.rows[0].facts == {"width": 3, "height": 2, "metadata": {"file_name": "a.png"}}
    assert set(by_feature(read_folder(tmp_path, "predictions"))) == {"1", "2"}
    (tmp_path / "classes.txt").write_text("background\ncat\ndog\n")
    assert set(by_feature(read_folder(tmp_path))) == {"cat", "dog", "void"}
    (tmp_path / "classes.txt").write_text("road\ncat\n")
    named = read_folder(tmp_path)
    assert set(by_feature(named)) == {"road", "cat", "2", "void"}
    assert "The value 0 is 'road', the first of the names, and no background." in named.notes
    assert "1 value: in no list of names, called as they stand there." in named.notes


@pytest.mark.parametrize("mode", ["RGB", "P"])
def test_colours_are_classes(tmp_path: Path, mode: str) -> None:
    save(tmp_path / "SegmentationClass" / "a.png", PIXELS, mode)
    (tmp_path / "labelmap.txt").write_text(
        "# label:color_rgb:parts:actions\nbackground:0,0,0::\ncat:10,20,30::\ndog:0,200,0::\n"
    )
    assert by_feature(read_folder(tmp_path)) == {
        "cat": [[0, 1, 1], [0, 0, 0]],
        "dog": [[0, 0, 0], [1, 1, 0]],
        "void": [[0, 0, 0], [0, 0, 1]],
    }
    (tmp_path / "labelmap.txt").unlink()
    if mode == "RGB":
        assert set(by_feature(read_folder(tmp_path))) == {"#0a141e", "#00c800", "#e0e0c0"}
    (tmp_path / "labelmap.txt").write_text("cat:1,2\n")
    with pytest.raises(ImporterError, match="line 1: must be name:red,green,blue"):
        read_folder(tmp_path)


def test_objects_have_the_class_of_most_of_their_pixels(tmp_path: Path) -> None:
    save(tmp_path / "SegmentationClass" / "a.png", np.array([[1, 1, 1], [1, 2, 0]], np.uint8))
    save(tmp_path / "SegmentationObject" / "a.png", np.array([[1, 2, 2], [1, 2, 3]], np.uint8))
    found = read_folder(tmp_path)
    said = [(item["id"], item["feature"]) for item in found.rows[0].objects]
    assert said == [("1", "1"), ("2", "1")]
    assert "1 object: of pixels of several classes; each has the one that most of its pixels have." in found.notes
    assert "1 object: on background, left out." in found.notes


def test_instances_of_cityscapes(tmp_path: Path) -> None:
    save(tmp_path / "a.png", np.array([[7, 24000, 24001]], np.uint16))
    found = read_folder(tmp_path)
    assert [(item["id"], item["feature"]) for item in found.rows[0].objects] == [
        ("7", "7"),
        ("24000", "24"),
        ("24001", "24"),
    ]


def test_what_is_no_mask_is_told(tmp_path: Path) -> None:
    with pytest.raises(ImporterError, match="no PNG files there"):
        read_folder(tmp_path)
    (tmp_path / "b.png").write_text("no PNG")
    noise = np.random.default_rng(1).integers(0, 256, (20, 20, 3)).astype(np.uint8)
    Image.fromarray(noise).save(tmp_path / "c.png")
    with pytest.raises(ImporterError, match=r"b\.png: PNG: "):
        read_folder(tmp_path)
    save(tmp_path / "a.png", PIXELS)
    found = read_folder(tmp_path)
    assert [problem.record for problem in found.problems] == ["b.png", "c.png"]
    assert found.problems[1].reason == "have 400 values; it is a picture, and no mask"


def test_figures_of_pixels_are_those_of_arrays(tmp_path: Path) -> None:
    generator = np.random.default_rng(5)
    truth, other = (generator.integers(0, 4, (30, 40)).astype(np.uint8) for _ in range(2))
    answer = np.where(generator.random((30, 40)) < 0.8, truth, other)
    save(tmp_path / "gt" / "a.png", truth)
    save(tmp_path / "dt" / "a.png", answer)
    found = evalstream.evaluate(tmp_path / "gt", tmp_path / "dt", policy="iou-greedy")
    for value in (1, 2, 3):
        iou = np.sum((truth == value) & (answer == value)) / np.sum((truth == value) | (answer == value))
        for threshold, matched in ((np.nextafter(iou, 0), 1), (np.nextafter(iou, 1), 0)):
            assert found.summary(iou=float(threshold), feature=[str(value)]).tp == matched


def panoptic(folder: Path, segments: list[Any], name: str = "gt") -> Path:
    ids = np.array([[0, 70_000, 70_000], [5, 5, 5]])
    colours = np.stack([ids % 256, ids // 256 % 256, ids // 65_536], axis=2).astype(np.uint8)
    (folder / name).mkdir()
    Image.fromarray(colours).save(folder / name / "1.png")
    document = {
        "images": [{"id": 1, "file_name": "1.jpg"}],
        "categories": [{"id": 3, "name": "sky", "isthing": 0}, {"id": 4, "name": "cat", "isthing": 1}],
        "annotations": [{"image_id": 1, "file_name": "1.png", "segments_info": segments}],
    }
    (folder / f"{name}.json").write_text(json.dumps(document))
    return folder / f"{name}.json"


SEGMENTS = [{"id": 70_000, "category_id": 3}, {"id": 5, "category_id": 4, "iscrowd": 1}]


def test_panoptic_files(tmp_path: Path) -> None:
    path = panoptic(tmp_path, SEGMENTS)
    found = rows.checked(read_panoptic(path, "annotations"))
    assert by_feature(found) == {"sky": [[0, 1, 1], [0, 0, 0]], "cat": [[0, 0, 0], [1, 1, 1]]}
    assert [item.get("crowd") for item in found.rows[0].objects] == [None, True]
    assert found.rows[0].facts == {"width": 3, "height": 2, "metadata": {"file_name": "1.jpg"}}
    evaluation = evalstream.evaluate(path, path, options=Options(format=None))
    assert evaluation.average_precision().ap == pytest.approx(1)
    (tmp_path / "gt").rename(tmp_path / "png")
    with pytest.raises(ImporterError, match="no such folder; --images names"):
        read_panoptic(path, "annotations")
    assert len(read_panoptic(path, "annotations", tmp_path / "png").rows) == 1


@pytest.mark.parametrize(
    ("segments", "reason"),
    [
        (SEGMENTS[:1], "has no segment 5, which the PNG file has"),
        ([SEGMENTS[0], {"id": 5, "category_id": 9}], "the file lists no category 9"),
        ([SEGMENTS[0], {"id": 5}], "missing, or of another type"),
    ],
)
def test_segments_that_cannot_be_read_are_told(tmp_path: Path, segments: list[Any], reason: str) -> None:
    with pytest.raises(ImporterError, match=reason):
        read_panoptic(panoptic(tmp_path, segments), "annotations")
