"""Files that people made, evaluated by the command, against pycocotools on the same boxes, read here by other means."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import numpy as np
import pytest
from evalstream_cli.main import app
from typer.testing import CliRunner

from tests.oracles.coco import FIGURES, evaluated_by_pycocotools

WIDTH, HEIGHT = 640, 480  # of YOLO's images, which are not there


class Box(NamedTuple):
    """One object: x, y, width and height in pixels."""

    image: str
    name: str
    box: list[float]
    score: float = 1.0


class Side(NamedTuple):
    """What to evaluate: two paths and options, the true boxes, and a writer of predictions."""

    annotations: Path
    options: list[str]
    boxes: list[Box]
    write: Callable[[Path, list[Box]], Path]


def yolo(real_data: Path) -> Side:
    folder = real_data / "yolo_small"
    names = (folder / "classes.txt").read_text().split()

    def write(to: Path, found: list[Box]) -> Path:
        for image in {one.image for one in found}:
            own = [one for one in found if one.image == image]
            (to / f"{image}.txt").write_text("".join(line(one) for one in own))
        return to

    def line(one: Box) -> str:
        x, y, w, h = one.box
        numbers = (x + w / 2) / WIDTH, (y + h / 2) / HEIGHT, w / WIDTH, h / HEIGHT, one.score
        return " ".join(map(repr, (names.index(one.name), *map(float, numbers)))) + "\n"

    boxes = []
    for path in sorted((folder / "labels").glob("*.txt")):
        for text in path.read_text().split("\n"):
            if text.strip():
                number, x, y, w, h = map(float, text.split())
                corner = [(x - w / 2) * WIDTH, (y - h / 2) * HEIGHT, w * WIDTH, h * HEIGHT]
                boxes.append(Box(path.stem, names[int(number)], corner))
    return Side(folder / "labels", ["--image-size", f"{WIDTH}x{HEIGHT}"], boxes, write)


def voc(real_data: Path) -> Side:
    boxes = []
    for path in sorted((real_data / "voc_xml").glob("*.xml")):
        for one in ElementTree.parse(path).iter("object"):
            left, top, right, bottom = (float(one.findtext(f"bndbox/{side}") or "") for side in SIDES)
            boxes.append(Box(path.stem, one.findtext("name") or "", [left, top, right - left, bottom - top]))
    names = sorted({one.name for one in boxes})

    def write(to: Path, found: list[Box]) -> Path:
        """As COCO results, which name images by their files; VOC numbers no classes."""
        (to / "names.txt").write_text("\n".join(names))
        said = [
            {"image_id": one.image, "category_id": names.index(one.name), "bbox": one.box, "score": one.score}
            for one in found
        ]
        (to / "results.json").write_text(json.dumps(said))
        return to / "results.json"

    return Side(real_data / "voc_xml", ["--names", "names.txt"], boxes, write)


SIDES = ("xmin", "ymin", "xmax", "ymax")


def labelbox(real_data: Path, to: Path) -> Side:
    """Import lines of boxes on images, out of all files: each once, without what a prediction has besides."""
    lines: dict[str, dict[str, Any]] = {}
    for path in sorted((real_data / "labelbox_ndjson").glob("*_import.ndjson")):
        for text in path.read_text(encoding="utf-8").split("\n"):
            line = json.loads(text) if text.strip() else {}
            if "bbox" in line and "page" not in line:
                kept = {name: line[name] for name in ("uuid", "dataRow", "name", "schemaId", "bbox") if name in line}
                lines.setdefault(line["uuid"], kept)
    truth = to / "truth.ndjson"
    truth.write_text("\n".join(map(json.dumps, lines.values())))
    boxes = []
    for line in lines.values():
        asset, own = line["dataRow"], line["bbox"]
        corner = [own[side] for side in ("left", "top", "width", "height")]
        boxes.append(Box(asset.get("globalKey") or asset["id"], line.get("name") or line["schemaId"], corner))

    def write(folder: Path, found: list[Box]) -> Path:
        said = [
            {
                "uuid": str(i),
                "dataRow": {"globalKey": one.image},
                "name": one.name,
                "bbox": dict(zip(("left", "top", "width", "height"), one.box, strict=True)),
                "confidence": one.score,
            }
            for i, one in enumerate(found)
        ]
        (folder / "found.ndjson").write_text("\n".join(map(json.dumps, said)))
        return folder / "found.ndjson"

    return Side(truth, [], boxes, write)


def guessed(boxes: list[Box]) -> list[Box]:
    """Find most boxes, a little off, some twice, some under another name, with few distinct scores."""
    random = np.random.default_rng(16)
    names = sorted({one.name for one in boxes})
    found = []
    for one in [*boxes, *boxes[::3]]:
        x, y, w, h = one.box
        if random.random() < 0.85:
            off = random.normal(0, 0.06, 4) * (w, h, w, h)
            off[2:] = -np.abs(off[2:])  # no larger than the image, which YOLO refuses
            moved = [float(value) for value in np.array([x, y, w, h]) + off]
            name = one.name if random.random() < 0.85 else str(random.choice(names))
            found.append(Box(one.image, name, moved, float(random.integers(1, 10)) / 10))
    return found


def expected(boxes: list[Box], found: list[Box]) -> dict[str, float | None]:
    images, names = ({item: i for i, item in enumerate(sorted({one[k] for one in boxes}), 1)} for k in (0, 1))
    truth = {
        "images": [{"id": i} for i in images.values()],
        "categories": [{"id": i, "name": name} for name, i in names.items()],
        "annotations": [
            {"id": i, "image_id": images[one.image], "category_id": names[one.name], "bbox": one.box, "iscrowd": 0}
            | {"area": one.box[2] * one.box[3]}
            for i, one in enumerate(boxes, 1)
        ],
    }
    results = [
        {"image_id": images[one.image], "category_id": names[one.name], "bbox": one.box, "score": one.score}
        for one in found
    ]
    return evaluated_by_pycocotools(truth, results, "bbox").overall


@pytest.mark.parametrize(("kind", "least"), [("yolo", 25), ("voc", 273), ("labelbox", 5)])
def test_figures_are_those_of_pycocotools_on_the_same_boxes(
    real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, least: int
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "found").mkdir()
    side = {"yolo": yolo, "voc": voc, "labelbox": lambda data: labelbox(data, tmp_path)}[kind](real_data)
    assert len(side.boxes) >= least
    found = guessed(side.boxes)
    predictions = side.write(tmp_path / "found", found)
    if kind == "voc":
        monkeypatch.chdir(tmp_path / "found")
    command = ["evaluate", "--json", "--annotations", str(side.annotations), "--predictions", str(predictions)]
    result = CliRunner().invoke(app, [*command, *side.options])
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["left_out"] == []
    assert {name: told[name] for name in FIGURES} == pytest.approx(expected(side.boxes, found), abs=1e-9)
    assert told["tp"] + told["fn"] == len(side.boxes)
    assert told["tp"] + told["fp"] == len(found)
    assert 0 < told["ap"] < 1
