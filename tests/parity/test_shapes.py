"""Shapes that cover an area, through the whole system: against pycocotools, and pycocotools over shapely's IoU."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import evalstream
import numpy as np
import pytest
from clickhouse_connect.driver.client import Client
from evalstream.ontology import Ontology
from evalstream.queries.average_precision import average_precisions
from evalstream.selection import Selection
from evalstream.storage.ontologies import declare
from pycocotools import mask as coco_mask

from tests.evaluating import DATASET, RUN, evaluated, upload_documents
from tests.feeding import feed_all
from tests.oracles.coco import FIGURES, Document, Reference, evaluated_by_pycocotools, of_classes
from tests.oracles.shapes import iou, outline, pixels, runs
from tests.parity.conftest import Agree
from tests.parity.test_coco import same_but_for_the_last_bit

PYCOCOTOOLS = "pycocotools 2.0 COCOeval"
SHAPELY = "pycocotools 2.0 COCOeval over shapely's IoU"
FILES = 30
SETS = 6
CATEGORIES = ("cat", "größe", "猫")


def test_masks_of_real_data(real_data: Path, agree: Agree) -> None:
    folder = real_data / "coco2014_100"
    truth, results = folder / "instances_val2014_100.json", folder / "instances_val2014_fakesegm100_results.json"
    published = json.loads((folder / "expected.json").read_bytes())["segm"]["pycocotools"]
    names = {str(one["id"]): one["name"] for one in json.loads(truth.read_bytes())["categories"]}
    own = {"AP": "ap", "AP50": "ap50", "AR": "ar_100"}
    classes = {
        f"{names[key]} {own[name]}": None if value == -1 else value
        for key, figures in published["per_class"].items()
        for name, value in figures.items()
    }
    overall = {
        name: None if value == -1 else value for name, value in zip(FIGURES, published["stats"].values(), strict=True)
    }
    with evaluated(truth, results, "coco", "segm") as (client, _):
        found = average_precisions(client, Selection(dataset=DATASET, run=RUN, policy="coco"))
    exact = evalstream.evaluate(truth, results, type="segm").average_precision()
    assert same_but_for_the_last_bit(exact, found)
    assert exact.model_dump(include=set(FIGURES)) == overall  # to the last bit
    agree("AP (COCO, masks)", PYCOCOTOOLS, "coco2014_100", found.model_dump(include=set(FIGURES)), overall)
    agree("AP per class (COCO, masks)", PYCOCOTOOLS, "coco2014_100", of_classes(found.per_class, classes), classes)


def test_masks_of_random_files(client: Client, tmp_path: Path, agree: Agree) -> None:
    files = {f"masks-{seed}": random_masks(random.Random(seed)) for seed in range(FILES)}
    upload_documents(client, tmp_path, files, "segm")
    data = f"{FILES} random files"
    for name, (truth, results) in files.items():
        compare(client, agree, name, "masks", PYCOCOTOOLS, data, evaluated_by_pycocotools(truth, results, "segm"))


ALL = "bbox", "rotated_box", "polygon", "mask"
SHAPES = {
    "polygons": (("polygon",), Ontology()),
    "rotated boxes": (("rotated_box",), Ontology()),
    "boxes of pixels, + 1": (("bbox",), Ontology(boxes="pixels")),
    "boxes, rotated boxes, polygons and masks, across types": (ALL, Ontology(across_types=True)),
    "boxes, rotated boxes, polygons and masks, each to its own": (ALL, Ontology()),
}


@pytest.mark.parametrize("what", SHAPES)
def test_shapes_of_random_sets(client: Client, agree: Agree, what: str) -> None:
    types, ontology = SHAPES[what]
    sets = {f"{what.replace(' ', '-')}-{seed}": random_objects(random.Random(seed), types) for seed in range(SETS)}
    for name in sets:
        declare(client, name, ontology, 1)
    feed_all(client, {name: (true, {RUN: found}) for name, (true, found) in sets.items()}, policies=["coco"])
    one = float(ontology.boxes == "pixels")

    def overlap(detection: Document, annotation: Document) -> float:
        mine, other = detection["object"], annotation["object"]
        facing = ontology.across_types or mine["type"] == other["type"]
        return iou(mine, other, one=one) if facing else 0.0

    for name, (true, found) in sets.items():
        truth, results = as_coco(true, found)
        expected = evaluated_by_pycocotools(truth, results, "bbox", overlap)
        if len(types) > 1:  # the most confident detection of a class is, to evalstream, that of each of its types
            del expected.overall["ar_1"]
        compare(client, agree, name, what, SHAPELY, f"{SETS} random sets", expected)


# --- helpers --------------------------------------------------------------------------------------------------------


def compare(
    client: Client, agree: Agree, dataset: str, what: str, reference: str, data: str, expected: Reference
) -> None:
    found = average_precisions(client, Selection(dataset=dataset, run=RUN, policy="coco"))
    overall = found.model_dump(include=set(expected.overall))
    agree(f"AP (COCO, {what})", reference, data, overall, expected.overall, 1e-12)
    classes = of_classes(found.per_class, expected.per_class)
    agree(f"AP per class (COCO, {what})", reference, data, classes, expected.per_class, 1e-12)


# --- awkward files and sets -----------------------------------------------------------------------------------------

SCORES = (0.25, 0.5, 0.5, 0.5, 0.75, 1.0)
Objects = dict[str, list[Document]]


def random_masks(rng: random.Random) -> tuple[Document, list[Document]]:
    """Make a file of masks: outlines (several, beyond the image, crossing themselves), run lengths of both kinds.

    Sides are odd, some masks empty, some of one pixel, some crowds; many overlaps and confidences are equal.
    """
    images = [
        {"id": number, "height": rng.choice([1, 7, 40, 121]), "width": rng.choice([3, 33, 64, 150])}
        for number in rng.sample(range(1, 1000), 5)
    ]
    annotations: list[Document] = []
    results: list[Document] = []
    for image in images[:-1]:
        size = image["height"], image["width"]
        own = []
        for _ in range(rng.choice([0, 1, 3, 7])):
            segmentation = random_segmentation(rng, size)
            area = {"area": float(np.count_nonzero(drawn(segmentation, size)))}
            if rng.random() < 0.3:
                area = {"area": rng.choice([0.0, 1023.0, 1024.0, 9216.0])}
            crowd = {"iscrowd": int(rng.random() < 0.2)}
            own.append(_record(rng, image["id"]) | {"segmentation": segmentation} | area | crowd)
        annotations += own
        for _ in range(rng.choice([0, 2, 9])):
            segmentation, like = random_segmentation(rng, size), {}
            if own and rng.random() < 0.8:
                target = rng.choice(own)
                like = {"category_id": target["category_id"]} if rng.random() < 0.8 else {}
                changed = drawn(target["segmentation"], size)
                changed[rng.randrange(size[0]) :, rng.randrange(size[1]) :] = rng.random() < 0.5
                segmentation = encoded(changed)
            else:  # of results, pycocotools takes compressed run lengths only
                segmentation = encoded(drawn(segmentation, size))
            score = {"score": rng.choice(SCORES)}
            results.append(_record(rng, image["id"]) | like | {"segmentation": segmentation} | score)
    # pycocotools cannot read a file without results.
    results = results or [
        {"image_id": images[0]["id"], "category_id": 1, "score": 0.5}
        | {"segmentation": encoded(np.zeros((images[0]["height"], images[0]["width"])))}
    ]
    for number, annotation in enumerate(annotations, 1):
        annotation["id"] = number
    categories = [{"id": i, "name": name} for i, name in enumerate(CATEGORIES, 1)]
    return {"images": images, "categories": categories, "annotations": annotations}, results


def _record(rng: random.Random, image: int) -> Document:
    return {"image_id": image, "category_id": rng.randint(1, len(CATEGORIES))}


def random_segmentation(rng: random.Random, size: tuple[int, int]) -> Any:
    height, width = size
    kind = rng.random()
    if kind < 0.5:
        rings = rng.choice([1, 1, 2])
        return [
            [
                round(rng.uniform(-0.2, 1.2) * side, rng.randint(0, 2))
                for _ in range(rng.randint(3, 7))
                for side in (width, height)
            ]
            for _ in range(rings)
        ]
    pixels = np.zeros(size, bool)
    if kind < 0.9:
        top, left = rng.randrange(height), rng.randrange(width)
        pixels[top : top + rng.choice([1, 5, 40]), left : left + rng.choice([1, 5, 40])] = True
    segmentation = encoded(pixels)
    return {"size": list(size), "counts": runs(pixels)} if rng.random() < 0.3 else segmentation


def encoded(pixels: Any) -> Document:
    rle = coco_mask.encode(np.asfortranarray(pixels, np.uint8))
    return {"size": list(rle["size"]), "counts": rle["counts"].decode()}


def drawn(segmentation: Any, size: tuple[int, int]) -> Any:
    rles = coco_mask.frPyObjects(segmentation, *size) if not isinstance(segmentation, dict) else None
    if rles is None:
        rles = [segmentation]
        if isinstance(segmentation["counts"], list):
            rles = [coco_mask.frPyObjects(segmentation, *size)]
    return np.any(coco_mask.decode(rles), axis=2)


SIZE = 120, 130


def random_objects(rng: random.Random, types: tuple[str, ...]) -> tuple[Objects, Objects]:
    """Make some data rows of annotations, crowds among them, and of predictions near them and elsewhere."""
    true: Objects = {}
    found: Objects = {}
    for row in range(1, 5):
        own = [random_object(rng, rng.choice(types)) for _ in range(rng.choice([0, 1, 3, 6]))]
        true[str(row)] = [item | ({"crowd": True} if rng.random() < 0.15 else {}) for item in own]
        found[str(row)] = []
        for _ in range(rng.choice([0, 2, 8])):
            item = random_object(rng, rng.choice(types))
            if own and rng.random() < 0.8:
                target = rng.choice(own)
                item = rng.choice([target, nearby(rng, target), item | {"feature": target["feature"]}])
            found[str(row)].append(item | {"confidence": rng.choice(SCORES)})
    found["1"].append(random_object(rng, types[0]) | {"confidence": 0.5})
    return true, found


def random_object(rng: random.Random, kind: str) -> Document:
    known = {"type": kind, "feature": rng.choice(CATEGORIES)}
    x, y = rng.choice([0, 5, 20.5, 40]), rng.choice([0, 5, 20.25, 40])
    width, height = rng.choice([0, 8, 32, 33.5, 70]), rng.choice([8, 32, 50.5, 70])
    match kind:
        case "bbox":
            return known | {"bbox": [x, y, width, height]}
        case "rotated_box":
            return known | {"rotated_box": [x + 20, y + 20, width, height, rng.choice([0, 30, 45, 90, -10.5])]}
        case "mask":
            made = pixels(random_object(rng, rng.choice(["bbox", "rotated_box", "polygon"])), SIZE)
            return known | {"mask": {"size": list(SIZE), "counts": runs(made)}}
    rings = [[[rng.choice([0, 10, 60.5, 90, 115]), rng.uniform(0, 110)] for _ in range(rng.randint(3, 7))]]
    if rng.random() < 0.3:
        rings = [
            [[x, y], [x + 70, y], [x + 70, y + 70], [x, y + 70]],
            [[x + 9, y + 9], [x + 50, y + 9], [x + 20, y + 60]],
        ]
    if rng.random() < 0.3:
        return known | {"multipolygon": [rings, [[[100, 100], [118, 100], [118, rng.choice([90, 118])]]]]}
    return known | {"polygon": rings}


def nearby(rng: random.Random, item: Document) -> Document:
    shift = rng.choice([0.5, 2, 7])
    if item["type"] in ("bbox", "rotated_box"):
        x, *rest = item[item["type"]]
        return item | {item["type"]: [x + shift, *rest]}
    if "polygon" in item:
        return item | {"polygon": [[[x + shift, y] for x, y in ring] for ring in item["polygon"]]}
    return item


def own_area(item: Mapping[str, Any]) -> float:
    match item["type"]:
        case "mask":
            return float(sum(item["mask"]["counts"][1::2]))
        case "bbox" | "rotated_box":  # turned, the last digit would decide on which side of COCO's borders it is
            *_, width, height = item[item["type"]][:4]
            return width * height
    return outline(item).area


def as_coco(true: Objects, found: Objects) -> tuple[Document, list[Document]]:
    """Objects as pycocotools takes them: with a box that stands for nothing, and the object itself beside it."""

    def record(row: str, item: Mapping[str, Any]) -> Document:
        area = own_area(item)
        known = {"image_id": int(row), "category_id": CATEGORIES.index(item["feature"]) + 1, "bbox": [0, 0, 1, 1]}
        return known | {"area": area, "object": item}

    annotations = [
        record(row, item) | {"id": 1000 * int(row) + i, "iscrowd": int(item.get("crowd", False))}
        for row, items in true.items()
        for i, item in enumerate(items)
    ]
    results = [record(row, item) | {"score": item["confidence"]} for row, items in found.items() for item in items]
    categories = [{"id": i, "name": name} for i, name in enumerate(CATEGORIES, 1)]
    images = [{"id": int(row)} for row in true]
    return {"images": images, "categories": categories, "annotations": annotations}, results
