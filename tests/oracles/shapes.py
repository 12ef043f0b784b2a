"""How much two objects overlap, one pair at a time and the slow way: shapely's objects, and arrays of pixels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pycocotools import mask as coco_mask
from shapely import affinity

Object = Mapping[str, Any]
Pixels = NDArray[np.bool_]


def iou(prediction: Object, annotation: Object, *, one: float = 0.0) -> float:
    """Intersection over union; over the prediction's area where the annotation is a crowd, or a group."""
    if "mask" in (prediction["type"], annotation["type"]):
        (size,) = {tuple(item["mask"]["size"]) for item in (prediction, annotation) if item["type"] == "mask"}
        a, b = pixels(prediction, size, one), pixels(annotation, size, one)
        intersection, own, union = (int(np.count_nonzero(some)) for some in (a & b, a, a | b))
    else:
        p, q = outline(prediction, one), outline(annotation, one)
        intersection, own = p.intersection(q).area, p.area
        union = own + q.area - intersection
    crowd = annotation.get("crowd") or annotation.get("group_of")
    whole = own if crowd else union
    return intersection / whole if intersection else 0.0


def outline(item: Object, one: float = 0.0) -> shapely.Geometry:
    """The shape as a valid polygon, or several."""
    match item["type"]:
        case "bbox":
            x, y, width, height = item["bbox"]
            return shapely.Polygon(
                [(x, y), (x + width + one, y), (x + width + one, y + height + one), (x, y + height + one)]
            )
        case "rotated_box":
            x, y, width, height, angle = item["rotated_box"]
            straight = shapely.box(x - width / 2, y - height / 2, x + width / 2, y + height / 2)
            return affinity.rotate(straight, angle, origin=(x, y))
        case "polygon":
            pieces = item["multipolygon"] if "multipolygon" in item else [item["polygon"]]
            return shapely.unary_union([piece_outline(rings) for rings in pieces])
    raise ValueError(item["type"])


def piece_outline(rings: list[Any]) -> shapely.Geometry:
    """One piece, repaired if need be; ring by ring where shapely cannot do it at once."""
    made = shapely.Polygon(rings[0], rings[1:])
    if made.is_valid:
        return made
    try:
        return areal(shapely.make_valid(made))
    except shapely.GEOSException:
        found = shapely.Polygon()
        for ring in rings:
            found = found.symmetric_difference(areal(shapely.make_valid(shapely.Polygon(ring))))
        return found


def areal(shape: shapely.Geometry) -> shapely.Geometry:
    """What of a repaired shape covers an area."""
    if hasattr(shape, "geoms"):
        return shapely.unary_union([areal(part) for part in shape.geoms])
    return shape if shape.geom_type == "Polygon" else shapely.Polygon()


def pixels(item: Object, size: tuple[int, int], one: float = 0.0) -> Pixels:
    """The shape's pixels: those of a mask, or those that COCO's tools choose of an outline."""
    if item["type"] == "mask":
        return run_pixels(item["mask"]["counts"], size)
    shape = outline(item, one)
    found = np.zeros(size, bool)
    for piece in getattr(shape, "geoms", [shape]):
        own = ring_pixels(piece.exterior, size)
        for hole in piece.interiors:
            own &= ~ring_pixels(hole, size)
        found |= own
    return found


def run_pixels(counts: list[int], size: tuple[int, int]) -> Pixels:
    """Write out plain run lengths."""
    flat = [i % 2 == 1 for i, run in enumerate(counts) for _ in range(run)]
    return np.array(flat, bool).reshape(size, order="F")


def ring_pixels(ring: shapely.LinearRing, size: tuple[int, int]) -> Pixels:
    if not ring.length:
        return np.zeros(size, bool)
    flat = [value for point in list(ring.coords)[:-1] for value in point]
    (rle,) = coco_mask.frPyObjects([flat], *size)
    return coco_mask.decode(rle).astype(bool)


def runs(pixels: NDArray[Any]) -> list[int]:
    """Plain run lengths of an array of pixels."""
    flat = np.concatenate(([0], np.asarray(pixels, np.int8).ravel(order="F")))
    edges = np.flatnonzero(np.diff(flat))
    return [int(run) for run in np.diff([0, *edges, len(flat) - 1])]
