"""Every command on the page about importing runs as it stands, on a file of the kind that it names."""

from __future__ import annotations

import gzip
import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from evalstream_cli.main import app
from PIL import Image
from typer.testing import CliRunner

from tests.faults.service import Service
from tests.unit.docs.blocks import DOCS

TEXT: Final = (DOCS / "importing.md").read_text(encoding="utf-8")
BLOCKS: Final = re.findall(r"^```\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
LINES: Final = [line for block in BLOCKS for line in block.splitlines() if "evalstream" in line]
IN_TABLE: Final = re.findall(r"^\|.*`(evalstream [^`]+)` \|$", TEXT, re.MULTILINE)
COMMANDS: Final = [line for line in dict.fromkeys([*LINES, *IN_TABLE]) if "PATH" not in line]

BOX: Final = {"type": "bbox", "feature": "car", "bbox": [4, 4, 10, 6]}
TRUTH: Final = {
    "images": [{"id": 1, "file_name": "a.png", "width": 40, "height": 20}],
    "categories": [{"id": 1, "name": "car"}, {"id": 2, "name": "bus"}],
    "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": BOX["bbox"], "area": 60, "iscrowd": 0}],
}
RESULTS: Final = [{"image_id": "a", "category_id": i, "bbox": BOX["bbox"], "score": 0.9} for i in (1, 2)]
YOLO: Final = "0 0.225 0.35 0.25 0.3"
VOC: Final = (
    "<annotation><filename>a.png</filename><size><width>40</width><height>20</height></size><object><name>car</name>"
    "<bndbox><xmin>4</xmin><ymin>4</ymin><xmax>14</xmax><ymax>10</ymax></bndbox></object></annotation>"
)
CVAT: Final = (
    '<annotations><image id="0" name="a.png" width="40" height="20">'
    '<box label="car" xtl="4" ytl="4" xbr="14" ybr="10"/></image></annotations>'
)
LABELBOX: Final = {
    "data_row": {"id": "1", "global_key": "a"},
    "media_attributes": {"width": 40, "height": 20},
    "projects": {
        "p": {
            "name": "roof-wear",
            "labels": [
                {
                    "id": "l",
                    "annotations": {
                        "objects": [{"name": "car", "bounding_box": {"left": 4, "top": 4, "width": 10, "height": 6}}],
                        "classifications": [],
                    },
                }
            ],
        }
    },
}
IMPORT: Final = {
    "uuid": "u",
    "dataRow": {"globalKey": "a"},
    "name": "car",
    "bbox": {"left": 4, "top": 4, "width": 10, "height": 6},
    "confidence": 0.9,
}
REGION: Final = {
    "from_name": "box",
    "to_name": "image",
    "type": "rectanglelabels",
    "original_width": 40,
    "original_height": 20,
    "value": {"x": 10, "y": 20, "width": 25, "height": 30, "rotation": 0, "rectanglelabels": ["car"]},
}
OPEN_IMAGES: Final = "ImageID,LabelName,Confidence,XMin,XMax,YMin,YMax\na,car,0.9,0.1,0.35,0.2,0.5\n"
ENTITIES: Final = {"id": "a", "text": "Ada met Zoë", "entities": [[0, 3, "PER"]]}
SAMPLE: Final = {
    "_cls": "Detections",
    "detections": [{"_cls": "Detection", "label": "car", "bounding_box": [0, 0, 1, 1]}],
}


def png(path: Path, mode: str = "L") -> None:
    pixels = np.zeros((20, 40) if mode == "L" else (20, 40, 3), np.uint8)
    pixels[4:10, 4:14, ...] = 1 if mode == "L" else (1, 0, 0)
    Image.fromarray(pixels).save(path)


def panoptic(path: Path) -> None:
    segments = [{"id": 1, "category_id": 1, "iscrowd": 0, "area": 60, "bbox": BOX["bbox"]}]
    said = TRUTH | {"annotations": [{"image_id": 1, "file_name": "a.png", "segments_info": segments}]}
    path.write_text(json.dumps(said))
    path.with_suffix("").mkdir()
    png(path.with_suffix("") / "a.png", "RGB")


def labels(path: Path, confidence: str = "") -> None:
    path.mkdir(parents=True)
    (path / "a.txt").write_text(YOLO + confidence)
    if path.parent.name == "labels":
        images = path.parents[1] / "images" / path.name
        images.mkdir(parents=True)
        png(images / "a.png")


def data_set(path: Path) -> None:
    labels(path.parent / "labels" / "val")
    path.write_text("val: images/val\nnames: [car, bus]\n")


