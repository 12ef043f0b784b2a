"""An evaluator in a loop: the figures of the whole, however it was cut up, sent about and put together."""

from __future__ import annotations

import pickle
import random
from typing import Any

import evalstream
import numpy as np
import pytest
from evalstream.evaluation import Evaluation
from evalstream.evaluator import Evaluator
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from tests.parity.test_coco import CocoFiles, random_files
from tests.parity.test_shapes import random_masks

Arrays = dict[str, Any]
BOX = {"boxes": [[0, 0, 10, 10]], "labels": ["car"]}
FOUND = BOX | {"scores": [0.5]}
EMPTY: Arrays = {"boxes": [], "labels": [], "scores": []}


def by_image(files: CocoFiles, box_format: str = "xywh") -> dict[int, tuple[Arrays, Arrays]]:
    """Predictions and annotations of each image, labels as positions among the categories in the order of their ids."""
    code = {one["id"]: i for i, one in enumerate(sorted(files.truth["categories"], key=lambda one: one["id"]))}
    found = {}
    for image in (one["id"] for one in files.truth["images"]):
        sides = []
        for records in (files.results, files.truth["annotations"]):
            own = [one for one in records if one["image_id"] == image]
            box = np.array([one["bbox"] for one in own], np.float64).reshape(-1, 4)
            if box_format == "xyxy":
                box[:, 2:] += box[:, :2]
            elif box_format == "cxcywh":
                box[:, :2] += box[:, 2:] / 2
            side = {"boxes": box, "labels": np.array([code[one["category_id"]] for one in own], np.int64)}
            names = {"scores": "score", "iscrowd": "iscrowd", "area": "area"}
            side |= {
                name: np.array([one[field] for one in own]) for name, field in names.items() if own and field in own[0]
            }
            sides.append({"scores": []} | side)
        found[image] = sides[0], sides[1]
    return found


def classes_of(files: CocoFiles) -> list[str]:
    return [one["name"] for one in sorted(files.truth["categories"], key=lambda one: one["id"])]


def assert_same(one: Evaluation, other: Evaluation) -> None:
    assert one.average_precision() == other.average_precision()
    assert one.summary(iou=0.6, confidence=0.3) == other.summary(iou=0.6, confidence=0.3)
    assert one.confusion_matrix() == other.confusion_matrix()
    assert one.data_rows == other.data_rows
    assert one.categories == other.categories


@pytest.mark.parametrize("box_format", ["xywh", "xyxy", "cxcywh"])
def test_arrays_give_what_coco_documents_give(box_format: Any) -> None:
    for seed in range(15):
        files = random_files(random.Random(seed))
        evaluator = Evaluator(classes_of(files), box_format=box_format)
        images = by_image(files, box_format)
        for image, sides in images.items():
            evaluator.update(image, *sides)
        assert len(evaluator) == len(images)
        expected = evalstream.evaluate(files.truth, files.results)
        assert_same(evaluator.compute(), expected)
        annotations_of, predictions_of = ({image: own[side] for image, own in images.items()} for side in (1, 0))
        of_mappings = evalstream.evaluate(
            annotations_of, predictions_of, classes=classes_of(files), box_format=box_format
        )
        assert_same(of_mappings, expected)


@given(st.data(), st.integers(0, 40), st.booleans())
def test_parts_in_any_order_are_the_whole(data: st.DataObject, seed: int, declared: bool) -> None:
    files = random_files(random.Random(seed))
    names = classes_of(files)

    def evaluator() -> Evaluator:
        return Evaluator(names if declared else None, box_format="xywh")

    images = by_image(files)
    if not declared:
        for side in (side for sides in images.values() for side in sides):
            side["labels"] = [names[code] for code in side["labels"]]
    whole = evaluator()
    for image, sides in images.items():
        whole.update(image, *sides)
    parts = [evaluator() for _ in range(data.draw(st.integers(1, 4)))]
    for image in data.draw(st.permutations(list(images))):
        for part in data.draw(st.lists(st.sampled_from(parts), min_size=1, max_size=2, unique_by=id)):
            part.update(image, *images[image])
    while len(parts) > 1:
        one = parts.pop(data.draw(st.integers(0, len(parts) - 1)))
        parts[0].merge(pickle.loads(pickle.dumps(one)))
    expected = whole.compute()
    found = parts[0].compute()
    assert found.average_precision().model_copy(update={"notes": []}) == expected.average_precision().model_copy(
        update={"notes": []}
    )
    assert found.confusion_matrix() == expected.confusion_matrix()
    assert found.data_rows == expected.data_rows


