"""Pitfalls of shapes that cover an area."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from clickhouse_connect.driver.client import Client
from evalstream.events import AnnotationEvent, Reader, Record, decode, event_lines
from evalstream.importers.coco import read_truth
from evalstream.importers.columns import annotation_events
from evalstream.queries.average_precision import average_precisions
from evalstream.queries.rows import Page, Row, rows
from evalstream.queries.summary import summary
from evalstream.selection import Selection
from evalstream.stored.notes import notes
from pycocotools import mask as coco_mask

from tests.feeding import feed
from tests.oracles.coco import evaluated_by_pycocotools
from tests.oracles.shapes import runs

SQUARE = [[0, 0], [40, 0], [40, 40], [0, 40]]
HOLE = [[10, 10], [30, 10], [30, 30], [10, 30]]
BOWTIE = [[0, 0], [40, 40], [40, 0], [0, 40]]
PENTAGRAM = [
    [50 + 40 * math.sin(4 * math.pi * k / 5), 50 - 40 * math.cos(4 * math.pi * k / 5)] for k in range(5)
]  # fmt: skip


def polygon(*rings: list[Any]) -> dict[str, Any]:
    return {"type": "polygon", "feature": "f", "polygon": list(rings)}


def mask(pixels: Any, **fields: Any) -> dict[str, Any]:
    return {"type": "mask", "feature": "f", "mask": {"size": list(np.shape(pixels)), "counts": runs(pixels)}} | fields


def of(dataset: str, **chosen: Any) -> Selection:
    return Selection(dataset=dataset, run="m", **({"policy": "coco"} | chosen))


def the_row(client: Client, dataset: str, **chosen: Any) -> Row:
    (row,) = rows(client, of(dataset, **chosen), Page()).rows
    return row


def areas(client: Client, dataset: str) -> list[float]:
    query = "SELECT DISTINCT annotation_area FROM results FINAL WHERE dataset = {dataset:String}"
    ((found,),) = client.query(query, parameters={"dataset": dataset}).result_rows
    return list(found)


@pytest.mark.parametrize(
    "shape",
    [
        {"type": "bbox", "bbox": [5, 5, 0, 10]},
        {"type": "rotated_box", "rotated_box": [5, 5, 0, 10, 30]},
        {"type": "polygon", "polygon": [[[0, 0], [10, 10], [20, 20]]]},
        {"type": "mask", "mask": {"size": [9, 9], "counts": [81]}},
    ],
)
def test_1_what_has_no_area_matches_nothing_not_even_itself(client: Client, shape: Any) -> None:
    name = f"flat-{shape['type']}"
    good = {"type": "bbox", "bbox": [50, 50, 10, 10]}
    true = [shape | {"feature": "f"}, good | {"feature": "f"}]
    found = [item | {"confidence": 0.5} for item in true]
    feed(client, name, {"1": true}, {"m": {"1": found}})
    categories = [{"id": 1, "name": "f"}]
    boxes = [{"image_id": 1, "category_id": 1, "bbox": box} for box in ([5, 5, 0, 10], [50, 50, 10, 10])]
    truth = {"images": [{"id": 1}], "categories": categories, "annotations": [
        box | {"id": i, "area": 1, "iscrowd": 0} for i, box in enumerate(boxes, 1)]}  # fmt: skip
    theirs = evaluated_by_pycocotools(truth, [box | {"score": 0.5} for box in boxes], "bbox")
    assert theirs.overall["ap"] == pytest.approx(0.2525, abs=1e-4)
    assert average_precisions(client, of(name)).ap == pytest.approx(theirs.overall["ap"], abs=1e-12)
    for policy in ("coco", "iou-greedy", "best-candidate"):
        counts = summary(client, of(name, policy=policy))
        assert (counts.tp, counts.fp, counts.fn) == (1, 1, 1)
    flat, _ = the_row(client, name).annotations
    assert (flat.outcome, flat.matched) == ("fn", None)


def test_9_a_crowd_mask_takes_any_number_of_detections(client: Client) -> None:
    crowd, inside, outside = np.zeros((30, 30)), np.zeros((30, 30)), np.zeros((30, 30))
    crowd[:20] = inside[2:5, 2:5] = outside[25:] = 1
    true = [mask(crowd, crowd=True), mask(outside)]
    found = [mask(inside, confidence=0.9), mask(inside, confidence=0.8), mask(outside, confidence=0.7)]
    feed(client, "crowd-mask", {"1": true}, {"m": {"1": found}})
    assert average_precisions(client, of("crowd-mask")).ap == pytest.approx(1, abs=1e-12)
    assert [item.outcome for item in the_row(client, "crowd-mask").predictions] == ["ignored", "ignored", "tp"]
    (note,) = notes(client, of("crowd-mask")).notes
    assert "regions of many objects" in note


def test_13_a_second_ring_is_a_hole_of_a_polygon_and_an_island_of_a_coco_segmentation(
    client: Client, tmp_path: Path
) -> None:
    flat = [[value for point in ring for value in point] for ring in (SQUARE, HOLE)]
    theirs = coco_mask.merge(coco_mask.frPyObjects(flat, 50, 50))
    assert coco_mask.area(theirs) == 1600
    feed(client, "rings", {"1": [polygon(SQUARE, HOLE), imported(tmp_path, flat)]}, {"m": {"1": []}})
    assert areas(client, "rings") == [1200, 1600]


def test_13_a_mask_keeps_its_hole(client: Client) -> None:
    pixels = np.zeros((50, 50))
    pixels[:40, :40] = 1
    pixels[10:30, 10:30] = 0
    feed(client, "mask-hole", {"1": [mask(pixels)]}, {"m": {"1": []}})
    assert areas(client, "mask-hole") == [1200]


def test_14_a_polygon_that_crosses_itself_is_repaired_and_named(client: Client) -> None:
    bowtie, pentagram = shapely.Polygon(BOWTIE), shapely.Polygon(PENTAGRAM)
    assert (bowtie.area, bowtie.buffer(0).area) == (0, 400)
    assert pentagram.area == pytest.approx(2351, abs=1)
    half = polygon([[0, 0], [20, 20], [0, 40]])
    feed(client, "bowtie", {"1": [polygon(BOWTIE), polygon(PENTAGRAM)]}, {"m": {"1": [half | {"confidence": 0.5}]}})
    assert areas(client, "bowtie") == [800, pytest.approx(1241, abs=1)]
    row = the_row(client, "bowtie")
    assert [item.repaired for item in (*row.annotations, *row.predictions)] == [True, True, False]
    assert row.predictions[0].iou == pytest.approx(0.5, abs=1e-12)
    assert "2 polygons crossed themselves and are counted as repaired." in notes(client, of("bowtie")).notes


def test_14_real_outlines_that_touch_themselves_are_repaired(client: Client, real_data: Path) -> None:
    document = json.loads((real_data / "coco2014_100" / "instances_val2014_100.json").read_bytes())
    found: dict[str, list[dict[str, Any]]] = {}
    for annotation in document["annotations"]:
        if isinstance(annotation["segmentation"], list):
            rings = [polygon(np.reshape(ring, (-1, 2)).tolist()) for ring in annotation["segmentation"]]
            found.setdefault(str(annotation["image_id"]), []).extend(rings)
    said = {image: [item | {"confidence": 0.5} for item in own] for image, own in found.items()}
    feed(client, "outlines", found, {"m": said}, policies=["iou-greedy"])
    answer = rows(client, of("outlines", policy="iou-greedy"), Page(limit=500)).rows
    assert {row.data_row for row in answer} == set(found)
    broken = 0
    for row in answer:
        own = [not shapely.Polygon(item["polygon"][0]).is_valid for item in found[row.data_row]]
        assert [item.repaired for item in row.annotations] == own
        broken += sum(own)
        assert {item.iou for item in row.predictions} == {1.0}
    assert broken == 2


def test_15_masks_of_different_sizes_fail_their_row_alone(client: Client) -> None:
    small, large = mask(np.ones((4, 5)), id="gt"), mask(np.ones((5, 4)), id="dt")
    rle = [coco_mask.frPyObjects(item["mask"], *item["mask"]["size"]) for item in (large, small)]
    assert coco_mask.iou([rle[0]], [rle[1]], [0]).tolist() == [[-1.0]]
    feed(client, "sizes", {"1": [small], "2": [small]}, {"m": {"1": [large], "2": [small]}})
    ((reason,),) = client.query(
        "SELECT DISTINCT error FROM results FINAL WHERE dataset = 'sizes' AND error != ''"
    ).result_rows
    assert "annotation 'gt' is 4 x 5, prediction 'dt' is 5 x 4" in reason
    assert summary(client, of("sizes")).tp == 1
    assert notes(client, of("sizes")).notes == ["1 data row could not be matched and is left out."]


def test_16_coco_outlines_are_cut_off_at_the_image_and_other_shapes_are_not(client: Client, tmp_path: Path) -> None:
    ring = [[-50, -50], [50, -50], [50, 50], [-50, 50]]
    true = [imported(tmp_path, [[value for point in ring for value in point]]), polygon(ring)]
    true += [{"type": "bbox", "feature": "f", "bbox": [-50, -50, 100, 100]}]
    feed(client, "outside", {"1": true}, {"m": {"1": []}}, rows={"1": {"width": 50, "height": 50}})
    assert areas(client, "outside") == [2500, 10_000, 10_000]


def imported(folder: Path, segmentation: Any) -> dict[str, Any]:
    """The mask that a COCO segmentation on an image of 50 x 50 becomes."""
    annotation = {"id": 1, "image_id": 1, "category_id": 1, "segmentation": segmentation}
    images, categories = [{"id": 1, "height": 50, "width": 50}], [{"id": 1, "name": "f"}]
    path = folder / "truth.json"
    path.write_text(json.dumps({"images": images, "categories": categories, "annotations": [annotation]}))
    (line,) = event_lines(annotation_events(read_truth(path, "segm"), "d", 1, "segm"))
    assert not decode([Record(line, 0, 1)], Reader(AnnotationEvent)).rejected
    (item,) = json.loads(line)["annotations"]
    return dict(item)
