"""Skeletons: keypoints in a fixed order."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from evalstream.class_labels import class_label
from evalstream.events.base import Coordinate, Crowd, Extent, Number, Part
from evalstream.events.objects.located import ArealAnnotation, PredictedObject

KEYPOINTS_LIMIT = 1_000
Box = tuple[Coordinate, Coordinate, Extent, Extent]


class KeypointsAnnotation(ArealAnnotation):
    """A ground-truth skeleton. One without a labelled keypoint has nothing to match: it is ignored, as in COCO."""

    type: Literal["keypoints"]
    keypoints: Annotated[
        list[tuple[Coordinate, Coordinate, Annotated[int, Field(ge=0, le=2)]]],
        Field(min_length=1, max_length=KEYPOINTS_LIMIT),
    ] = Field(description="[[x, y, v], …] in the skeleton's order; v: 0 not labelled, 1 labelled and hidden, 2 visible")
    bbox: Box | None = Field(
        default=None,
        description="the object's box, x, y, width, height; missing: the box around the labelled keypoints",
    )

    @property
    def _crowd(self) -> int:
        unlabelled = not (self.crowd or self.group_of or any(v for _, _, v in self.keypoints))
        return Crowd.UNLABELLED if unlabelled else super()._crowd

    def part(self) -> Part:
        """Geometry: x, y, width, height of the box, then x, y, v of each keypoint. Area: the box's, unless given."""
        labelled = [(x, y) for x, y, v in self.keypoints if v] or [(x, y) for x, y, _ in self.keypoints]
        left, top = min(x for x, _ in labelled), min(y for _, y in labelled)
        around = (left, top, max(x for x, _ in labelled) - left, max(y for _, y in labelled) - top)
        box = self.bbox if self.bbox is not None else around
        flat = [float(value) for triple in self.keypoints for value in triple]
        return Part("keypoints", self.feature, class_label(self.feature), area=box[2] * box[3], geometry=[*box, *flat])


class KeypointsPrediction(PredictedObject):
    """A predicted skeleton."""

    type: Literal["keypoints"]
    keypoints: Annotated[list[tuple[Coordinate, Coordinate, Number]], Field(max_length=KEYPOINTS_LIMIT)] = Field(
        min_length=1, description="[[x, y, score], …] in the skeleton's order; the scores are not used in matching"
    )

    def part(self) -> Part:
        """Geometry: x, y, score of each keypoint. Area: that of the box around them, as in COCO."""
        xs, ys = [x for x, _, _ in self.keypoints], [y for _, y, _ in self.keypoints]
        area = (max(xs) - min(xs)) * (max(ys) - min(ys))
        flat = [value for triple in self.keypoints for value in triple]
        return Part("keypoints", self.feature, class_label(self.feature), area=area, geometry=flat)
