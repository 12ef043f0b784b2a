"""COCO files to events: what is there comes through, and what is wrong is named in the file's own terms."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from evalstream.events import AnnotationEvent, PredictionEvent, Reader, Record, decode
from evalstream.events.base import Crowd
from evalstream.events.coco import CocoError, CocoType, annotation_events, explain, prediction_events, read_dataset
from evalstream.events.objects.mask import MaskAnnotation, MaskPrediction
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

CATEGORIES = [{"id": 0, "name": "car"}, {"id": 70, "name": "bus"}]
Events = dict[str, AnnotationEvent | PredictionEvent]


def annotation(**fields: Any) -> dict[str, Any]:
    return {"id": 0, "image_id": 1, "category_id": 0, "bbox": [1, 2, 3, 4], "area": 9.5, "iscrowd": 0} | fields


def detection(**fields: Any) -> dict[str, Any]:
    return {"image_id": 1, "category_id": 0, "bbox": [1, 2, 3, 4], "score": 0.5} | fields


def without(record: dict[str, Any], field: str) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name != field}


class Files:
    """A ground-truth file and a results file."""

    def __init__(self, folder: Path) -> None:
        self.truth = folder / "truth.json"
        self.results = folder / "results.json"

    def write(
        self, annotations: list[Any], detections: Any = (), images: Any = (1, 5), categories: Any = CATEGORIES
    ) -> Files:
        described = [{"id": image} if isinstance(image, int | str) else image for image in images]
        truth = {"images": described, "categories": categories, "annotations": annotations}
        self.truth.write_text(json.dumps(truth), encoding="utf-8")
        self.results.write_text(json.dumps(detections), encoding="utf-8")
        return self

    def annotations(self, iou_type: CocoType = "bbox") -> Events:
        return _decoded(annotation_events(read_dataset(self.truth), "d", 1, iou_type), Reader(AnnotationEvent))

    def predictions(self, iou_type: CocoType = "bbox") -> Events:
        events = prediction_events(read_dataset(self.truth), self.results, "d", "r", 1, iou_type)
        return _decoded(events, Reader(PredictionEvent))


def _decoded(events: Any, reader: Reader) -> Events:
    """Decode the events; what rejects one is raised as the file's mistake, as the commands tell it."""
    by_row: Events = {}
    for event in events:
        received, rejected = decode([Record(event.payload, 0, 0)], reader)
        if rejected:
            raise CocoError(explain(rejected[0].reason, event.names))
        (found,) = received
        assert found.event.operation == "replace"
        assert found.version == 1
        by_row[found.event.data_row] = found.event
    return by_row


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_ids_of_zero_are_ids(files: Files) -> None:
    found = files.write([annotation(image_id=0)], [detection(image_id=0)], images=[0])
    (truth,) = found.annotations()["0"].annotations
    assert (truth.id, truth.feature, truth.bbox, truth.area, truth.crowd) == ("0", "car", (1, 2, 3, 4), 9.5, False)
    (said,) = found.predictions()["0"].predictions
    assert (said.id, said.feature, said.confidence) == ("0", "car", 0.5)


def test_ids_need_not_be_dense_ordered_or_numbers(files: Files) -> None:
    images = [2**40, -3, "abc", 7]
    files.write([annotation(id=i, image_id=image, category_id=70) for i, image in enumerate(images)], images=images)
    found = files.annotations()
    assert list(found) == [str(image) for image in images]
    assert [event.annotations[0].feature for event in found.values()] == ["bus"] * 4


def test_every_image_has_an_event_on_both_sides(files: Files) -> None:
    """An image without detections says: looked, and found nothing; one without annotations: nothing is there."""
    files.write([annotation(image_id=1)], [detection(image_id=5)], images=[1, 5, 9])
    assert {row: len(event.annotations) for row, event in files.annotations().items()} == {"1": 1, "5": 0, "9": 0}
    assert {row: len(event.predictions) for row, event in files.predictions().items()} == {"1": 0, "5": 1, "9": 0}