def samples(path: Path) -> None:
    path.mkdir()
    size = {"_cls": "ImageMetadata", "width": 40, "height": 20}
    sample = {"filepath": "a.png", "metadata": size, "ground_truth": SAMPLE, "predictions": SAMPLE}
    (path / "samples.json").write_text(json.dumps({"samples": [sample]}))
    (path / "metadata.json").write_text("{}")


def in_folder(name: str, text: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.mkdir()
        (path / name).write_text(text)

    return write


def masks(path: Path) -> None:
    path.mkdir()
    png(path / "a.png")


def events(side: str, **more: Any) -> bytes:
    return json.dumps({"data_row": "a", "operation": "replace", side: [BOX | more]}).encode()


#: How each path that a command names is made; what it holds follows from its name, and where that is not enough from
#: what stands beside it in the command.
MADE: Final[dict[str, Callable[[Path], Any]]] = {
    "events.ndjson": lambda path: path.write_bytes(events("annotations")),
    "events.ndjson.gz": lambda path: path.write_bytes(gzip.compress(events("predictions", confidence=0.5))),
    "instances.json": lambda path: path.write_text(json.dumps(TRUTH)),
    "val.json": lambda path: path.write_text(json.dumps(TRUTH)),
    "results.json": lambda path: path.write_text(json.dumps(RESULTS)),
    "runs/val/predictions.json": lambda path: path.write_text(json.dumps(RESULTS)),
    "fiftyone-export/labels.json": lambda path: path.write_text(json.dumps(TRUTH)),
    "street/data.yaml": data_set,
    "street/labels/val": lambda path: data_set(path.parents[1] / "data.yaml"),
    "labels/val": labels,
    "runs/predict/labels": lambda path: labels(path, " 0.9"),
    "Annotations/": in_folder("a.xml", VOC),
    "annotations.xml": lambda path: path.write_text(CVAT),
    "classes.txt": lambda path: path.write_text("car\nbus\n"),
    "test.csv": lambda path: path.write_text("image,y_true,p_cat,p_dog\na,cat,0.75,0.25\n"),
    "truth.csv": lambda path: path.write_text("id,label\na,cat\n"),
    "answers.csv": lambda path: path.write_text("id,prediction\na,dog\n"),
    "truth.parquet": lambda path: pq.write_table(pa.table({"id": ["a"], "target": [1.5]}), path),
    "ols.csv": lambda path: path.write_text("id,prediction\na,1.25\n"),
    "export.ndjson": lambda path: path.write_text(json.dumps(LABELBOX)),
    "import.ndjson": lambda path: path.write_text(json.dumps(IMPORT)),
    "export.json": lambda path: path.write_text(
        json.dumps([{"id": 1, "data": {}, "annotations": [{"id": 1, "completed_by": 1, "result": [REGION]}]}])
    ),
    "validation-annotations-bbox.csv": lambda path: path.write_text(OPEN_IMAGES),
    "boxes.csv": lambda path: path.write_text(OPEN_IMAGES),
    "found.csv": lambda path: path.write_text(OPEN_IMAGES),
    "validation/": masks,
    "images/": masks,
    "masks/": masks,
    "found/": masks,
    "panoptic.json": panoptic,
    "found.json": panoptic,
    "gold.jsonl": lambda path: path.write_text(json.dumps(ENTITIES)),
    "found.jsonl": lambda path: path.write_text(json.dumps(ENTITIES)),
    "exported/": samples,
    "test.conll": lambda path: path.write_text("Ada B-PER\nmet O\n"),
}


def test_there_are_commands() -> None:
    assert len(COMMANDS) > 25


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_runs(service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EVALSTREAM_URL", service.url)
    monkeypatch.setenv("EVALSTREAM_API_KEY", "key")
    piped, _, command = line.rpartition(" | ")
    words = shlex.split(command)[1:]
    for word in dict.fromkeys([*shlex.split(piped), *words]):
        if word in MADE:
            Path(word).parent.mkdir(parents=True, exist_ok=True)
            MADE[word](Path(word))
    given = gzip.decompress(Path(shlex.split(piped)[1]).read_bytes()) if piped else None
    if "--dataset" in words:  # one of its own, which no other command fills
        words[words.index("--dataset") + 1] = f"importing-{COMMANDS.index(line)}"
    result = CliRunner().invoke(app, words, input=given)
    assert result.exit_code == 0, result.output
    assert "left out" not in result.output.lower().replace("are left out of the means", "")
