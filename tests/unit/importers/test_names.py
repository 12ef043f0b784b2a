"""COCO results that name images and categories in other ways than by the ids of the ground truth."""

from __future__ import annotations

from typing import Any

import pytest
from evalstream.importers.coco import read_results, read_truth
from evalstream.importers.columns import Found, Truth
from evalstream.importers.names import ImageNames, stem
from evalstream.importers.problems import ImporterError

IMAGES: list[dict[str, Any]] = [
    {"id": 139, "file_name": "val2017/000000000139.jpg"},
    {"id": 7, "file_name": "street.v1.png"},
    {"id": 8, "file_name": "a/twice.jpg"},
    {"id": 9, "file_name": "b/twice.png"},
]


def truth(images: list[dict[str, Any]] = IMAGES, categories: tuple[int, ...] = (0, 1, 2)) -> Truth:
    listed = [{"id": i, "name": f"class {i}"} for i in categories]
    return read_truth({"images": images, "categories": listed, "annotations": []})


def found(*image_ids: Any, categories: tuple[Any, ...] = (0,), **options: Any) -> Found:
    records = [
        {"image_id": image, "category_id": category, "bbox": [0, 0, 1, 1], "score": 0.5}
        for image in image_ids
        for category in categories
    ]
    return read_results(records, truth(), **options)


@pytest.mark.parametrize(
    ("given", "row", "form"),
    [
        (139, "139", None),
        ("139", "139", None),
        (139.0, "139", None),
        ("000000000139", "139", "number"),
        ("val2017/000000000139.jpg", "139", "file name"),
        ("000000000139.jpg", "139", "file name without its folder"),
        ("other/000000000139.png", "139", "file name without folder and ending"),
        ("street.v1", "7", "file name without folder and ending"),
        ("b\\twice.png", "9", "file name"),
        ("twice.jpg", "8", "file name without its folder"),
    ],
)
def test_an_image_is_known_by_many_names(given: Any, row: str, form: str | None) -> None:
    read = found(given)
    assert [truth().images.data_row[i] for i in read.objects.row] == [row]
    assert read.notes == ([f"1 detection: the image is known by its {form}."] if form else [])


def test_an_id_is_a_name_too_where_files_have_none() -> None:
    names = ImageNames(["a.jpg", "b"], ["", ""])
    assert [names.find(given).place for given in ("a", "folder/a.jpg", "b.png", "c")] == [0, 0, 1, -1]


def test_ultralytics_writes_stems_of_digits_as_numbers() -> None:
    names = ImageNames(["000012", "b"], ["000012.jpg", "b.jpg"])
    assert names.find(12).place == 0
    assert stem("12.jpg") == stem("000012") == "12"


def test_a_name_of_several_images_is_refused() -> None:
    with pytest.raises(ImporterError, match="detection 1: image_id: 2 images of the ground truth share this file name"):
        found(7, "twice")


def test_images_that_are_not_there_are_refused_or_skipped_and_counted() -> None:
    with pytest.raises(ImporterError, match="detection 1: image_id: annotations has no image 5; 2 detections"):
        found(7, 5, 5)
    read = found(7, 5, 5, 6, skip_unknown_images=True)
    assert len(read.objects.row) == 1
    assert read.notes == ["3 detections on 2 images that the ground truth does not have: skipped."]
    assert read.problems == []


def test_categories_that_are_counted_from_elsewhere() -> None:
    read = found(7, categories=(1, 2, 3))
    (note,) = read.notes
    assert "does not list 1 of 3 category ids" in note
    assert "one lower; --category-offset=-1" in note
    assert "unlisted category 3" in read.objects.features
    shifted = found(7, categories=(1, 2, 3), category_offset=-1)
    assert shifted.notes == []
    assert [shifted.objects.features[i] for i in shifted.objects.feature] == ["class 0", "class 1", "class 2"]


def test_categories_that_are_just_unknown_are_not_called_off_by_one() -> None:
    assert found(7, categories=(0, 9)).notes == []
    assert found(7, categories=(0, 3)).notes == [], "shifted, 0 would be unlisted"
