"""Axis-aligned boxes."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from evalstream.class_labels import class_label
from evalstream.events.base import Coordinate, Extent, Part
from evalstream.events.objects.located import ArealAnnotation, Located, PredictedObject


class _Bbox(Located):
    type: Literal["bbox"]
    bbox: tuple[Coordinate, Coordinate, Extent, Extent] = Field(
        description="[x, y, width, height] of the box, x and y of its corner nearest the origin, as COCO writes it"
    )

    def part(self) -> Part:
        """Geometry: x, y, width, height."""
        return Part(
            "bbox", self.feature, class_label(self.feature), area=self.bbox[2] * self.bbox[3], geometry=self.bbox
        )


class BboxAnnotation(_Bbox, ArealAnnotation):
    """A ground-truth box."""


class BboxPrediction(_Bbox, PredictedObject):
    """A predicted box."""
