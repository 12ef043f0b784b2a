"""Shapes in degrees, from event to result: areas, overlaps and distances as geodesics have them."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from clickhouse_connect.driver.client import Client
from evalstream.ontology import Ontology
from evalstream.storage.boxes import geometry_in_units
from evalstream.storage.ontologies import declare
from evalstream.storage.results import overlap
from pyproj import Geod

from tests.feeding import feed
from tests.parity.conftest import Agree

EARTH = Geod(ellps="WGS84")
LONLAT = {"coordinates": "lonlat"}
SHARE = np.linspace(0, 1, 2001)
REFERENCE = "pyproj Geod"
DATA = "{} random tiles up to {}, everywhere on earth"


def results(client: Client, dataset: str, *columns: str) -> list[tuple[Any, ...]]:
    """The results of the only policy, by data row."""
    return list(
        client.query(
            f"SELECT {', '.join(columns)} FROM results FINAL WHERE dataset = {{dataset:String}} ORDER BY data_row",
            parameters={"dataset": dataset},
        ).result_rows
    )


def random_places(rng: np.random.Generator, rows: int) -> list[tuple[float, float]]:
    """Anywhere on earth, and at the places where maps go wrong."""
    lat = np.rad2deg(np.arcsin(rng.uniform(-1, 1, rows)))
    places = list(zip(rng.uniform(-180, 180, rows).tolist(), lat.tolist(), strict=True))
    return [(180.0, 10.0), (-180.0, -50.0), (179.999, 0.0), (40.0, 89.7), (-75.0, -89.6), *places[5:]]


def outline(box: tuple[float, ...]) -> tuple[Any, Any]:
    """A box of degrees as a polygon with many points along its parallels."""
    x, y, width, height = box
    return np.concatenate((x + width * SHARE, x + width * SHARE[::-1])), np.repeat((y, y + height), len(SHARE))


def area(lon: Any, lat: Any) -> float:
    return abs(float(EARTH.polygon_area_perimeter(lon, lat)[0]))


def test_boxes(client: Client, agree: Agree) -> None:
    rng = np.random.default_rng(8)
    truth, found, wanted, areas = {}, {}, [], []
    for row, (lon, lat) in enumerate(random_places(rng, 60)):
        size = 10 ** rng.uniform(-4, -0.5)
        lat = min(max(lat, -89.9), 89.9 - 2 * size)
        one = (lon, lat, size, size * 0.8)
        other = (lon + 0.3 * size, lat + 0.25 * size, size * 0.9, size)
        # A longitude has one name on the wire, from -180 to 180.
        sent = ((other[0] + 180) % 360 - 180, *other[1:])
        truth[f"{row:03}"] = [{"type": "bbox", "feature": "field", "bbox": one}]
        found[f"{row:03}"] = [{"type": "bbox", "feature": "field", "bbox": sent, "confidence": 0.5}]
        both = area(*outline((other[0], other[1], 0.7 * size, 0.55 * size)))
        own, others = area(*outline(one)), area(*outline(other))
        areas.append(own)
        wanted.append(both / (own + others - both))
    feed(client, "boxes", truth, {"m": found}, rows=dict.fromkeys(truth, LONLAT), policies=["coco"])
    shape = f"{geometry_in_units('annotation')}[1]"
    got = results(client, "boxes", "error", "annotation_area[1]", f"{overlap('coco')}[1]", shape)
    assert {error for error, *_ in got} == {""}
    data = DATA.format(60, "35 km")
    agree("IoU of boxes in degrees", REFERENCE, data, [iou for _, _, iou, _ in got], wanted, tolerance=1e-6)
    relative = [own / true for (_, own, _, _), true in zip(got, areas, strict=True)]
    agree("area of boxes in degrees, relative", REFERENCE, data, relative, [1.0] * 60, tolerance=1e-6)
    assert [tuple(shape) for *_, shape in got] == [truth[row][0]["bbox"] for row in sorted(truth)]


def test_polygons(client: Client, agree: Agree) -> None:
    rng = np.random.default_rng(9)
    truth, found, wanted = {}, {}, []
    for row, (lon, lat) in enumerate(random_places(rng, 60)):
        azimuth, far = np.arange(0, 360, 40) + rng.uniform(0, 30, 9), rng.uniform(10e3, 25e3, 9)
        lons, lats, _ = EARTH.fwd(np.full(9, lon), np.full(9, lat), azimuth, far)
        ring = [[x, y] for x, y in zip(lons, lats, strict=True)]
        truth[f"{row:03}"] = [{"type": "polygon", "feature": "field", "polygon": [ring]}]
        found[f"{row:03}"] = [{"type": "polygon", "feature": "field", "polygon": [ring], "confidence": 0.5}]
        wanted.append(abs(EARTH.geometry_area_perimeter(shapely.Polygon(ring))[0]))
    feed(client, "polygons", truth, {"m": found}, rows=dict.fromkeys(truth, LONLAT), policies=["coco"])
    got = results(client, "polygons", "error", "annotation_area[1]", f"{overlap('coco')}[1]")
    assert {(error, iou) for error, _, iou in got} == {("", 1.0)}
    relative = [own / true for (_, own, _), true in zip(got, wanted, strict=True)]
    agree(
        "area of polygons in degrees, relative",
        REFERENCE,
        DATA.format(60, "50 km"),
        relative,
        [1.0] * 60,
        tolerance=1e-4,
    )


def test_points(client: Client, agree: Agree) -> None:
    rng = np.random.default_rng(10)
    truth, found, wanted = {}, {}, []
    for row, (lon, lat) in enumerate(random_places(rng, 60)):
        lons, lats, _ = EARTH.fwd([lon, lon], [lat, lat], rng.uniform(0, 360, 2), rng.uniform(0, 7e3, 2))
        truth[f"{row:03}"] = [{"type": "point", "feature": "mast", "point": [lons[0], lats[0]]}]
        found[f"{row:03}"] = [{"type": "point", "feature": "mast", "point": [lons[1], lats[1]], "confidence": 0.5}]
        wanted.append(EARTH.inv(lons[0], lats[0], lons[1], lats[1])[2])
    # The tolerance is in metres: the pair's IoU is 2 - distance / tolerance.
    declare(client, "points", Ontology(tolerance=20_000), version=1)
    feed(client, "points", truth, {"m": found}, rows=dict.fromkeys(truth, LONLAT), policies=["coco"])
    got = results(client, "points", "error", "measure_value[1][1]", "measure_name[1]")
    assert {(error, name) for error, _, name in got} == {("", "distance")}
    relative = [own / true for (_, own, _), true in zip(got, wanted, strict=True)]
    agree(
        "distance of points in degrees, relative",
        REFERENCE,
        DATA.format(60, "14 km"),
        relative,
        [1.0] * 60,
        tolerance=1e-6,
    )
