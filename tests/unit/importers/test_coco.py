"""COCO files to events: what is there comes through, and what is wrong is named in the file's own terms."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from evalstream.events import AnnotationEvent, PredictionEvent, Reader, Record, decode, event_lines
from evalstream.events.base import Crowd
from evalstream.events.objects.mask import MaskAnnotation, MaskPrediction
from evalstream.importers.coco import read_results, read_truth
from evalstream.importers.columns import CocoType, Found, Truth, annotation_events, prediction_events, storable
from evalstream.importers.problems import ImporterError, refuse
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

    def read_truth(self, iou_type: CocoType = "bbox") -> Truth:
        return read_truth(self.truth, iou_type)

    def read_results(self, iou_type: CocoType = "bbox") -> Found:
        return read_results(self.results, self.read_truth(iou_type), iou_type)

    def annotations(self, iou_type: CocoType = "bbox") -> Events:
        """Read the ground truth, and refuse it if any record cannot be read."""
        truth = self.read_truth(iou_type)
        refuse(truth.problems)
        return _decoded(annotation_events(truth, "d", 1, iou_type), Reader(AnnotationEvent))

    def predictions(self, iou_type: CocoType = "bbox") -> Events:
        """Read the results, and refuse them if any record cannot be read."""
        found = self.read_results(iou_type)
        refuse(found.problems)
        events = prediction_events(found, self.read_truth(iou_type), "d", "r", 1, iou_type)
        return _decoded(events, Reader(PredictionEvent))


def _decoded(events: pa.Table, reader: Reader) -> Events:
    """Decode the events as a service would: what an importer lets through is valid."""
    received, rejected = decode([Record(line, i, 0) for i, line in enumerate(event_lines(events))], reader)
    assert not rejected, rejected[0].reason
    assert {(item.event.operation, item.version) for item in received} <= {("replace", 1)}
    return {item.event.data_row: item.event for item in received}


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
    assert list(found) == ["-3", "7", str(2**40), "abc"]  # the order in which average precision takes them
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
    assert (first.area, first.crowd) == (12, False)
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
        (annotation(image_id=None), "truth.json: annotation id 0: image_id: expected `int | float | str`, got `null`"),
        (without(annotation(), "image_id"), "truth.json: annotation id 0: image_id: missing"),
        (without(annotation(), "bbox"), "truth.json: annotation id 0: bbox: missing"),
        (without(annotation(), "category_id"), "truth.json: annotation id 0: category_id: missing"),
        (
            annotation(category_id=[1]),
            "annotation id 0: category_id: expected `int | float | str`, got `array`",
        ),
        (annotation(category_id=5), "truth.json: annotation id 0: category_id: the file lists no category 5"),
        ({"image_id": 1, "category_id": 0}, "truth.json: annotations[1]: bbox: missing"),
        (7, "truth.json: annotations[1]: the record: expected `object`, got `int`"),
    ],
)
def test_wrong_annotation_names_file_record_and_field(files: Files, wrong: Any, message: str) -> None:
    files.write([annotation(id=3), wrong])
    with pytest.raises(ImporterError) as error:
        files.annotations()
    assert message.format(truth=files.truth) in str(error.value)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (detection(image_id=9), "results.json: detection 1: image_id: {truth} has no image 9"),
        (without(detection(), "image_id"), "results.json: detection 1: image_id: missing"),
        (without(detection(), "bbox"), "results.json: detection 1: bbox: missing"),
        (without(detection(), "category_id"), "results.json: detection 1: category_id: missing"),
        (
            detection(category_id={}),
            "detection 1: category_id: expected `int | float | str`, got `object`",
        ),
        ("text", "results.json: detection 1: the record: expected `object`, got `str`"),
    ],
)
def test_wrong_detection_names_file_record_and_field(files: Files, wrong: Any, message: str) -> None:
    files.write([], [detection(), wrong])
    with pytest.raises(ImporterError) as error:
        files.predictions()
    assert message.format(truth=files.truth) in str(error.value)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"bbox": [0, 0, 1]}, "{name}: bbox: expected `array` of length 4, got 3"),
        (
            {"bbox": [0, 0, float("nan"), 1]},
            "{name}: bbox: must be finite, and at most 1e+15 (got [0.0, 0.0, nan",
        ),
        ({"bbox": [0, 0, 1e300, 1]}, "{name}: bbox: must be finite, and at most 1e+15 (got"),
        ({"bbox": "0 0 1 1"}, "{name}: bbox: expected `array`, got `str`"),
    ],
)
def test_a_value_that_no_event_may_have_is_told_of_the_record(
    files: Files, fields: dict[str, Any], message: str
) -> None:
    files.write([annotation(id=3), annotation(id=17, **fields)], [detection(), detection(**fields)])
    with pytest.raises(ImporterError) as error:
        files.annotations()
    assert message.format(name="annotation id 17") in str(error.value)
    with pytest.raises(ImporterError) as error:
        files.predictions()
    assert message.format(name="detection 1") in str(error.value)


@pytest.mark.parametrize("score", [None, "0.5", float("inf"), float("nan")])
def test_wrong_score(files: Files, score: Any) -> None:
    files.write([], [detection(), detection(score=score)])
    with pytest.raises(ImporterError, match=r"json: detection 1: score: "):
        files.predictions()


def test_every_wrong_record_of_an_image_is_named(files: Files) -> None:
    files.write([annotation(id=i, area=float("inf")) for i in (5, 6)])
    with pytest.raises(ImporterError, match=r"annotation id 5: area: .*\n.*annotation id 6: area: "):
        files.annotations()


@pytest.mark.parametrize(("name", "reason"), [("\x00", r"holds '\x00'"), ("", "has 0"), ("x" * 257, "has 257")])
def test_a_name_that_no_class_may_have(files: Files, name: str, reason: str) -> None:
    files.write([annotation()], categories=[{"id": 0, "name": name}])
    with pytest.raises(ImporterError, match="category id 0: name: must have 1 to 256 characters") as error:
        files.annotations()
    assert reason in str(error.value)


def test_an_id_that_two_have_is_told_and_each_counts(files: Files) -> None:
    truth = files.write([annotation(id=17), annotation(id=17), annotation(id=17, image_id=5)]).read_truth()
    assert truth.notes == ["1 annotation: an id that another one of the image has; each counts."]
    assert {row: [one.id for one in event.annotations] for row, event in files.annotations().items()} == {
        "1": ["17", "#1"],
        "5": ["17"],
    }


# --- what pycocotools reads -----------------------------------------------------------------------------------------


def test_a_record_that_cannot_be_read_is_left_out_and_told(files: Files) -> None:
    files.write(
        [annotation(id=3), annotation(id=4, bbox=[1, 2])], [detection(bbox=[1, 2, 3, None]), detection(score=0.25)]
    )
    truth = files.read_truth()
    assert [str(problem) for problem in truth.problems] == [
        f"{files.truth}: annotation id 4: bbox: expected `array` of length 4, got 2"
    ]
    assert truth.objects.id.to_pylist() == ["3"]
    found = files.read_results()
    assert [problem.record for problem in found.problems] == ["detection 0"]
    assert found.objects.confidence.tolist() == [0.25]


def test_scores_beyond_1_keep_their_order(files: Files) -> None:
    files.write([], [detection(score=score) for score in (1.79, 0.5, 0.895)])
    found = files.read_results()
    assert found.objects.confidence.tolist() == [1.0, 0.5 / 1.79, 0.5]
    assert found.notes[0].startswith("Scores reach 1.79: all are divided by it")


def test_confidence_is_read_for_score(files: Files) -> None:
    files.write([], [without(detection(), "score") | {"confidence": 0.75}, without(detection(), "score")])
    found = files.read_results()
    assert found.objects.confidence.tolist() == [0.75, 1.0]
    assert found.notes == [
        "1 detection: `confidence` in the place of `score`.",
        "1 detection: no score; its confidence is 1.",
    ]


def test_negative_sides_overlap_nothing_and_keep_their_area(files: Files) -> None:
    files.write([annotation(bbox=[9, 9, -3, 4], area=-12)], [detection(bbox=[9, 9, -3, -4]), detection()])
    truth, found = files.read_truth(), files.read_results()
    assert (truth.objects.geometry.tolist(), truth.objects.area.tolist()) == ([9, 9, 0, 0], [-12])
    assert (found.objects.geometry.tolist()[:4], found.objects.area.tolist()) == ([9, 9, 0, 0], [12, 12])
    assert len(truth.notes) == 3  # the sides, the area, the id 0
    assert [storable(one)[1] for one in (truth.objects, found.objects)] == [1, 1]
    assert storable(found.objects)[0].id.to_pylist() == ["1"]


@pytest.mark.parametrize("image", [{"width": -1, "height": 0}, {"width": 1.5}, {"coco_url": "a\x00b"}])
def test_what_is_unusable_of_an_image_is_told(files: Files, image: dict[str, Any]) -> None:
    truth = files.write([], images=[{"id": 1} | image]).read_truth()
    assert truth.notes == [f"Of the images, {len(image)} of width, height, file_name and coco_url cannot be used."]
    assert files.annotations()["1"].row is None


def test_fractional_visibilities_are_labelled(files: Files) -> None:
    files.write([annotation(id=1, keypoints=[1, 2, 0.19, 3, 4, 0, 5, 6, 7.5])], images=[1])
    truth = files.read_truth("keypoints")
    assert truth.objects.geometry.tolist()[4:] == [1, 2, 1, 3, 4, 0, 5, 6, 2]
    assert truth.notes == ["1 annotation: fractional visibilities; what is above 0 is labelled."]


def test_short_outlines_beside_good_ones_are_drawn_as_pycocotools_draws_them(files: Files) -> None:
    rings = [OUTLINES[0], [0, 0, 3, 3], [5, 5]]
    files.write([annotation(id=1, segmentation=rings)], images=[IMAGE])
    truth = files.read_truth("segm")
    expected = coco_mask.merge(coco_mask.frPyObjects(rings, 9, 8))
    assert truth.objects.detail is not None
    assert json.loads(truth.objects.detail[0].as_py())["counts"] == expected["counts"].decode()
    assert truth.notes == ["1 annotation: an outline of less than three points, drawn as pycocotools draws it."]


@pytest.mark.parametrize("form", [str, float])
def test_ids_are_known_in_every_form(files: Files, form: type) -> None:
    files.write([], [detection(image_id=form(5), category_id=form(70))], images=[1, 5])
    assert files.predictions()["5"].predictions[0].feature == "bus"


def test_categories_are_known_by_name(files: Files) -> None:
    files.write([], [detection(category_id="bus")])
    assert files.predictions()["1"].predictions[0].feature == "bus"


def test_documents_are_read_like_files(files: Files) -> None:
    truth = {"images": [{"id": 1}], "categories": CATEGORIES, "annotations": [annotation(id=3)]}
    found = read_results([detection()], read_truth(truth))
    assert found.objects.confidence.tolist() == [0.5]
    with pytest.raises(ImporterError, match="predictions: detection 0: image_id: annotations has no image 8"):
        read_results([detection(image_id=8)], read_truth(truth))


# --- files that are something else ----------------------------------------------------------------------------------


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
        ('{"images": [1], "categories": [], "annotations": []}', "images[0]: the record: expected `object`, got `int`"),
        ('{"images": [], "categories": [{"id": 1}], "annotations": []}', "categories[0]: name: missing"),
        ('{"images": [], "categories": [{"name": "a"}], "annotations": []}', "categories[0]: id: missing"),
        (
            '{"images": [], "categories": [{"id": [], "name": "a"}], "annotations": []}',
            "categories[0]: id: expected `int | float | str`, got `array`",
        ),
    ],
)
def test_a_file_that_is_no_ground_truth(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "truth.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ImporterError) as error:
        read_truth(path)
    assert str(error.value).startswith(f"{path}: {message}")


@pytest.mark.parametrize(("text", "message"), [(b"{}", "a COCO results file is a list"), (b"[\xff]", "not JSON")])
def test_a_file_that_is_no_results(files: Files, text: bytes, message: str) -> None:
    files.write([]).results.write_bytes(text)
    with pytest.raises(ImporterError) as error:
        files.predictions()
    assert str(error.value).startswith(f"{files.results}: {message}")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ImporterError, match=r"nowhere\.json: No such file"):
        read_truth(tmp_path / "nowhere.json")
    with pytest.raises(ImporterError, match="directory"):
        read_truth(tmp_path)


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
    assert (second.bbox, third.bbox, second.area) == ((1, 2, 3, 4), (1, 2, 2.5, 2), 9.5)
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
        ({"size": [9, 8], "counts": "Xg"}, "segmentation: `counts` "),
    ],
)
def test_segmentations_that_cannot_be_read(files: Files, segmentation: Any, message: str) -> None:
    files.write([annotation(id=17, segmentation=segmentation)], images=[IMAGE])
    with pytest.raises(ImporterError) as error:
        files.annotations("segm")
    assert "annotation id 17: " in str(error.value)
    assert message in str(error.value)
    files.write([], [detection(segmentation=segmentation)], images=[IMAGE])
    with pytest.raises(ImporterError, match=re.escape(message)):
        files.predictions("segm")


def test_what_segmentations_and_keypoints_need(files: Files) -> None:
    files.write([annotation(segmentation=OUTLINES)])
    with pytest.raises(ImporterError, match="id 0: segmentation: outlines can only be filled on an image whose"):
        files.annotations("segm")
    with pytest.raises(ImporterError, match="annotation id 0: keypoints: missing"):
        files.annotations("keypoints")
    files.write([], [detection(keypoints=[1, 2])])
    with pytest.raises(ImporterError, match="detection 0: segmentation: missing"):
        files.predictions("segm")
    with pytest.raises(ImporterError, match="detection 0: keypoints: must be a list"):
        files.predictions("keypoints")


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.float16])
def test_results_in_memory_may_be_of_numpy(files: Files, kind: type[np.floating[Any]]) -> None:
    truth = files.write([annotation()]).read_truth()
    plain = [detection(), detection(score=0.25, bbox=[0, 0, 2, 2])]
    numbers = np.array([[1, 2, 3, 4, 0.5], [0, 0, 2, 2, 0.25]], kind)
    arrays = [
        {"image_id": np.int64(1), "category_id": np.uint8(0), "bbox": row[:4], "score": row[4]} for row in numbers
    ]
    lists = [one | {"bbox": list(one["bbox"])} for one in arrays]
    expected = read_results(plain, truth).objects
    for given in (arrays, lists):
        found = read_results(given, truth)
        assert not found.problems
        for field, value in expected._asdict().items():
            own = getattr(found.objects, field)
            assert np.array_equal(own, value) if isinstance(value, np.ndarray) else own == value, field


def test_an_array_that_is_no_box_is_told(files: Files) -> None:
    truth = files.write([annotation()]).read_truth()
    found = read_results([detection(), detection(bbox=np.zeros(3)), detection(score=np.array([0.5, 0.5]))], truth)
    assert [(one.record, one.field) for one in found.problems] == [("detection 1", "bbox"), ("detection 2", "score")]