def test_categories_that_share_a_name_stay_apart(files: Files) -> None:
    categories = [{"id": 1, "name": "bat"}, {"id": 2, "name": "bat"}, {"id": 3, "name": "cat"}]
    files.write([annotation(id=i, category_id=i) for i in (1, 2, 3)], categories=categories)
    assert [item.feature for item in files.annotations()["1"].annotations] == ["bat (1)", "bat (2)", "cat"]


def test_a_class_that_the_truth_does_not_list_is_no_listed_class(files: Files) -> None:
    files.write([], [detection(category_id=7)], categories=[{"id": 1, "name": "7"}])
    (said,) = files.predictions()["1"].predictions
    assert said.feature != "7"
    assert "7" in said.feature


def test_what_may_be_missing(files: Files) -> None:
    bare = without(without(without(annotation(), "area"), "iscrowd"), "id")
    files.write([bare, annotation(id=8, iscrowd=1)], [without(detection(), "score")])
    first, crowd = files.annotations()["1"].annotations
    assert (first.area, first.crowd) == (None, False)
    assert first.id != crowd.id
    assert crowd.crowd
    assert files.predictions()["1"].predictions[0].confidence == 1


def test_facts_of_images(files: Files) -> None:
    image = {"id": 1, "width": 640, "height": 480, "file_name": "a/雨.jpg", "coco_url": "http://example/a.jpg"}
    row = files.write([], images=[image]).annotations()["1"].row
    assert row is not None
    assert (row.width, row.height, row.media_url) == (640, 480, "http://example/a.jpg")
    assert row.metadata == {"file_name": "a/雨.jpg"}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (annotation(image_id=9), "truth.json: annotation id 0: image_id: {truth} has no image 9"),
        (annotation(image_id=None), "truth.json: annotation id 0: image_id: {truth} has no image None"),
        (without(annotation(), "image_id"), "truth.json: annotation id 0: image_id: missing"),
        (without(annotation(), "bbox"), "truth.json: annotation id 0: bbox: missing"),
        (without(annotation(), "category_id"), "truth.json: annotation id 0: category_id: missing"),
        (annotation(category_id=[1]), "truth.json: annotation id 0: category_id: must be a number or text, and is [1]"),
        (annotation(category_id=None), "truth.json: annotation id 0: category_id: must be a number or text"),
        ({"image_id": 9}, "truth.json: annotations[1]: image_id: "),
        (7, "truth.json: annotations[1]: image_id: missing"),
    ],
)
def test_wrong_annotation_names_file_record_and_field(files: Files, wrong: Any, message: str) -> None:
    files.write([annotation(id=3), wrong])
    with pytest.raises(CocoError) as error:
        files.annotations()
    assert message.format(truth=files.truth) in str(error.value)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (detection(image_id=9), "results.json: detection 1: image_id: {truth} has no image 9"),
        (without(detection(), "image_id"), "results.json: detection 1: image_id: missing"),
        (without(detection(), "bbox"), "results.json: detection 1: bbox: missing"),
        (without(detection(), "category_id"), "results.json: detection 1: category_id: missing"),
        (detection(category_id={}), "results.json: detection 1: category_id: must be a number or text, and is {{}}"),
        ("text", "results.json: detection 1: image_id: missing"),
    ],
)
def test_wrong_detection_names_file_record_and_field(files: Files, wrong: Any, message: str) -> None:
    files.write([], [detection(), wrong])
    with pytest.raises(CocoError) as error:
        files.predictions()
    assert message.format(truth=files.truth) in str(error.value)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"bbox": [0, 0, -1, 1]}, "{name}: bbox.2: Input should be greater than or equal to 0 (got -1)"),
        ({"bbox": [0, 0, 1]}, "{name}: bbox.3: Field required"),
        ({"bbox": [0, 0, float("nan"), 1]}, "{name}: bbox.2: Input should be a finite number (got nan)"),
        ({"bbox": "0 0 1 1"}, "{name}: bbox: Input should be a valid array"),
    ],
)
def test_a_value_that_no_event_may_have_is_told_of_the_record(
    files: Files, fields: dict[str, Any], message: str
) -> None:
    files.write([annotation(id=3), annotation(id=17, **fields)], [detection(), detection(**fields)])
    with pytest.raises(CocoError) as error:
        files.annotations()
    assert str(error.value).startswith(message.format(name="annotation id 17"))
    with pytest.raises(CocoError) as error:
        files.predictions()
    assert str(error.value).startswith(message.format(name="detection 1"))


