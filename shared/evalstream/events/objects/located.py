"""Fields of every object that has a place, whatever its shape."""

from __future__ import annotations

from abc import abstractmethod

from pydantic import Field, model_validator

from evalstream.events.base import Crowd, Extent, Object, Part, Strict, nested, stated
from evalstream.events.objects.answers import AnnotatedAnswers, Predicted, PredictedAnswers


class Located(Object):
    """An object with a place: its shape is the subclass's."""

    @abstractmethod
    def part(self) -> Part:
        """The object itself, without what an annotation or a prediction adds."""


class AnnotatedObject(Located):
    """A ground-truth object with a place."""

    classifications: AnnotatedAnswers = Field(default_factory=list, description="answers to questions about the object")
    difficult: bool = Field(
        default=False,
        description="too hard to be asked for (Pascal VOC): ignored by policy `best-candidate`, an object to others",
    )

    @property
    def _crowd(self) -> int:
        return Crowd.DIFFICULT if self.difficult else Crowd.OBJECT

    def parts(self) -> list[Part]:
        """The object, and the answers nested in it."""
        return nested(stated(self.part(), crowd=self._crowd), self.classifications)


class Areal(Strict):
    """Further fields of an annotation that covers an area."""

    area: Extent | None = Field(
        default=None,
        description="the object's own area where it is not the shape's (COCO's segment area), for area ranges",
    )
    crowd: bool = Field(
        default=False,
        description="a region of many objects (COCO's iscrowd): ignored by the policies that know such, "
        "no object to the others",
    )
    group_of: bool = Field(default=False, description="a box around a group of objects (Open Images' IsGroupOf)")


class ArealAnnotation(AnnotatedObject, Areal):
    """A ground-truth object that covers an area."""

    @model_validator(mode="after")
    def _one_kind(self) -> ArealAnnotation:
        if self.crowd + self.group_of + self.difficult > 1:
            raise ValueError("an annotation is at most one of `crowd`, `group_of` and `difficult`")
        return self

    @property
    def _crowd(self) -> int:
        if self.crowd:
            return Crowd.CROWD
        return Crowd.GROUP_OF if self.group_of else super()._crowd

    def parts(self) -> list[Part]:
        """The object, and the answers nested in it."""
        return nested(stated(self.part(), crowd=self._crowd, area=self.area), self.classifications)


class PredictedObject(Located, Predicted):
    """A predicted object with a place."""

    classifications: PredictedAnswers = Field(default_factory=list, description="answers to questions about the object")

    def parts(self) -> list[Part]:
        """The object, the answers nested in it, and its metrics."""
        return nested(stated(self.part(), self.confidence), self.classifications, self.metric_parts())
