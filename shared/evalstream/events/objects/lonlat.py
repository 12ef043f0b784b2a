"""Degrees of longitude and latitude: what is refused on arrival for lying nowhere on the earth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from evalstream.events.base import Object, Part
from evalstream.events.objects.keypoints import KeypointsAnnotation
from evalstream.events.objects.located import Located
from evalstream.events.objects.mask import MaskAnnotation, MaskPrediction
from evalstream.types import POLE_SLACK


def on_earth(field: str, objects: Sequence[Object]) -> None:
    """Check the places of all shapes of a data row that is in degrees.

    A row may also be declared to be in degrees by another event; what is not on the earth then fails the row when it is
    matched, with the same words.

    ``field`` is what the objects are called in the event: an error begins with it.

    Raises
    ------
    ValueError
        Naming the object, if a longitude is beyond 180 degrees, a latitude or an edge of a box beyond a pole, or a box
        wider than the earth.
    """
    for position, item in enumerate(objects):
        if isinstance(item, Located) and not isinstance(item, MaskAnnotation | MaskPrediction):
            for wrong in _wrong(item):
                name = "" if item.id is None else f" (id {item.id!r})"
                raise ValueError(f"{field}.{position}{name}: {wrong}")


def _wrong(item: Located) -> Iterator[str]:
    part = item.part()
    for degrees, most, kind in zip(_points(item, part).T, (180, 90), ("longitude", "latitude"), strict=True):
        for value in degrees[np.abs(degrees) > most]:
            yield f"a {kind} of {value:.10g}: they go from -{most} to {most}"
    if part.type == "bbox":
        _, bottom, width, height = part.geometry
        if bottom + height > 90 + POLE_SLACK:
            yield f"an edge at latitude {bottom + height:.10g}, beyond the pole"
        if width > 360:
            yield f"a width of {width:.10g} degrees: the earth has 360"
    if part.type == "rotated_box" and max(part.geometry[2:4]) > 360:
        yield f"a side of {max(part.geometry[2:4]):.10g} degrees: the earth has 360"


def _points(item: Located, part: Part) -> NDArray[np.float64]:
    """Give longitude and latitude of each point; of a box its corner, or its centre if it is turned."""
    values = np.asarray(part.geometry, np.float64)
    match part.type:
        case "bbox" | "rotated_box":
            return values[np.newaxis, :2]
        case "polygon" | "polyline" | "point":
            return values.reshape(-1, 2)
        case "keypoints" if isinstance(item, KeypointsAnnotation):
            corner, points = values[np.newaxis, :2], values[4:].reshape(-1, 3)
            return np.concatenate((corner[: int(np.any(values[:4] != 0))], points[points[:, 2] > 0, :2]))
        case "keypoints":
            return values.reshape(-1, 3)[:, :2]
    return np.empty((0, 2))
