"""A format is told by what a file holds."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from evalstream.importers.detect import Format, detect
from evalstream.importers.problems import ImporterError
from evalstream.importers.text import STDIN

EVENT = '{"data_row": "a", "operation": "replace", "annotations": []}'
COCO = '{"info": {}, "images": [], "annotations": [], "categories": []}'
LABELBOX = '{"data_row": {"id": "a"}, "projects": {}}'


@pytest.mark.parametrize(
    ("name", "content", "form"),
    [
        ("a.ndjson", EVENT, "events"),
        ("a.json", EVENT, "events"),
        ("a.json", f"[{EVENT}]", "events"),
        ("a.json", f"\ufeff \n{EVENT}", "events"),
        ("a.ndjson", "not JSON", "events"),
        ("a.ndjson", "{}", "events"),
        ("a.json", COCO, "coco"),
        ("a", COCO, "coco"),
        ("a.json", '[{"image_id": 1}]', "coco"),
        ("a.json", "[]", "coco"),
        ("a.json", "not JSON", "coco"),
        ("a.ndjson", LABELBOX, "labelbox"),
        ("a.json", LABELBOX, "labelbox"),
        ("a.ndjson", '{"dataRow": {"id": "a"}, "uuid": "b"}', "labelboximport"),
        ("a.xml", '<?xml version="1.0"?><annotation/>', "voc"),
        ("a.xml", '<?xml version="1.0"?><annotations><image/></annotations>', "cvat"),
        ("a.json", '[{"annotations": [{"completed_by": 1}]}]', "labelstudio"),
        ("a.jsonl", '{"text": "a", "label": [[0, 1, "X"]]}', "ner"),
        ("a.jsonl", '{"text": "a", "ents": []}', "ner"),
        ("a.json", '[{"tokens": ["a"], "ner_tags": [0]}]', "ner"),
        ("a.csv", "ImageID,Source,LabelName,Confidence\n", "openimages"),
        ("a.json", '{"images": [], "annotations": [{"segments_info": []}]}', "panoptic"),
        ("a.json", '{"annotations": [{"segments_info": [{"bbox": [0, 0, 1, 1]}]}], "images": []}', "panoptic"),
        ("a.json", '{"classes": ["cat"], "labels": {"a": []}}', "fiftyone"),
        ("a.ndjson", "", "events"),
        ("a.txt", "0 0.5 0.5 0.1 0.1\n", "yolo"),
        ("a.txt", "EU B-ORG\n", "conll"),
        ("a.conll", "[ O\n", "conll"),
        ("a.yaml", "names: [a]", "yolo"),
        ("a.csv", "id,label\n", "table"),
        ("a.data", "PAR1\0\0", "table"),
    ],
)
def test_a_file(tmp_path: Path, name: str, content: str, form: Format) -> None:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    assert detect(path) == form
    if form != "table":
        path.write_bytes(gzip.compress(content.encode()))
        assert detect(path) == form


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ImporterError, match="a folder without label files"):
        detect(tmp_path)
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").write_text("")
    assert detect(tmp_path) == "yolo"
    (tmp_path / "a.xml").write_text("<annotation/>")
    assert detect(tmp_path) == "voc"
    (tmp_path / "a.xml").write_text("<annotations></annotations>")
    assert detect(tmp_path) == "cvat", "whatever its file is called"
    # As FiftyOne and Roboflow export it: with the images beside it, which are no masks.
    export = tmp_path / "export"
    (export / "data").mkdir(parents=True)
    (export / "data" / "1.png").write_bytes(b"")
    assert detect(export) == "masks"
    (export / "labels.json").write_text(COCO)
    with pytest.raises(ImporterError, match=r"a folder with labels\.json: name the file, not its folder"):
        detect(export)
    (export / "others.json").write_text(COCO)
    with pytest.raises(ImporterError, match=r"a folder with 2 JSON files, labels\.json first: name the file"):
        detect(export)


@pytest.mark.parametrize("name", ["a.json", "a.csv", "a.txt", "a.xml"])
def test_an_empty_file_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(" \n")
    with pytest.raises(ImporterError, match="the file is empty"):
        detect(tmp_path / name)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"images": [], "annotations": [{"image_id": 1, "caption": "a cat"}]}, "captions are not read"),
        (
            {"image_id": 1, "category_id": 1, "bbox": [0, 0, 1, 1], "score": 1},
            "COCO results as single objects, one a line",
        ),
        (
            {"images": [], "annotations": [{"image_id": 1, "category_id": 0, "caption": "a cat"}]},
            "captions are not read",
        ),
    ],
)
def test_formats_that_are_known_and_not_read(tmp_path: Path, document: object, message: str) -> None:
    (tmp_path / "a.json").write_text(json.dumps(document))
    with pytest.raises(ImporterError, match=message):
        detect(tmp_path / "a.json")


def test_folders_of_masks(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("")
    (tmp_path / "classes.txt").write_text("cat")
    assert detect(tmp_path) == "masks"
    (tmp_path / "a.txt").write_text("")
    assert detect(tmp_path) == "yolo", "images beside their labels"
    (tmp_path / "SegmentationClass").mkdir()
    assert detect(tmp_path) == "masks"


def test_names_of_classes_alone_are_no_labels(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    with pytest.raises(ImporterError, match="holds names of classes, and no labels: name the folder"):
        detect(tmp_path / "classes.txt")


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ImporterError, match="No such file"):
        detect(tmp_path / "a.json")
    assert detect(STDIN) == "events"


def test_real_files(real_data: Path) -> None:
    forms = {
        "yolo_small": "yolo",
        "voc_xml": "voc",
        "labelbox_ndjson/export_v2.ndjson": "labelbox",
        "phone_use_classifiers/label.csv": "table",
        "coco2014_100/instances_val2014_100.json": "coco",
        "coco2014_100/instances_val2014_fakesegm100_results.json": "coco",
        "conll2000_chunks/ground_truth.txt": "conll",
    }
    assert {name: detect(real_data / name) for name in forms} == forms
