"""Shapes as labelling tools write them to those of events."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from evalstream.importers.rows import Row
from evalstream.scenes import Flag
from evalstream.words import count_of


def box(left: float, top: float, width: float, height: float, angle: float = 0.0) -> dict[str, Any]:
    """Give a box in pixels, turned about its centre by so many degrees, clockwise on an image."""
    if not angle:
        return {"type": "bbox", "bbox": [left, top, width, height]}
    return {"type": "rotated_box", "rotated_box": [left + width / 2, top + height / 2, width, height, angle % 360]}


def turned_about_corner(left: float, top: float, width: float, height: float, angle: float) -> dict[str, Any]:
    """Give a box in pixels that is turned about its first corner.

    >>> turned_about_corner(10, 10, 4, 2, 90)["rotated_box"]
    [9.0, 12.0, 4, 2, 90]
    """
    if not angle:
        return box(left, top, width, height)
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    x = left + cos * width / 2 - sin * height / 2
    y = top + sin * width / 2 + cos * height / 2
    return {"type": "rotated_box", "rotated_box": [x, y, width, height, angle % 360]}


def of_one_type(rows: Sequence[Row]) -> tuple[list[Row], list[str]]:
    """Turn upright boxes into rotated ones by 0 degrees where any is rotated, and say so: both are never compared."""
    types = {item["type"] for row in rows for item in row.objects}
    if not {"bbox", "rotated_box"} <= types:
        return list(rows), []
    upright = sum(item["type"] == "bbox" for row in rows for item in row.objects)
    said = f"{count_of(upright, 'upright box')}: read as rotated by 0 degrees, for others of the file are rotated."
    return [row._replace(objects=[_rotated(item) for item in row.objects]) for row in rows], [
        said.replace("boxs", "boxes")
    ]


def _rotated(item: dict[str, Any]) -> dict[str, Any]:
    if item["type"] != "bbox":
        return item
    left, top, width, height = item["bbox"]
    rest = {key: value for key, value in item.items() if key not in ("type", "bbox")}
    return rest | {
        "type": "rotated_box",
        "rotated_box": [left + width / 2, top + height / 2, width, height, 0],
    }


def mask(pixels: Flag, width: int, height: int, left: int = 0, top: int = 0) -> dict[str, Any]:
    """Give a mask on an image from a part of its pixels, which begins at ``left`` and ``top``.

    Raises
    ------
    ValueError
        If the part reaches beyond the image.
    """
    from evalstream.events.objects.mask import encoded  # of masks only, and takes a while

    rows, columns = pixels.shape
    if left < 0 or top < 0 or top + rows > height or left + columns > width:
        raise ValueError(f"mask: reaches beyond the image, which is {width} wide and {height} high")
    return {"type": "mask", "mask": encoded(pixels, (height, width), left, top).model_dump()}
