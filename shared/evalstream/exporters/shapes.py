"""The shape of an object in a data row, from the numbers and the text that it is kept as."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import orjson

from evalstream.queries.rows import RowObject

Point = list[float]


def points(numbers: list[float]) -> list[Point]:
    """Give x, y, x, y, … as points.

    >>> points([1.0, 2.0, 3.0, 4.0])
    [[1.0, 2.0], [3.0, 4.0]]
    """
    return [numbers[i : i + 2] for i in range(0, len(numbers), 2)]


def pieces(polygon: RowObject) -> list[list[list[Point]]]:
    """Give a polygon's pieces, each with its outline and then its holes."""
    left = iter(points(polygon.geometry))
    return [[[next(left) for _ in range(count)] for count in rings] for rings in orjson.loads(polygon.detail)]


def mask(one: RowObject) -> dict[str, Any]:
    """Give a mask's run lengths: ``size`` (height, width) and ``counts``, COCO's compressed text."""
    rle: dict[str, Any] = orjson.loads(one.detail)
    return rle


def keypoints(one: RowObject) -> list[list[float]]:
    """Give x, y, v of each keypoint of an annotation, or x, y, score of a prediction's."""
    own = one.geometry[4:] if len(one.geometry) % 3 == 1 else one.geometry  # an annotation's begin with its box
    return [own[i : i + 3] for i in range(0, len(own), 3)]


def corners(rotated_box: RowObject) -> list[Point]:
    """Give the corners of a rotated box, from the first one on: x, y of its centre, width, height, degrees."""
    x, y, width, height, angle = rotated_box.geometry
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    halves = ((-width, -height), (width, -height), (width, height), (-width, height))
    return [[x + (cos * w - sin * h) / 2, y + (sin * w + cos * h) / 2] for w, h in halves]


def box_around(at: list[Point]) -> list[float]:
    """Give x, y, width, height of the upright box around points."""
    low, high = np.min(at, axis=0), np.max(at, axis=0)
    return [float(value) for value in (*low, *(high - low))]


def area(outline: list[Point]) -> float:
    """Compute the area within an outline that does not cross itself.

    >>> area([[0.0, 0.0], [4.0, 0.0], [4.0, 2.0]])
    4.0
    """
    x, y = np.transpose(outline)
    return float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2)