def test_an_image_of_two_processes_counts_once_whichever_comes_first() -> None:
    scores = []
    for first, second in ((0.4, 0.6), (0.6, 0.4)):
        one, other = Evaluator(), Evaluator()
        one.update("a", FOUND | {"scores": [first]}, BOX)
        other.update("a", FOUND | {"scores": [second]}, BOX)
        one.merge(other)
        found = one.compute()
        assert len(one) == 1
        assert "1 image was there more than once; each counts once." in found.summary().notes
        scores.append([found.summary(confidence=at).tp for at in (0.3, 0.5)])
    assert scores[0] == scores[1]


def test_masks_give_what_coco_documents_give() -> None:
    compared = 0
    for seed in range(12):
        truth, results = random_masks(random.Random(seed))
        names = [one["name"] for one in truth["categories"]]
        evaluator = Evaluator(names, "segm")
        for image in truth["images"]:
            size = image["height"], image["width"]
            sides = []
            for records in (results, truth["annotations"]):
                own = [one for one in records if one["image_id"] == image["id"]]
                rles = [as_rle(one["segmentation"], size) for one in own]
                pixels = np.array([coco_mask.decode(rle) for rle in rles], np.uint8).reshape(-1, *size)
                side = {"masks": rles if seed % 2 else pixels, "labels": [one["category_id"] - 1 for one in own]}
                fields = {"scores": "score", "crowd": "iscrowd", "area": "area"}
                sides.append(
                    side | {name: [one[field] for one in own if field in one] for name, field in fields.items()}
                )
            sides[0].pop("area")
            sides[0].pop("crowd")
            evaluator.update(image["id"], *sides)
            compared += len(sides[0]["labels"])
        again = pickle.loads(pickle.dumps(evaluator))
        expected = evalstream.evaluate(truth, results, type="segm")
        expected_ap = expected.average_precision().model_copy(update={"notes": []})
        assert again.compute().average_precision().model_copy(update={"notes": []}) == expected_ap
    assert compared > 50


def as_rle(segmentation: Any, size: tuple[int, int]) -> Any:
    if isinstance(segmentation, list):
        return coco_mask.merge(coco_mask.frPyObjects(segmentation, *size))
    return coco_mask.frPyObjects(segmentation, *size) if isinstance(segmentation["counts"], list) else segmentation


class Tensor:
    """What a tensor on another device, with a gradient, does: each step is needed before the next one works."""

    def __init__(self, values: Any, steps: tuple[str, ...] = ("detach", "cpu")) -> None:
        self._values, self._steps = np.array(values, np.float32 if np.array(values).dtype.kind == "f" else None), steps

    def detach(self) -> Tensor:
        return Tensor(self._values, tuple(step for step in self._steps if step != "detach"))

    def cpu(self) -> Tensor:
        if "detach" in self._steps:
            raise RuntimeError("it requires grad")
        return Tensor(self._values, ())

    def numpy(self) -> Any:
        if self._steps:
            raise TypeError("can't convert a tensor of another device")
        return self._values

    def __array__(self, *_args: Any, **_kwargs: Any) -> Any:
        return self.numpy()

    def item(self) -> Any:
        return self._values.item()


def test_tensors_of_other_libraries_are_read() -> None:
    evaluator = Evaluator(["car", "bus"])
    evaluator.update(
        Tensor(17),
        {"boxes": Tensor([[0.0, 0.0, 10.0, 9.0]]), "labels": Tensor([1]), "scores": Tensor([0.75])},
        {"boxes": Tensor([[0.0, 0.0, 10.0, 10.0]]), "labels": Tensor([1]), "iscrowd": Tensor([0])},
    )
    found = evaluator.compute()
    assert found.data_rows == ["17"]
    assert found.summary(confidence=0.75, iou=0.9).tp == 1
    assert [one.label for one in found.classes().classes] == ["bus"]


