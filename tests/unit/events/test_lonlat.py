"""Degrees: what lies nowhere on the earth is refused with the event that says it is in degrees."""

from __future__ import annotations

import json
from typing import Any

import pytest
from evalstream.events import AnnotationEvent, PredictionEvent, Reader, Record, decode

READERS = {"annotations": Reader(AnnotationEvent), "predictions": Reader(PredictionEvent, {"run": "m"})}


def refused(side: str, shape: dict[str, Any], coordinates: str | None = "lonlat") -> str:
    """The reason, or nothing."""
    event: dict[str, Any] = {"dataset": "d", "data_row": "r", "operation": "replace"}
    event[side] = [{"feature": "mast", "id": "mast 7"} | shape]
    event |= {"row": {"coordinates": coordinates}} if coordinates else {}
    rejected = decode([Record(json.dumps(event).encode(), 0, 1)], READERS[side]).rejected
    return rejected[0].reason if rejected else ""


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"type": "point", "point": [181, 0]}, "a longitude of 181: they go from -180 to 180"),
    ({"type": "point", "point": [10, -90.5]}, "a latitude of -90.5: they go from -90 to 90"),
    ({"type": "polyline", "polyline": [[0, 0], [-200, 0]]}, "a longitude of -200: they go from -180 to 180"),
    ({"type": "polygon", "polygon": [[[0, 0], [1, 95], [1, 0]]]}, "a latitude of 95: they go from -90 to 90"),
    (
        {"type": "polygon", "multipolygon": [[[[0, 0], [1, 1], [1, 0]]], [[[0, 0], [1, 95], [1, 0]]]]},
        "a latitude of 95: they go from -90 to 90",
    ),
    ({"type": "bbox", "bbox": [180.5, 0, 1, 1]}, "a longitude of 180.5: they go from -180 to 180"),
    ({"type": "bbox", "bbox": [0, 89, 1, 2]}, "an edge at latitude 91, beyond the pole"),
    ({"type": "bbox", "bbox": [0, 0, 361, 2]}, "a width of 361 degrees: the earth has 360"),
    ({"type": "rotated_box", "rotated_box": [0, 91, 1, 1, 5]}, "a latitude of 91: they go from -90 to 90"),
    ({"type": "rotated_box", "rotated_box": [0, 0, 400, 1, 5]}, "a side of 400 degrees: the earth has 360"),
    ({"type": "keypoints", "keypoints": [[0, 0, 2], [181, 0, 1]]}, "a longitude of 181: they go from -180 to 180"),
]
RIGHT: list[dict[str, Any]] = [
    {"type": "point", "point": [-180, 90]},
    {"type": "bbox", "bbox": [179, -90, 2, 180]},
    {"type": "span", "span": [0, 500]},
    {"type": "radio", "answer": "yes"},
    {"type": "mask", "mask": {"size": [1, 500], "counts": [0, 500]}},
    {"type": "keypoints", "keypoints": [[1, 1, 2], [2, 2, 1]]},
]


@pytest.mark.parametrize("side", READERS)
@pytest.mark.parametrize(("shape", "reason"), WRONG)
def test_what_is_not_on_the_earth_is_refused(side: str, shape: dict[str, Any], reason: str) -> None:
    assert refused(side, shape) == f"{side}.0 (id 'mast 7'): {reason}"


@pytest.mark.parametrize("side", READERS)
@pytest.mark.parametrize("shape", RIGHT)
def test_what_is_on_the_earth_or_has_no_degrees_is_taken(side: str, shape: dict[str, Any]) -> None:
    assert refused(side, shape) == ""


@pytest.mark.parametrize("coordinates", [None, "pixels"])
def test_pixels_are_not_degrees(coordinates: str | None) -> None:
    assert refused("annotations", {"type": "point", "point": [500, 500]}, coordinates) == ""


def test_a_keypoint_that_is_not_labelled_is_nowhere() -> None:
    nowhere = {"type": "keypoints", "keypoints": [[1, 1, 2], [500, 500, 0]]}
    assert refused("annotations", nowhere) == ""
