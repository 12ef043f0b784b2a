"""Candidate mislabels go to labellers and back: what was forgotten is annotated afterwards, and counts as right."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from evalstream.client import Client
from evalstream.exporters.mislabels import Mislabels, export_mislabels
from evalstream.exporters.questions import MISLABELS_FORMATS, MislabelsFormat
from evalstream.importers.files import Options
from evalstream.selection import QuestionError

SIZE = {"width": 100, "height": 80}
SHAPES: dict[str, list[dict[str, Any]]] = {
    "bbox": [{"bbox": [1.5, 2, 20, 30]}, {"bbox": [50, 10, 30.25, 20]}, {"bbox": [5, 50, 9, 9]}],
    "polygon": [
        {"polygon": [[[1, 2], [20, 2], [20, 30.5]]]},
        {"polygon": [[[50, 10], [80, 10], [80, 30], [50, 30]]]},
        {"polygon": [[[5, 50], [14, 50], [14, 59]]]},
    ],
    "rotated_box": [
        {"rotated_box": [20, 20, 20, 10, 30]},
        {"rotated_box": [60, 30, 30, 20, 75.5]},
        {"rotated_box": [15, 60, 8, 8, 45]},
    ],
}


def upload(client: Client, dataset: str, kinds: Sequence[str]) -> None:
    """Of each kind, the truth forgets the second object of image 1, which the model finds; it finds no third one."""
    annotations, predictions = [], {}
    for kind in kinds:
        objects = [{"type": kind, "feature": f"c{i}", **shape} for i, shape in enumerate(SHAPES[kind])]
        annotations += [
            {"dataset": dataset, "data_row": f"{kind} {name}", "operation": "replace", "row": SIZE, "annotations": own}
            for name, own in (("1", [objects[0], objects[2]]), ("2", objects[:1]))
        ]
        predictions[f"{kind} 1"] = [objects[0] | {"confidence": 0.9}, objects[1] | {"confidence": 0.95}]
        predictions[f"{kind} 2"] = [objects[0] | {"confidence": 0.9}]
    client.upload(dataset, annotations, predictions=predictions, run="v1")


#: A file with rotated boxes has all of its boxes read as such: those are in one of their own.
TOGETHER = (["bbox", "polygon"], ["rotated_box"])
CASES = [(form, kinds) for form in MISLABELS_FORMATS for kinds in TOGETHER[: 1 if form == "labelbox" else 2]]


@pytest.mark.parametrize(("form", "kinds"), CASES)
def test_what_was_forgotten_is_right_afterwards(
    client: Client, tmp_path: Path, form: MislabelsFormat, kinds: list[str]
) -> None:
    n, dataset = len(kinds), f"{form} {kinds[0]}"
    upload(client, dataset, kinds)
    before = client.summary(dataset, "v1")
    assert (before.tp, before.fp, before.fn) == (2 * n, n, n)
    path = tmp_path / (
        "tasks.json" if form == "label-studio" else "import.ndjson" if form == "labelbox" else "cvat.xml"
    )
    done = export_mislabels(client, dataset, "v1", path, form)
    assert (done.rows, done.false_alarms, done.missed, done.left_out) == (n, n, n, {})
    assert (done.false_alarms_total, done.missed_total) == (n, n)
    about = Mislabels.model_validate_json((tmp_path / f"{path.name}.about.json").read_bytes())
    assert about == done
    assert (about.dataset, about.run, about.format, about.question["confidence"]) == (dataset, "v1", form, 0.5)
    with (tmp_path / f"{path.name}.candidates.csv").open(newline="") as file:
        listed = [(line["data_row"], line["kind"], line["label"], line["confidence"]) for line in csv.DictReader(file)]
    assert sorted(listed) == sorted(
        own for kind in kinds for own in ((f"{kind} 1", "false_alarm", "c1", "0.95"), (f"{kind} 1", "missed", "c2", ""))
    )
    if form == "label-studio":  # which numbers tasks anew
        tasks = json.loads(path.read_bytes())
        path.write_text(json.dumps([task | {"id": 900 + i} for i, task in enumerate(tasks)]))
    client.upload(dataset, path, options=Options())
    client.wait(dataset, "v1")
    after = client.summary(dataset, "v1")
    assert (after.rows, after.tp, after.fp, after.fn) == (2 * n, 3 * n, 0, n)
    assert after.mean_iou == pytest.approx(1)  # shapes came back as they were


def test_cvat_knows_images_by_their_files(client: Client, tmp_path: Path) -> None:
    box = {"type": "bbox", "feature": "car", "bbox": [0, 0, 9, 9]}
    found = [box | {"confidence": 0.9}]
    client.upload("files", {"a.jpg": [], "b.jpg": []}, predictions={"a.jpg": found, "b.jpg": found}, run="v1")
    named = {"data_row": "7", "operation": "replace", "row": {"metadata": {"file_name": "c.jpg"}}, "annotations": []}
    client.upload("files", [named], predictions={"7": found}, run="v1")
    path = tmp_path / "cvat.xml"
    done = export_mislabels(client, "files", "v1", path, "cvat")
    assert (done.rows, done.left_out) == (2, {"called otherwise than its file, by which CVAT knows images": 1})
    assert done.notes[-1].startswith("Upload what CVAT gives back with `--row-key file_name`")
    client.upload("files", path, options=Options(row_key="file_name"))
    client.wait("files", "v1")
    after = client.summary("files", "v1")
    assert (after.rows, after.tp, after.fp) == (3, 2, 1)
    labels = ElementTree.parse(path).getroot().findall("meta/task/labels/label/name")
    assert [label.text for label in labels] == ["car"]


def test_a_row_that_a_format_cannot_hold_is_left_out_whole(client: Client, tmp_path: Path) -> None:
    upload(client, "turned", ["rotated_box"])
    done = export_mislabels(client, "turned", "v1", tmp_path / "import.ndjson", "labelbox")
    assert (done.rows, done.left_out) == (0, {"with an object of type rotated_box": 1})
    assert (tmp_path / "import.ndjson").read_bytes() == b""


def test_crowd_regions_would_come_back_as_objects(client: Client, tmp_path: Path) -> None:
    box = {"type": "bbox", "feature": "car", "bbox": [0, 0, 9, 9]}
    truth = {"1": [box | {"crowd": True}, box | {"bbox": [20, 0, 9, 9]}]}
    client.upload("crowd", truth, predictions={"1": []}, run="v1")
    done = export_mislabels(client, "crowd", "v1", tmp_path / "cvat.xml", "cvat")
    assert done.left_out == {"with annotations that count for nothing, such as crowd regions": 1}


def test_the_most_confident_come_first_and_the_rest_is_told(client: Client, tmp_path: Path) -> None:
    boxes = [[12.0 * i, 0, 9, 9] for i in range(6)]
    found = [{"type": "bbox", "feature": "car", "bbox": box, "confidence": (i + 1) / 10} for i, box in enumerate(boxes)]
    client.upload("many", {"1": []}, predictions={"1": found}, run="v1")
    done = export_mislabels(client, "many", "v1", tmp_path / "cvat.xml", "cvat", limit=2, confidence=0)
    assert (done.false_alarms, done.false_alarms_total) == (2, 6)
    with (tmp_path / "cvat.xml.candidates.csv").open(newline="") as file:
        assert [line["confidence"] for line in csv.DictReader(file)] == ["0.6", "0.5"]


def test_objects_cannot_be_filtered(client: Client, tmp_path: Path) -> None:
    with pytest.raises(QuestionError, match="feature"):
        export_mislabels(client, "street", "v7", tmp_path / "a.xml", "cvat", feature=["car"])
    (tmp_path / "b.xml").write_text("mine")
    with pytest.raises(FileExistsError, match=r"b\.xml is there"):
        export_mislabels(client, "street", "v7", tmp_path / "b.xml", "cvat")
