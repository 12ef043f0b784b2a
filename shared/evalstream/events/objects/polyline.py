"""Polylines: lanes, borders, wires."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from evalstream.class_labels import class_label
from evalstream.events.base import POINTS_LIMIT, Part, Point
from evalstream.events.objects.located import AnnotatedObject, Located, PredictedObject


class _Polyline(Located):
    type: Literal["polyline"]
    polyline: Annotated[list[Point], Field(min_length=2, max_length=POINTS_LIMIT)] = Field(
        description="[[x, y], …] in order"
    )

    def part(self) -> Part:
        """Geometry: x, y of all points."""
        return Part(
            "polyline",
            self.feature,
            class_label(self.feature),
            geometry=[value for xy in self.polyline for value in xy],
        )


class PolylineAnnotation(_Polyline, AnnotatedObject):
    """A ground-truth polyline."""


class PolylinePrediction(_Polyline, PredictedObject):
    """A predicted polyline."""
