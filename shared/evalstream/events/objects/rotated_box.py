"""Boxes turned about their centre."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from evalstream.class_labels import class_label
from evalstream.events.base import Coordinate, Extent, Part
from evalstream.events.objects.located import ArealAnnotation, Located, PredictedObject

Degrees = Annotated[float, Field(ge=-360, le=360, allow_inf_nan=False)]


class _RotatedBox(Located):
    type: Literal["rotated_box"]
    rotated_box: tuple[Coordinate, Coordinate, Extent, Extent, Degrees] = Field(
        description="[x, y, width, height, angle]: centre, sides, and the degrees by which the box is turned from the "
        "x axis towards the y axis, which is clockwise on an image (as OpenCV's RotatedRect)"
    )

    def part(self) -> Part:
        """Geometry: x and y of the centre, width, height, angle in degrees."""
        area = self.rotated_box[2] * self.rotated_box[3]
        return Part("rotated_box", self.feature, class_label(self.feature), area=area, geometry=self.rotated_box)


class RotatedBoxAnnotation(_RotatedBox, ArealAnnotation):
    """A ground-truth box, turned."""


class RotatedBoxPrediction(_RotatedBox, PredictedObject):
    """A predicted box, turned."""
