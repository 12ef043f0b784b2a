"""Measure how fast importers read files to columns, and how much memory they take.

Each reads a file, or a folder of files, that is made for it, of the same boxes; tables, sentences and entities have as
many answers or spans. Each does so in a process of its own. Memory is what the process peaks at, less what it has once
the importer is loaded, which it is by reading a file of one data row.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from evalstream.importers.files import Options, annotations_table, read_annotations
from evalstream.importers.options import Size, YoloOptions
from numpy.typing import NDArray
from PIL import Image

WIDTH, HEIGHT = 640, 480
CLASSES: Final = [f"class {i}" for i in range(80)]
Box = tuple[int, int, int, int, int]  # left, top, width and height in pixels, class


class Cost(NamedTuple):
    """What one importer has read, and at which cost."""

    name: str
    megabytes: float
    objects: int
    seconds: float  # of CPU
    memory: float  # MB

    def __str__(self) -> str:
        return (
            f"| {self.name} | {self.megabytes:.1f} | {self.objects:,} | {self.seconds:.2f}"
            f" | {self.objects / self.seconds:,.0f} | {self.memory:.0f} |"
        )


HEADER: Final = """| importer | MB | objects | s of CPU | objects a second | MB of memory |
| --- | ---: | ---: | ---: | ---: | ---: |"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=5_000)
    parser.add_argument("--per-image", type=int, default=20)
    parser.add_argument("--only", choices=sorted(WRITERS), action="append")
    parser.add_argument("--read", nargs=3, metavar=("NAME", "SMALL", "FILE"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.read:
        name, small, large = given.read
        print(json.dumps(read(name, Path(small), Path(large))))
        return
    print(HEADER)
    for cost in measure(given.images, given.per_image, given.only or sorted(WRITERS)):
        print(cost, flush=True)


def measure(images: int, per_image: int, names: list[str]) -> Iterator[Cost]:
    """Write a file for each importer and have it read by a process of its own, one after another."""
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            paths = [WRITERS[name](Path(folder) / part, made) for part, made in sizes(images, per_image)]
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.importers", "--read", name, *map(str, paths)],
                check=True,
                capture_output=True,
                text=True,
            )
            found = json.loads(done.stdout)
            files = [one for one in (Path(folder) / "large").rglob("*") if one.is_file()]
            yield Cost(name, sum(one.stat().st_size for one in files) / 1e6, **found)


def sizes(images: int, per_image: int) -> Iterator[tuple[str, Made]]:
    """Make boxes, an entry an image: of one image to begin with, then of all."""
    for part, count in (("small", 1), ("large", images)):
        rng = np.random.default_rng(0)
        corner, size = rng.integers(0, 400, (count, per_image, 2)), rng.integers(8, 80, (count, per_image, 2))
        kind = rng.integers(0, len(CLASSES), (count, per_image, 1))
        yield part, [list(map(tuple, image)) for image in np.concatenate([corner, size, kind], axis=2).tolist()]


def read(name: str, small: Path, large: Path) -> dict[str, float]:
    """Read a file, once another one has been read."""
    _read(name, small)
    before = _peak()
    begun = time.process_time()
    objects = _read(name, large)
    return {"objects": objects, "seconds": time.process_time() - begun, "memory": _peak() - before}


def _read(name: str, path: Path) -> int:
    options = Options(
        type="segm" if name == "COCO polygons" else "bbox",
        yolo=YoloOptions(image_size=Size(WIDTH, HEIGHT)),
    )
    events = annotations_table(read_annotations(path, options), "bench", options)
    return len(events["object_id"].combine_chunks().flatten())


def _peak() -> float:
    """Give the most memory that this process has had, in MB."""
    status = Path("/proc/self/status")
    if status.exists():  # what getrusage says here counts whoever started this process, too
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1e3
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


# --- files ----------------------------------------------------------------------------------------------------------

Made = list[list[Box]]


def _written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def _coco(folder: Path, made: Made, shape: Callable[[Box], dict[str, Any]]) -> Path:
    images = [{"id": i, "width": WIDTH, "height": HEIGHT, "file_name": f"{i}.jpg"} for i in range(1, len(made) + 1)]
    numbered = ((i, box) for i, boxes in enumerate(made, 1) for box in boxes)
    annotations = [
        {"id": n, "image_id": i, "category_id": box[4], "area": box[2] * box[3], "iscrowd": 0} | shape(box)
        for n, (i, box) in enumerate(numbered, 1)
    ]
    categories = [{"id": i, "name": name} for i, name in enumerate(CLASSES)]
    return _written(
        folder / "instances.json",
        json.dumps({"images": images, "categories": categories, "annotations": annotations}),
    )


def _corners(box: Box) -> tuple[int, int, int, int]:
    return box[0], box[1], box[0] + box[2], box[1] + box[3]


def _outline(box: Box) -> dict[str, Any]:
    left, top, right, bottom = _corners(box)
    return {"segmentation": [[left, top, right, top, right, bottom, left, bottom]]}


def _yolo(folder: Path, made: Made) -> Path:
    labels = folder / "labels"
    for i, boxes in enumerate(made):
        lines = (
            f"{k} {(x + w / 2) / WIDTH} {(y + h / 2) / HEIGHT} {w / WIDTH} {h / HEIGHT}" for x, y, w, h, k in boxes
        )
        _written(labels / f"{i}.txt", "\n".join(lines))
    _written(folder / "classes.txt", "\n".join(CLASSES))
    return labels


def _voc(folder: Path, made: Made) -> Path:
    for i, boxes in enumerate(made):
        objects = "".join(
            f"<object><name>{CLASSES[box[4]]}</name><difficult>0</difficult><bndbox><xmin>{left}</xmin>"
            f"<ymin>{top}</ymin><xmax>{right}</xmax><ymax>{bottom}</ymax></bndbox></object>"
            for box in boxes
            for left, top, right, bottom in [_corners(box)]
        )
        size = f"<size><width>{WIDTH}</width><height>{HEIGHT}</height><depth>3</depth></size>"
        _written(folder / f"{i}.xml", f"<annotation><filename>{i}.jpg</filename>{size}{objects}</annotation>")
    return folder


def _cvat(folder: Path, made: Made) -> Path:
    images = "\n".join(
        f'<image id="{i}" name="{i}.jpg" width="{WIDTH}" height="{HEIGHT}">'
        + "".join(
            f'<box label="{CLASSES[box[4]]}" xtl="{left}" ytl="{top}" xbr="{right}" ybr="{bottom}"/>'
            for box in boxes
            for left, top, right, bottom in [_corners(box)]
        )
        + "</image>"
        for i, boxes in enumerate(made)
    )
    return _written(
        folder / "annotations.xml",
        f'<?xml version="1.0"?>\n<annotations><version>1.1</version>\n{images}</annotations>',
    )


def _label_studio(folder: Path, made: Made) -> Path:
    size = {"original_width": WIDTH, "original_height": HEIGHT, "image_rotation": 0}

    def result(box: Box) -> dict[str, Any]:
        x, y, w, h, k = box
        place = {"x": x / WIDTH * 100, "y": y / HEIGHT * 100, "width": w / WIDTH * 100, "height": h / HEIGHT * 100}
        value = place | {"rotation": 0, "rectanglelabels": [CLASSES[k]]}
        return {"type": "rectanglelabels", "value": value, "from_name": "q", "to_name": "image"} | size

    tasks = [
        {"id": i, "data": {"image": f"{i}.jpg"}, "annotations": [{"id": i, "result": list(map(result, boxes))}]}
        for i, boxes in enumerate(made)
    ]
    return _written(folder / "tasks.json", json.dumps(tasks))


def _labelbox(folder: Path, made: Made) -> Path:
    def line(i: int, boxes: list[Box]) -> str:
        objects = [
            {
                "feature_id": f"{i}-{n}",
                "name": CLASSES[k],
                "bounding_box": {"top": y, "left": x, "height": h, "width": w},
            }
            for n, (x, y, w, h, k) in enumerate(boxes)
        ]
        label = {"id": "l", "annotations": {"objects": objects, "classifications": [], "relationships": []}}
        return json.dumps(
            {
                "data_row": {"id": f"c{i}", "global_key": f"{i}.jpg"},
                "media_attributes": {"width": WIDTH, "height": HEIGHT},
                "projects": {"p": {"name": "project", "labels": [label]}},
            }
        )

    return _written(folder / "export.ndjson", "\n".join(line(i, boxes) for i, boxes in enumerate(made)))


def _labelbox_import(folder: Path, made: Made) -> Path:
    lines = (
        json.dumps(
            {
                "uuid": f"{i}-{n}",
                "dataRow": {"globalKey": f"{i}.jpg"},
                "name": CLASSES[k],
                "bbox": {"top": y, "left": x, "height": h, "width": w},
            }
        )
        for i, boxes in enumerate(made)
        for n, (x, y, w, h, k) in enumerate(boxes)
    )
    return _written(folder / "import.ndjson", "\n".join(lines))


def _pixels(boxes: list[Box], values: list[int]) -> NDArray[np.int64]:
    """Draw boxes beside each other, so that none hides another: each in a cell of its own, as large as fits."""
    across, wide, high = 20, WIDTH // 20, HEIGHT // 20
    found = np.zeros((HEIGHT, WIDTH), np.int64)
    for n, (box, value) in enumerate(zip(boxes, values, strict=True)):
        top, left = n // across * high, n % across * wide
        found[top : top + min(box[3], high), left : left + min(box[2], wide)] = value
    return found


def _masks(folder: Path, made: Made) -> Path:
    """Write a mask an object, in Cityscapes' numbers: 1,000 times the class, and the object's own."""
    masks = folder / "masks"
    masks.mkdir(parents=True)
    for i, boxes in enumerate(made):
        values = [(box[4] % 60 + 1) * 1_000 + n for n, box in enumerate(boxes)]
        Image.fromarray(_pixels(boxes, values).astype(np.uint16)).save(masks / f"{i}.png")
    return masks


def _panoptic(folder: Path, made: Made) -> Path:
    pictures = folder / "panoptic"
    pictures.mkdir(parents=True)
    annotations = []
    for i, boxes in enumerate(made):
        ids = list(range(1, len(boxes) + 1))
        pixels = _pixels(boxes, ids)
        Image.fromarray(np.stack([pixels % 256, pixels // 256, 0 * pixels], axis=2).astype(np.uint8)).save(
            pictures / f"{i}.png"
        )
        segments = [{"id": own, "category_id": box[4]} for own, box in zip(ids, boxes, strict=True)]
        annotations.append({"image_id": i, "file_name": f"{i}.png", "segments_info": segments})
    images = [{"id": i, "file_name": f"{i}.jpg", "width": WIDTH, "height": HEIGHT} for i in range(len(made))]
    categories = [{"id": i, "name": name, "isthing": 1} for i, name in enumerate(CLASSES)]
    document = {"images": images, "categories": categories, "annotations": annotations}
    return _written(folder / "panoptic.json", json.dumps(document))


def _open_images(folder: Path, made: Made) -> Path:
    names = "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf"
    lines = [
        f"{i},xclick,{CLASSES[box[4]]},1,{left / WIDTH},{right / WIDTH},{top / HEIGHT},{bottom / HEIGHT},0,0,0"
        for i, boxes in enumerate(made)
        for box in boxes
        for left, top, right, bottom in [_corners(box)]
    ]
    return _written(folder / "boxes.csv", "\n".join([names, *lines]))


def _table(folder: Path, made: Made) -> Path:
    lines = [f"{i}-{n}.jpg,{CLASSES[box[4]]}" for i, boxes in enumerate(made) for n, box in enumerate(boxes)]
    return _written(folder / "truth.csv", "\n".join(["id,label", *lines]))


def _conll(folder: Path, made: Made) -> Path:
    sentences = ("\n".join(f"w{box[0]} B-{box[4]}\nof O" for box in boxes) for boxes in made)
    return _written(folder / "test.conll", "\n\n".join(sentences) + "\n")


def _ner(folder: Path, made: Made) -> Path:
    def line(boxes: list[Box]) -> str:
        spans = [[5 * n, 5 * n + 4, CLASSES[box[4]]] for n, box in enumerate(boxes)]
        return json.dumps({"text": "word " * len(boxes), "label": spans})

    return _written(folder / "gold.jsonl", "\n".join(map(line, made)))


#: What is written for each importer; a folder where a data row has a file.
WRITERS: Final[dict[str, Callable[[Path, Made], Path]]] = {
    "COCO boxes": lambda folder, made: _coco(folder, made, lambda box: {"bbox": box[:4]}),
    "COCO polygons": lambda folder, made: _coco(folder, made, _outline),
    "YOLO": _yolo,
    "Pascal VOC": _voc,
    "CVAT": _cvat,
    "Label Studio": _label_studio,
    "Labelbox": _labelbox,
    "Labelbox import lines": _labelbox_import,
    "PNG masks": _masks,
    "COCO panoptic": _panoptic,
    "Open Images": _open_images,
    "CSV": _table,
    "CoNLL": _conll,
    "entities in JSON lines": _ner,
}


if __name__ == "__main__":
    main()