@pytest.mark.parametrize("score", [1.5, None, "0.5", float("inf")])
def test_wrong_score(files: Files, score: Any) -> None:
    files.write([], [detection(), detection(score=score)])
    with pytest.raises(CocoError, match=r"^detection 1: confidence: "):
        files.predictions()


def test_every_wrong_record_of_an_image_is_named(files: Files) -> None:
    files.write([annotation(id=i, area=-1) for i in (5, 6)])
    with pytest.raises(CocoError, match=r"^annotation id 5: area: .*; annotation id 6: area: "):
        files.annotations()


def test_a_name_that_reads_like_a_reason_confuses_nobody(files: Files) -> None:
    files.write([annotation()], categories=[{"id": 0, "name": "annotations.99.\x00"}])
    with pytest.raises(CocoError, match=r"^annotation id 0: feature: .*'annotations\.99\.\\x00'"):
        files.annotations()


def test_one_id_twice_is_told(files: Files) -> None:
    files.write([annotation(id=17), annotation(id=17)])
    with pytest.raises(CocoError, match="have the id '17'"):
        files.annotations()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON"),
        ("{[", "not JSON"),
        ("[" * 10_000, "not JSON"),
        ("[]", "a COCO ground-truth file is an object with images, categories and annotations"),
        ("3", "a COCO ground-truth file is an object"),
        ("{}", "images: must be there, and be a list"),
        ('{"images": [], "categories": {}, "annotations": []}', "categories: must be there, and be a list"),
        ('{"images": [], "categories": []}', "annotations: must be there, and be a list"),
        ('{"images": [{}], "categories": [], "annotations": []}', "images[0]: id: missing"),
        ('{"images": [1], "categories": [], "annotations": []}', "images[0]: id: missing"),
        ('{"images": [], "categories": [{"id": 1}], "annotations": []}', "categories[0]: name: missing"),
        ('{"images": [], "categories": [{"name": "a"}], "annotations": []}', "categories[0]: id: missing"),
        (
            '{"images": [], "categories": [{"id": [], "name": "a"}], "annotations": []}',
            "categories[0]: id: must be a number or text, and is []",
        ),
    ],
)
def test_a_file_that_is_no_ground_truth(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "truth.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CocoError) as error:
        read_dataset(path)
    assert str(error.value).startswith(f"{path}: {message}")


@pytest.mark.parametrize(("text", "message"), [(b"{}", "a COCO results file is a list"), (b"[\xff]", "not JSON")])
def test_a_file_that_is_no_results(files: Files, text: bytes, message: str) -> None:
    files.write([]).results.write_bytes(text)
    with pytest.raises(CocoError) as error:
        files.predictions()
    assert str(error.value).startswith(f"{files.results}: {message}")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CocoError, match=r"nowhere\.json: No such file"):
        read_dataset(tmp_path / "nowhere.json")
    with pytest.raises(CocoError, match="directory"):
        read_dataset(tmp_path)


# --- segmentations and keypoints ------------------------------------------------------------------------------------

IMAGE = {"id": 1, "height": 9, "width": 8}
RUNS = {"size": [9, 8], "counts": [10, 5, 57]}
COMPRESSED = {"size": [9, 8], "counts": coco_mask.frPyObjects(RUNS, 9, 8)["counts"].decode()}
OUTLINES = [[1.5, 1, 6, 1.2, 6, 7], [0, 0, 20, 0, 20, 3, 0, 3]]
SKELETON = [1, 2, 2, 3.5, 4, 1, 0, 0, 0]


