"""Pitfalls of coordinates: far from the origin, and across the antimeridian."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import shapely
from clickhouse_connect.driver.client import Client
from evalstream.events import AnnotationEvent, Reader, Record
from evalstream.pipeline.ingest import ingest
from evalstream.queries.rows import Page, rows
from evalstream.selection import Selection

from tests.feeding import feed, send

#: Metres. A corner of a polygon is sent as a number in the millions, whose digits end about here: 0.3 m or so.
SIDE = {"bbox": 0.3, "rotated_box": 0.3, "polygon": 1229 / 4096}
FAR = (5_000_000.0, 5_123_456.0)


def box_of(kind: str, x: float, y: float, width: float, height: float) -> dict[str, Any]:
    if kind == "bbox":
        return {"type": kind, "feature": "f", "bbox": [x, y, width, height]}
    if kind == "rotated_box":
        return {"type": kind, "feature": "f", "rotated_box": [x, y, width, height, 30]}
    ring = [[x, y], [x + width, y], [x + width, y + height], [x, y + height]]
    return {"type": "polygon", "feature": "f", "polygon": [ring]}


@pytest.mark.parametrize("kind", ["bbox", "polygon", "rotated_box"])
def test_17_a_small_box_in_the_millions_keeps_its_iou(client: Client, kind: str) -> None:
    truth, found = {}, {}
    for row, (x, y) in {"near": (0.0, 0.0), "far": FAR, "farther": (-FAR[1], -FAR[0])}.items():
        side = SIDE[kind]
        truth[row] = [box_of(kind, x, y, side, side)]
        found[row] = [box_of(kind, x + 0.0625, y + 0.125, side, side) | {"confidence": 0.5}]
    feed(client, kind, truth, {"m": found}, policies=["coco"])
    overlap = {
        row.data_row: row.predictions[0].iou
        for row in rows(client, Selection(dataset=kind, run="m", policy="coco", iou=0.0), Page()).rows
    }
    assert overlap["near"]
    assert overlap["far"] == pytest.approx(overlap["near"], rel=1e-9)
    assert overlap["farther"] == pytest.approx(overlap["near"], rel=1e-9)
    # With single floats the box would have a side of 0.5, or none.
    assert np.spacing(np.float32(FAR[0])) == 0.5


def test_18_a_polygon_across_the_antimeridian_is_not_as_wide_as_the_earth(client: Client) -> None:
    ring = [[179.0, 0.0], [-179.0, 0.0], [-179.0, 1.0], [179.0, 1.0]]
    half = [[180.0, 0.0], [-179.0, 0.0], [-179.0, 1.0], [-180.0, 1.0]]
    assert shapely.Polygon(ring).area == 358  # square degrees, taken as they stand
    feed(
        client,
        "antimeridian",
        {"r": [{"type": "polygon", "feature": "sea", "polygon": [ring]}]},
        {"m": {"r": [{"type": "polygon", "feature": "sea", "polygon": [half], "confidence": 0.5}]}},
        rows={"r": {"coordinates": "lonlat"}},
        policies=["coco"],
    )
    (row,) = rows(client, Selection(dataset="antimeridian", run="m", policy="coco", iou=0.4), Page()).rows
    assert row.predictions[0].iou == pytest.approx(0.5, abs=1e-4)
    ((area, geometry),) = client.query(
        "SELECT annotation_area[1], annotation_geometry[1] FROM results FINAL WHERE dataset = 'antimeridian'"
    ).result_rows
    assert area == pytest.approx(2 * 111.32e3 * 110.57e3, rel=1e-3)
    assert geometry == [value for point in ring for value in point]  # as it was sent


def test_18_a_place_that_is_not_on_earth_fails_its_row_and_says_why(client: Client) -> None:
    def point(lon: float) -> list[dict[str, Any]]:
        return [{"type": "point", "feature": "mast", "point": [lon, 10.0], "id": "mast 7"}]

    degrees = {"coordinates": "lonlat"}
    with pytest.raises(AssertionError, match=r"annotations.0 \(id 'mast 7'\): a longitude of 181"):
        send(client, "beyond", {"bad": point(181.0)}, {}, rows={"bad": degrees})
    # An event that does not say that it is in degrees is taken, and what it says fails its row.
    before = {"dataset": "beyond", "data_row": "bad", "operation": "replace", "row": degrees, "version": 0}
    ingest(client, [Record(json.dumps(before).encode(), 0, 0)], Reader(AnnotationEvent), "test")
    feed(
        client,
        "beyond",
        {"good": point(180.0), "bad": point(181.0)},
        {"m": {"good": point(-180.0), "bad": point(-179.0)}},
        rows={"good": degrees},
        policies=["coco"],
    )
    told = dict(client.query("SELECT data_row, error FROM results FINAL WHERE dataset = 'beyond'").result_rows)
    assert told == {"good": "", "bad": "annotation 'mast 7' has a longitude of 181: they go from -180 to 180"}
    (row,) = rows(client, Selection(dataset="beyond", run="m", policy="coco"), Page()).rows
    assert row.data_row == "good"
