"""YOLO label files to data rows, and the figures of a run in them beside those of the same data as COCO."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import evalstream
import pytest
from evalstream.importers import rows
from evalstream.importers.files import Options
from evalstream.importers.options import Size, YoloOptions
from evalstream.importers.problems import ImporterError
from evalstream.importers.rows import Imported, Side
from evalstream.importers.yolo import read
from PIL import Image

SIZE = Size(200, 100)


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def picture(path: Path, size: tuple[int, int], **more: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size).save(path, **more)


def read_labels(folder: Path, text: str, side: Side = "annotations", **options: Any) -> Imported:
    """Read one label file on an image of a known size, with the names of two classes."""
    write(folder, {"labels/a.txt": text, "classes.txt": "cat\ndog\n"})
    return rows.checked(read(folder / "labels", side, YoloOptions(image_size=SIZE, **options)))


def objects(found: Imported) -> list[dict[str, Any]]:
    assert found.problems == []
    (row,) = found.rows
    return row.objects


def test_boxes(tmp_path: Path) -> None:
    found = read_labels(tmp_path, "0 0.5 0.5 0.25 0.5\n\n1 0.125 0.25 0.25 0.5\n")
    assert objects(found) == [
        {"feature": "cat", "type": "bbox", "bbox": [75, 25, 50, 50]},
        {"feature": "dog", "type": "bbox", "bbox": [0, 0, 50, 50]},
    ]
    assert found.categories == ["cat", "dog"]
    assert (found.rows[0].data_row, found.rows[0].facts) == ("a", {"width": 200, "height": 100})


def test_predictions_have_their_confidence_last(tmp_path: Path) -> None:
    found = read_labels(tmp_path, "0 0.5 0.5 0.25 0.5 0.75\n1 0.5 0.5 0.25 0.5\n", "predictions")
    assert [item.get("confidence") for item in objects(found)] == [0.75, None]
    assert any(note.startswith("1 label: no confidence") for note in found.notes)


CORNERS = "0.25 0.2 0.75 0.2 0.75 0.8 0.25 0.8"


def test_corners_are_polygons_boxes_or_rotated_boxes(tmp_path: Path) -> None:
    polygon = read_labels(tmp_path, f"0 {CORNERS}\n")
    assert objects(polygon) == [
        {"feature": "cat", "type": "polygon", "polygon": [[(50, 20), (150, 20), (150, 80), (50, 80)]]}
    ]
    assert any("--yolo-task obb" in note for note in polygon.notes)
    box = read_labels(tmp_path, f"0 {CORNERS} 0.5\n", "predictions", task="detect")
    assert objects(box) == [{"feature": "cat", "type": "bbox", "bbox": [50, 20, 100, 60], "confidence": 0.5}]
    (rotated,) = objects(read_labels(tmp_path, f"0 {CORNERS}\n", task="obb"))
    x, y, *sides, angle = rotated["rotated_box"]
    assert (x, y) == pytest.approx((100, 50))
    assert sorted(sides) == pytest.approx([60, 100])
    assert angle % 90 == pytest.approx(0)


def test_corners_turned_by_45_degrees(tmp_path: Path) -> None:
    (turned,) = objects(read_labels(tmp_path, "0 0.5 0.3 0.6 0.5 0.5 0.7 0.4 0.5\n", task="obb"))
    x, y, width, height, angle = turned["rotated_box"]
    assert (x, y, width, height) == pytest.approx((100, 50, 800**0.5, 800**0.5))
    assert angle % 90 == pytest.approx(45)


def test_poses(tmp_path: Path) -> None:
    text = "0 0.5 0.5 0.25 0.5 0.5 0.5 2 0.25 0.25 1 0 0 0\n"
    found = read_labels(tmp_path, text, keypoints=(3, 3))
    assert any("Ultralytics takes 0.53" in note for note in found.notes)
    (said,) = objects(found)
    assert said == {
        "feature": "cat",
        "type": "keypoints",
        "keypoints": [[100, 50, 2], [50, 25, 1], [0, 0, 0]],
        "bbox": [75, 25, 50, 50],
    }
    text = "0 0.5 0.5 0.25 0.5 0.5 0.5 0.25 0.25 0.9\n"
    (said,) = objects(read_labels(tmp_path, text, "predictions", keypoints=(2, 2)))
    assert said == {"feature": "cat", "type": "keypoints", "confidence": 0.9} | {
        "keypoints": [[100, 50, 1], [50, 25, 1]]
    }


@pytest.mark.parametrize(
    ("line", "field", "reason"),
    [
        ("2 0.5 0.5 0.1 0.1", "class", "there is no class 2, but 2 names"),
        ("-1 0.5 0.5 0.1 0.1", "class", "must be a whole number from 0"),
        ("0.5 0.5 0.5 0.1 0.1", "class", "must be a whole number from 0"),
        ("0 0.5 0.5 0.1", "columns", "4, where 5 belong"),
        ("0 0.5 0.5 0.1 0.1 0.9", "columns", "6, one more than labels have"),
        ("0 320 240 50 50", "box", "must be fractions of the image"),
        ("0 0.5 0.5 -0.1 0.1", "box", "must be fractions"),
        ("0 0.1 0.1 0.2 0.2 0.3 1.5", "corners", "must be fractions"),
        ("0 0.5 nan 0.1 0.1", "numbers", "must be finite"),
        ("0 0.5 0.5 0.1 x", "numbers", "could not convert"),
    ],
)
def test_a_line_that_cannot_be_read_is_told_and_left_out(tmp_path: Path, line: str, field: str, reason: str) -> None:
    found = read_labels(tmp_path, f"{line}\n0 0.5 0.5 0.1 0.1\n")
    (problem,) = found.problems
    assert (problem.record, problem.field) == ("a.txt line 1", field)
    assert reason in problem.reason
    assert len(found.rows[0].objects) == 1


def test_a_line_that_stands_twice_counts_twice_and_is_told(tmp_path: Path) -> None:
    found = read_labels(tmp_path, "0 0.5 0.5 0.1 0.1\n" * 2)
    assert len(objects(found)) == 2
    assert any("stands twice" in note for note in found.notes)


def test_sizes_are_those_of_the_images_as_they_are_shown(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6
    picture(tmp_path / "images" / "turned.jpg", (40, 30), exif=exif)
    picture(tmp_path / "images" / "plain.png", (40, 30))
    picture(tmp_path / "images" / "background.png", (50, 60))
    line = "0 0.5 0.5 1 1\n"
    write(tmp_path, {f"labels/{name}.txt": line for name in ("turned", "plain", "missing")})
    found = read(tmp_path / "labels", "annotations", YoloOptions())
    assert {row.data_row: row.facts["metadata"]["file_name"] for row in found.rows} == {
        "turned": "turned.jpg",
        "plain": "plain.png",
        "background": "background.png",
    }
    sizes = {row.data_row: (row.facts["width"], row.facts["height"]) for row in found.rows}
    assert sizes == {"turned": (30, 40), "plain": (40, 30), "background": (50, 60)}
    assert [str(problem).rpartition("labels: ")[2] for problem in found.problems] == [
        "missing.txt: image: there is none, so that its size is not known"
    ]
    assert "1 image without a label file, taken for empty." in found.notes


def test_images_of_one_name_in_several_folders_stay_apart(tmp_path: Path) -> None:
    for split, size in (("train", (10, 20)), ("val", (30, 40))):
        picture(tmp_path / "images" / split / "1.png", size)
        picture(tmp_path / "images" / split / "empty.png", size)
        write(tmp_path, {f"labels/{split}/1.txt": "0 0.5 0.5 1 1\n"})
    for path in (tmp_path, tmp_path / "labels"):
        found = read(path, "annotations", YoloOptions())
        assert {row.data_row: (row.facts["width"], row.facts["height"]) for row in found.rows} == {
            "train/1": (10, 20),
            "train/empty": (10, 20),
            "val/1": (30, 40),
            "val/empty": (30, 40),
        }
    other = write(tmp_path / "other", {"1.txt": "0 0.5 0.5 1 1\n"})
    with pytest.raises(ImporterError, match="--image-size"):
        read(other, "annotations", YoloOptions(images=tmp_path / "images"))


def test_polygons_beside_boxes_are_refused(tmp_path: Path) -> None:
    write(tmp_path, {"labels/a.txt": f"0 {CORNERS}\n", "found/a.txt": "0 0.5 0.5 0.5 0.6 0.9\n"})
    options = YoloOptions(image_size=SIZE)
    with pytest.raises(ImporterError, match=r"holds bbox, and .* polygon: nothing would match"):
        evalstream.evaluate(tmp_path / "labels", tmp_path / "found", options=Options(yolo=options))
    boxes = Options(yolo=options._replace(task="detect"))
    assert evalstream.evaluate(tmp_path / "labels", tmp_path / "found", options=boxes).summary(iou=0.9).tp == 1


def test_without_any_size_nothing_is_guessed(tmp_path: Path) -> None:
    write(tmp_path, {"labels/a.txt": "0 0.5 0.5 1 1\n"})
    with pytest.raises(ImporterError, match="--image-size"):
        read(tmp_path / "labels", "annotations", YoloOptions())


@pytest.mark.parametrize("names", ["[cat, dog]", "{0: cat, 1: dog}", "\n  0: cat\n  1: dog"])
def test_a_data_set_by_its_yaml(tmp_path: Path, names: str) -> None:
    write(
        tmp_path,
        {
            "data.yaml": f"path: .\ntrain: images/train\nval: images/val\nnames: {names}\n",
            "labels/train/t.txt": "0 0.5 0.5 1 1\n",
            "labels/val/v.txt": "1 0.5 0.5 1 1\n",
        },
    )
    picture(tmp_path / "images/train/t.png", (10, 10))
    picture(tmp_path / "images/val/v.png", (10, 10))
    for path in (tmp_path, tmp_path / "data.yaml"):
        found = read(path, "annotations", YoloOptions())
        assert [(row.data_row, row.objects[0]["feature"], row.facts["split"]) for row in found.rows] == [
            ("v", "dog", "validation")
        ]
        assert any("'val' is read" in note for note in found.notes)
    (row,) = read(tmp_path, "annotations", YoloOptions(split="train")).rows
    assert (row.data_row, row.facts["split"]) == ("t", "train")
    with pytest.raises(ImporterError, match="no such split, but train, val"):
        read(tmp_path, "annotations", YoloOptions(split="test"))


@pytest.mark.parametrize(
    ("val", "lists"),
    [
        ("val.txt", {"val.txt": "./images/a.png\n\nimages/b.png\n"}),
        ("lists/val.txt", {"lists/val.txt": "/of/another/machine/images/a.png\ndata/images/b.png\n"}),
        ("[images/a.png, images/b.png]", {}),
        ("[images/a.png, val.txt]", {"val.txt": "images/b.png\n"}),
    ],
)
def test_a_data_set_that_lists_its_images(tmp_path: Path, val: str, lists: dict[str, str]) -> None:
    write(tmp_path, {"data.yaml": f"path: .\nval: {val}\nnames: [cat, dog]\n", **lists})
    write(tmp_path, {"labels/a.txt": "1 0.5 0.5 1 1\n", "labels/of_another_split.txt": "0 0.5 0.5 1 1\n"})
    for name in ("a", "b", "of_another_split"):
        picture(tmp_path / f"images/{name}.png", (10, 20))
    found = read(tmp_path, "annotations", YoloOptions())
    assert [(row.data_row, row.facts["height"], len(row.objects)) for row in found.rows] == [("a", 20, 1), ("b", 20, 0)]
    assert "1 image without a label file, taken for empty." in found.notes


def test_a_list_of_images_that_are_not_there(tmp_path: Path) -> None:
    write(tmp_path, {"data.yaml": "val: val.txt\nnames: [cat]\n", "val.txt": "images/a.png\nimages/b.png\n"})
    write(tmp_path, {"labels/a.txt": "0 0.5 0.5 1 1\n"})
    found = read(tmp_path, "annotations", YoloOptions(image_size=Size(10, 10)))
    assert [(row.data_row, len(row.objects)) for row in found.rows] == [("a", 1), ("b", 0)]
    write(tmp_path, {"data.yaml": "val: missing\nnames: [cat]\n"})
    with pytest.raises(ImporterError, match="val: there is no folder, list or image missing"):
        read(tmp_path, "annotations", YoloOptions())


def test_without_names_classes_are_called_by_number(tmp_path: Path) -> None:
    write(tmp_path, {"labels/a.txt": "3 0.5 0.5 1 1\n10 0.5 0.5 1 1\n"})
    found = read(tmp_path / "labels", "annotations", YoloOptions(image_size=SIZE))
    assert found.categories == [str(i) for i in range(11)]
    assert [item["feature"] for item in objects(found)] == ["3", "10"]
    assert any("called by number" in note for note in found.notes)


def test_classes_of_one_name_stay_apart(tmp_path: Path) -> None:
    write(tmp_path, {"labels/a.txt": "0 0.5 0.5 1 1\n1 0.5 0.5 1 1\n", "classes.txt": "cat\ncat"})
    found = read(tmp_path, "annotations", YoloOptions(image_size=SIZE))
    assert found.categories == ["cat (0)", "cat (1)"]


# --- beside COCO ------------------------------------------------------------------------------------------------------

CLASSES = ["cat", "dog", "bird"]
#: Powers of two, so that fractions of them are exact.
WIDTH, HEIGHT = 512, 256


def random_box(rng: random.Random) -> list[float]:
    width, height = rng.randrange(8, 128, 2), rng.randrange(8, 128, 2)
    return [rng.randrange(0, WIDTH - width), rng.randrange(0, HEIGHT - height), width, height]


def moved(rng: random.Random, box: list[float]) -> list[float]:
    x, y, width, height = box
    x, y = max(0, x + rng.choice((-2, 0, 2, 8))), max(0, y + rng.choice((-2, 0, 2)))
    return [min(x, WIDTH - width), min(y, HEIGHT - height), width, height]


def line(category: int, box: list[float], *score: float) -> str:
    x, y, width, height = box
    values = [(x + width / 2) / WIDTH, (y + height / 2) / HEIGHT, width / WIDTH, height / HEIGHT, *score]
    return " ".join([str(category), *map(repr, values)]) + "\n"


class Both:
    """The same random data in both formats."""

    def __init__(self, folder: Path, seed: int) -> None:
        rng = random.Random(seed)
        self.truth: dict[str, Any] = {
            "images": [{"id": i, "width": WIDTH, "height": HEIGHT, "file_name": f"{i}.png"} for i in range(1, 21)],
            "categories": [{"id": i, "name": name} for i, name in enumerate(CLASSES)],
            "annotations": [],
        }
        self.results: list[dict[str, Any]] = []
        labels, predictions = {}, {}
        for image in self.truth["images"]:
            annotated, predicted = [], []
            for _ in range(rng.randrange(6)):
                category, box = rng.randrange(3), random_box(rng)
                record = {"image_id": image["id"], "category_id": category, "bbox": box}
                area = box[2] * box[3]
                self.truth["annotations"].append(
                    record | {"id": len(self.truth["annotations"]) + 1, "area": area, "iscrowd": 0}
                )
                annotated.append(line(category, box))
                if rng.random() < 0.8:
                    found = record | {"bbox": moved(rng, box), "category_id": (category + (rng.random() < 0.2)) % 3}
                    found |= {"score": rng.randrange(1, 10) / 10}
                    self.results.append(found)
                    predicted.append(line(found["category_id"], found["bbox"], found["score"]))
            labels[f"labels/{image['id']}.txt"] = "".join(annotated)
            if predicted:
                predictions[f"predictions/{image['id']}.txt"] = "".join(predicted)
        self.folder = write(folder, labels | predictions | {"labels/classes.txt": "\n".join(CLASSES)})

    options = Options(yolo=YoloOptions(image_size=Size(WIDTH, HEIGHT)))

    def labels(self) -> Path:
        return self.folder / "labels"


def figures(evaluation: evalstream.Evaluation) -> Any:
    return (
        evaluation.average_precision().model_dump(exclude={"notes"}),
        evaluation.summary(confidence=0.35).model_dump(exclude={"notes"}),
        evaluation.confusion_matrix().model_dump(exclude={"notes"}),
    )


@pytest.mark.parametrize("seed", range(3))
def test_a_run_has_the_figures_of_the_same_data_as_coco(tmp_path: Path, seed: int) -> None:
    both = Both(tmp_path, seed)
    expected = figures(evalstream.evaluate(both.truth, both.results))
    assert 0 < expected[0]["ap"] < 1
    found = evalstream.evaluate(both.labels(), tmp_path / "predictions", options=both.options)
    assert found.problems == []
    assert figures(found) == expected


@pytest.mark.parametrize("first", [0, 1])
def test_predictions_json_of_ultralytics(tmp_path: Path, first: int) -> None:
    both = Both(tmp_path, 0)
    results = [one | {"category_id": one["category_id"] + first} for one in both.results]
    (tmp_path / "predictions.json").write_text(json.dumps(results))
    found = evalstream.evaluate(both.labels(), tmp_path / "predictions.json", options=both.options)
    assert figures(found) == figures(evalstream.evaluate(both.truth, both.results))
    told = [note for note in found.summary().notes if "counted from 1" in note]
    assert len(told) == first


def test_category_ids_that_may_be_counted_from_0_or_from_1(tmp_path: Path) -> None:
    both = Both(tmp_path, 0)
    results = [one for one in both.results if one["category_id"] == 1]
    with pytest.raises(ImporterError, match=r"counted from 0 .* or from 1"):
        evalstream.evaluate(both.labels(), results, options=both.options)
    options = both.options._replace(category_offset=0)
    assert figures(evalstream.evaluate(both.labels(), results, options=options)) == figures(
        evalstream.evaluate(both.truth, results)
    )
    with pytest.raises(ImporterError, match="belong to other names"):
        evalstream.evaluate(both.labels(), [results[0] | {"category_id": 80}], options=both.options)


def test_label_files_on_a_ground_truth_of_coco(tmp_path: Path) -> None:
    """Images are found by the stems of their files, and so are their sizes."""
    both = Both(tmp_path, 1)
    names = {image["id"]: image["id"] * 100 for image in both.truth["images"]}
    truth = both.truth | {
        "images": [image | {"id": names[image["id"]]} for image in both.truth["images"]],
        "annotations": [one | {"image_id": names[one["image_id"]]} for one in both.truth["annotations"]],
    }
    with pytest.raises(ImporterError, match="--names"):
        evalstream.evaluate(truth, tmp_path / "predictions")
    options = Options(yolo=YoloOptions(names=tmp_path / "labels" / "classes.txt"))
    found = evalstream.evaluate(truth, tmp_path / "predictions", options=options)
    assert figures(found) == figures(evalstream.evaluate(both.truth, both.results))
    assert any("known by its file name" in note for note in found.summary().notes)


def test_predictions_on_images_that_are_not_there(tmp_path: Path) -> None:
    both = Both(tmp_path, 0)
    write(tmp_path, {"predictions/other.txt": line(0, [0, 0, 8, 8], 0.5)})
    with pytest.raises(ImporterError, match="1 data row with 1 object: not in the ground truth, the first 'other'"):
        evalstream.evaluate(both.labels(), tmp_path / "predictions", options=both.options)
    options = both.options._replace(skip_unknown_images=True)
    found = evalstream.evaluate(both.labels(), tmp_path / "predictions", options=options)
    assert figures(found) == figures(evalstream.evaluate(both.truth, both.results))
    assert "1 data row with 1 object: not in the ground truth, and skipped." in found.summary().notes


def test_real_labels(real_data: Path) -> None:
    found = read(real_data / "yolo_small", "annotations", YoloOptions(image_size=Size(640, 427)))
    assert (len(found.rows), sum(len(row.objects) for row in found.rows)) == (7, 25)
    assert found.categories == ["closed_door", "opened_door", "bus", "number"]
    assert found.problems == []