@pytest.mark.parametrize("segmentation", [RUNS, COMPRESSED, OUTLINES, OUTLINES[:1]])
def test_segmentations_become_the_masks_of_pycocotools(files: Files, segmentation: Any) -> None:
    files.write([annotation(segmentation=segmentation)], [detection(segmentation=segmentation)], images=[IMAGE])
    truth = COCO(files.truth)
    expected = coco_mask.encode(truth.annToMask(truth.anns[0]))
    (true,) = files.annotations("segm")["1"].annotations
    (said,) = files.predictions("segm")["1"].predictions
    assert isinstance(true, MaskAnnotation)
    assert isinstance(said, MaskPrediction)
    (part,), (found,) = true.parts(), said.parts()
    assert json.loads(part.detail) == {"size": [9, 8], "counts": expected["counts"].decode()}
    assert found.detail == part.detail
    assert (part.area, found.area) == (9.5, coco_mask.area(expected))


def test_keypoints(files: Files) -> None:
    unseen = annotation(id=1, keypoints=SKELETON, num_keypoints=0)
    skeleton = annotation(id=2, keypoints=[1.0, 2.0, 2.0, *SKELETON[3:]], num_keypoints=2)
    bare = without(without(skeleton, "bbox"), "num_keypoints") | {"id": 3}
    found = detection(keypoints=[1, 2, 0.5, 3, 4, 0.25, 7, 8, 1e-9])
    files.write([unseen, skeleton, bare], [without(found, "bbox")], images=[1])
    first, second, third = files.annotations("keypoints")["1"].annotations
    assert first.parts()[0].crowd != Crowd.OBJECT  # nobody can find it
    assert second.parts()[0].crowd == third.parts()[0].crowd == Crowd.OBJECT
    assert second.keypoints == [(1, 2, 2), (3.5, 4, 1), (0, 0, 0)]
    assert (second.bbox, third.bbox, second.area) == ((1, 2, 3, 4), None, 9.5)
    (said,) = files.predictions("keypoints")["1"].predictions
    assert said.keypoints == [(1, 2, 0.5), (3, 4, 0.25), (7, 8, 1e-9)]


@pytest.mark.parametrize(
    ("segmentation", "message"),
    [
        ([], "must be run lengths, or a list of at least one outline"),
        ("abc", "must be run lengths, or a list of at least one outline"),
        ([[1, 2, 3, 4]], "outline 0 must be a list [x, y, x, y, …] of at least three points"),
        ([OUTLINES[0], [1, 2, 3, 4, 5, 6, 7]], "outline 1 must be a list"),
        ([[1, 2, 3, 4, 5, float("nan")]], "outline 0 must consist of finite numbers, and holds nan"),
        ([[1, 2, 3, 4, 5, "6"]], "outline 0 must consist of finite numbers, and holds '6'"),
        ([[1, 2, 3, 4, 5, 1e7]], "outline 0 reaches to 10000000.0, far outside its image"),
        ({"size": [8, 9], "counts": [72]}, "size is [8, 9], and that of its image [9, 8]"),
        ({"size": [9, 8], "counts": [71]}, "`counts` must sum to the pixels of `size` [9, 8], 72, and sum to 71"),
        ({"size": [9, 8], "counts": "Xg"}, "mask: `counts` "),
    ],
)
def test_segmentations_that_cannot_be_read(files: Files, segmentation: Any, message: str) -> None:
    files.write([annotation(id=17, segmentation=segmentation)], images=[IMAGE])
    with pytest.raises(CocoError) as error:
        files.annotations("segm")
    assert "annotation id 17: " in str(error.value)
    assert message in str(error.value)
    files.write([], [detection(segmentation=segmentation)], images=[IMAGE])
    with pytest.raises(CocoError, match=re.escape(message)):
        files.predictions("segm")


def test_what_segmentations_and_keypoints_need(files: Files) -> None:
    files.write([annotation(segmentation=OUTLINES)], [detection(keypoints=[1, 2])])
    with pytest.raises(CocoError, match="annotation id 0: segmentation: outlines can only be filled on an image whose"):
        files.annotations("segm")
    with pytest.raises(CocoError, match="detection 0: segmentation: missing"):
        files.predictions("segm")
    with pytest.raises(CocoError, match="annotation id 0: keypoints: missing"):
        files.annotations("keypoints")
    with pytest.raises(CocoError, match="detection 0: keypoints: must be a list"):
        files.predictions("keypoints")
