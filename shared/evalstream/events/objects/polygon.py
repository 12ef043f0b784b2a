"""Polygons, with holes and in several pieces."""

from __future__ import annotations

import json
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from evalstream.class_labels import class_label
from evalstream.events.base import POINTS_LIMIT, UNKNOWN_AREA, Part, Point
from evalstream.events.objects.located import ArealAnnotation, Located, PredictedObject

Ring = Annotated[list[Point], Field(min_length=3, max_length=POINTS_LIMIT)]
Rings = Annotated[list[Ring], Field(min_length=1, max_length=10_000)]


class _Polygon(Located):
    type: Literal["polygon"]
    polygon: Rings | None = Field(
        default=None,
        description="[[[x, y], …], …]: the outline, then the outline of each hole, as in GeoJSON; closed or not",
    )
    multipolygon: Annotated[list[Rings], Field(min_length=1, max_length=10_000)] | None = Field(
        default=None, description="the same for an object in several pieces: a list of polygons"
    )

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.polygon is None) == (self.multipolygon is None):
            raise ValueError("a polygon needs `polygon` or `multipolygon`, and not both")
        return self

    def part(self) -> Part:
        """Geometry: x, y of all points; detail: JSON, the number of points of each ring of each polygon."""
        pieces = self.multipolygon if self.multipolygon is not None else [self.polygon or []]
        flat = [value for rings in pieces for ring in rings for point in ring for value in point]
        counts = json.dumps([[len(ring) for ring in rings] for rings in pieces], separators=(",", ":"))
        return Part("polygon", self.feature, class_label(self.feature), area=UNKNOWN_AREA, geometry=flat, detail=counts)


class PolygonAnnotation(_Polygon, ArealAnnotation):
    """A ground-truth polygon."""


class PolygonPrediction(_Polygon, PredictedObject):
    """A predicted polygon."""