def test_an_evaluator_is_small_when_pickled() -> None:
    rng = np.random.default_rng(0)
    evaluator, objects = Evaluator([f"class {i}" for i in range(80)]), 0
    for image in range(200):
        sides = []
        for count in (100, 7):
            corner = rng.uniform(0, 500, (count, 2))
            boxes = np.concatenate((corner, corner + rng.uniform(1, 100, (count, 2))), axis=1)
            sides.append({"boxes": boxes, "labels": rng.integers(0, 80, count), "scores": rng.uniform(0, 1, count)})
            objects += count
        evaluator.update(f"{image:012}.jpg", *sides)
    per_image = len(f"{0:012}.jpg") + 2 * 8 + 8
    assert len(pickle.dumps(evaluator)) < 60 * objects + per_image * 200 + 4_000


def test_images_may_be_added_after_figures() -> None:
    evaluator = Evaluator()
    assert evaluator.compute().average_precision().ap is None
    for image in ("a", "b"):
        evaluator.update(image, FOUND, BOX)
        before = pickle.dumps(evaluator)
        assert evaluator.compute().summary().tp == len(evaluator)
        assert pickle.dumps(evaluator) == before


def test_scores_beyond_one_and_boxes_of_another_format_are_told() -> None:
    evaluator = Evaluator()
    corners = {"boxes": [[50, 50, 10, 10]], "labels": ["car"]}
    evaluator.update("a", corners | {"scores": [8.0]}, corners)
    evaluator.update("b", FOUND, BOX)
    found = evaluator.compute()
    notes = found.summary().notes
    assert any(note.startswith("Scores reach 8: all are divided by it") for note in notes)
    for noun in ("annotation", "prediction"):
        assert any(note.startswith(f"1 {noun}: a negative width or height") for note in notes)
    assert found.summary(confidence=0.0).tp == 1


def test_arrays_that_are_given_stay_as_they_are() -> None:
    boxes = np.array([[50.0, 50.0, 10.0, 10.0], [0.0, 0.0, 4.0, 4.0]])
    scores = np.array([4.0, 2.0])
    given_boxes, given_scores = boxes.copy(), scores.copy()
    evaluator = Evaluator(box_format="cxcywh")
    side = {"boxes": boxes, "labels": ["a", "b"], "scores": scores}
    evaluator.update("a", side, side)
    evaluator.compute()
    assert np.array_equal(boxes, given_boxes)
    assert np.array_equal(scores, given_scores)


@pytest.mark.parametrize(
    ("image", "predictions", "annotations", "message"),
    [
        ("a", FOUND | {"boxes": [[0, 0, 1]]}, BOX, r"^predictions: image a: boxes: must have the shape \(n, 4\)"),
        ("a", FOUND | {"boxes": [[0, 0], [1]]}, BOX, "^predictions: image a: boxes: cannot be read as an array"),
        ("a", FOUND | {"boxes": [[0, 0, 1, np.inf]]}, BOX, r"image a: boxes: must be finite, .*inf at \(0, 3\)"),
        ("a", FOUND, BOX | {"boxes": [["a"] * 4]}, "^annotations: image a: boxes: must be numbers, and are <U1"),
        ("a", BOX, BOX, "^predictions: image a: scores: missing; there are boxes, labels$"),
        ("a", FOUND | {"scores": [0.5, 0.1]}, BOX, r"image a: scores: must have the shape \(1,\), one for each object"),
        ("a", FOUND | {"scores": [np.nan]}, BOX, "image a: scores: must be finite"),
        ("a", FOUND, BOX | {"labels": ["tram"]}, "image a: labels: there is no class 'tram'"),
        ("a", FOUND, BOX | {"labels": [2]}, "image a: labels: there is no class 2: 2 are declared"),
        ("a", FOUND, BOX | {"labels": [-1]}, "image a: labels: there is no class -1"),
        ("a", FOUND, BOX | {"labels": [0.5]}, "image a: labels: must be whole numbers or names, and are float64"),
        ("a", FOUND, BOX | {"crowd": [0, 1]}, "image a: crowd: must have the shape"),
        ("a", FOUND, BOX | {"area": [np.nan]}, "image a: area: must be finite"),
        ("a", [], BOX, "^predictions: image a: must be a mapping of fields to arrays, and is a list"),
        (1.5, FOUND, BOX, r"^image 1\.5: must be a text or a whole number"),
        ("a\n", FOUND, BOX, "^image: .* none a control character"),
        ("b", FOUND, BOX, "^image b: was added before"),
    ],
)
def test_what_cannot_be_read_is_named_and_adds_nothing(
    image: Any, predictions: Any, annotations: Any, message: str
) -> None:
    evaluator = Evaluator(["car", "bus"])
    evaluator.update("b", EMPTY, EMPTY)
    with pytest.raises(evalstream.ImporterError, match=message):
        evaluator.update(image, predictions, annotations)
    assert len(evaluator) == 1


