"""Single points."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from evalstream.class_labels import class_label
from evalstream.events.base import Part, Point
from evalstream.events.objects.located import AnnotatedObject, Located, PredictedObject


class _Point(Located):
    type: Literal["point"]
    point: Point = Field(description="[x, y]")

    def part(self) -> Part:
        """Geometry: x, y."""
        return Part("point", self.feature, class_label(self.feature), geometry=self.point)


class PointAnnotation(_Point, AnnotatedObject):
    """A ground-truth point."""


class PointPrediction(_Point, PredictedObject):
    """A predicted point."""
