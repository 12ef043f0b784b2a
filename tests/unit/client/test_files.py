"""What an upload of two files sends: of each annotated image something, if only that nothing was found there."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from evalstream.client.files import How, annotation_lines, prediction_lines
from evalstream.importers.files import Options
from evalstream.importers.images import Size
from evalstream.importers.yolo import YoloOptions
from PIL import Image

IMAGES = ["a", "b", "c"]
#: An image that is annotated, and that predictions have a file or record of, or not.
Write = Callable[[Path, list[str], bool], Any]


def yolo(folder: Path, images: list[str], predicted: bool) -> Path:
    folder.mkdir()
    for image in images:
        (folder / f"{image}.txt").write_text("0 0.5 0.5 0.2 0.2" + (" 0.9\n" if predicted else "\n"))
    return folder


def voc(folder: Path, images: list[str], predicted: bool) -> Path:
    folder.mkdir()
    score = "<confidence>0.9</confidence>" if predicted else ""
    box = "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox>"
    for image in images:
        (folder / f"{image}.xml").write_text(
            f"<annotation><filename>{image}.jpg</filename><size><width>20</width><height>20</height></size>"
            f"<object><name>car</name>{score}{box}</object></annotation>"
        )
    return folder


def cvat(folder: Path, images: list[str], predicted: bool) -> Path:
    score = '<attribute name="score">0.9</attribute>' if predicted else ""
    box = f'<box label="car" xtl="1" ytl="1" xbr="9" ybr="9">{score}</box>'
    named = "".join(
        f'<image id="{i}" name="{image}.jpg" width="20" height="20">{box}</image>' for i, image in enumerate(images)
    )
    file = folder.with_suffix(".xml")
    file.write_text(f"<annotations><version>1.1</version>{named}</annotations>")
    return file


def masks(folder: Path, images: list[str], _predicted: bool) -> Path:
    folder.mkdir()
    for image in images:
        pixels = np.zeros((20, 20), np.uint8)
        pixels[:5] = 1
        Image.fromarray(pixels).save(folder / f"{image}.png")
    return folder


def table(folder: Path, images: list[str], predicted: bool) -> Path:
    file = folder.with_suffix(".csv")
    frame(folder, images, predicted).to_csv(file, index=False)
    return file


def frame(_folder: Path, images: list[str], _predicted: bool) -> pd.DataFrame:
    return pd.DataFrame({"id": images, "label": ["rain"] * len(images)})


def coco(folder: Path, images: list[str], predicted: bool) -> Path:
    file = folder.with_suffix(".json")
    boxes = [{"image_id": IMAGES.index(image), "category_id": 1, "bbox": [1, 1, 8, 8]} for image in images]
    if predicted:
        file.write_text(json.dumps([box | {"score": 0.9} for box in boxes]))
        return file
    truth = {
        "images": [{"id": i, "file_name": f"{image}.jpg"} for i, image in enumerate(IMAGES)],
        "categories": [{"id": 1, "name": "car"}],
        "annotations": [box | {"id": i, "area": 64, "iscrowd": 0} for i, box in enumerate(boxes, 1)],
    }
    file.write_text(json.dumps(truth))
    return file


@pytest.mark.parametrize("write", [yolo, voc, cvat, masks, table, frame, coco])
def test_an_image_without_a_file_of_predictions_is_sent_as_empty_and_told(tmp_path: Path, write: Write) -> None:
    names = tmp_path / "names.txt"
    names.write_text("background\ncar\n" if write is masks else "car\n")
    options = Options(yolo=YoloOptions(names=names, image_size=Size(20, 20))) if write in (yolo, masks) else Options()
    how = How(options)
    annotations = write(tmp_path / "truth", IMAGES, False)
    sent, truth = annotation_lines(annotations, "d", how)
    rows = [json.loads(line)["data_row"] for line in sent.lines]
    predictions = write(tmp_path / "found", ["b"], True)
    said = prediction_lines(predictions, annotations, truth, "d", "r", how)
    events = [json.loads(line) for line in said.lines]
    assert [event["data_row"] for event in events] == rows
    assert [len(event["predictions"]) for event in events] == [0, 1, 0]
    assert {event["operation"] for event in events} == {"replace"}
    assert any("2 data rows of 3 without a prediction, taken for empty." in note for note in said.notes)