def test_masks_that_cannot_be_read_are_named() -> None:
    evaluator = Evaluator(type="segm")
    for masks, message in (
        (np.zeros((1, 3, 3)), r"masks: must be bool or unsigned, of the shape \(n, height, width\)"),
        (np.zeros((1, 1, 3, 3), bool), "masks: must be bool"),
        ([{"size": [3, 3]}], r"masks\[0\]: cannot be read: 'counts'"),
        ([{"size": [3, 3], "counts": [4]}], r"masks\[0\]: cannot be read"),
    ):
        with pytest.raises(evalstream.ImporterError, match=message):
            evaluator.update("a", {"masks": masks, "labels": ["a"], "scores": [1]}, EMPTY | {"masks": []})


@pytest.mark.parametrize(
    ("one", "other", "message"),
    [
        (Evaluator(), Evaluator(type="segm"), "differ in their type"),
        (Evaluator(), Evaluator(["a"]), "differ in their type, or in whether"),
        (Evaluator(["a", "b"]), Evaluator(["b", "a"]), "differ in their classes"),
    ],
)
def test_evaluators_of_different_things_are_not_merged(one: Evaluator, other: Evaluator, message: str) -> None:
    with pytest.raises(evalstream.ImporterError, match=message):
        one.merge(other)


def test_annotations_of_an_image_are_the_same_everywhere() -> None:
    one, other = Evaluator(), Evaluator()
    one.update("a", FOUND, BOX)
    other.update("a", FOUND, BOX | {"crowd": [1]})
    with pytest.raises(evalstream.ImporterError, match="image a: the evaluators differ in its annotations"):
        one.merge(other)


def test_unknown_settings_are_named() -> None:
    with pytest.raises(ValueError, match="box_format: must be one of xyxy, xywh, cxcywh, and is 'yolo'"):
        Evaluator(box_format="yolo")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="type: must be one of bbox, segm, and is 'keypoints'"):
        Evaluator(type="keypoints")  # type: ignore[arg-type]
    with pytest.raises(evalstream.ImporterError, match="classes: a name is there twice"):
        Evaluator(["a", "a"])


def test_evaluate_takes_arrays_by_image() -> None:
    assert evalstream.evaluate({1: BOX, 2: BOX}, {1: FOUND}).summary().fn == 1
    with pytest.raises(evalstream.ImporterError, match="predictions: image 3: the annotations have no such image"):
        evalstream.evaluate({1: BOX}, {3: FOUND})
    with pytest.raises(evalstream.ImporterError, match="annotations: must be arrays by image"):
        evalstream.evaluate("gt.json", {3: FOUND})
    with pytest.raises(evalstream.ImporterError, match="skeletons are read as COCO has them"):
        evalstream.evaluate({1: BOX}, {1: FOUND}, type="keypoints")


def test_that_there_is_no_data_row_is_told() -> None:
    evaluation = evalstream.evaluate({"images": [], "categories": [], "annotations": []}, [])
    assert evaluation.summary().precision is None
    assert "There is no data row, and so no ratio is defined." in evaluation.summary().notes
