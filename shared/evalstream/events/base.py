"""Building blocks of the wire's models: strict fields, objects, and the columns that an object becomes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from evalstream.class_labels import class_label

#: Beyond this, float64 can no longer hold a tenth of a unit, and the product of two sides may overflow.
COORDINATE_LIMIT = 1e15
#: A data row with more objects than this is a mistake far more often than an image.
OBJECTS_LIMIT = 100_000
#: Points of one shape.
POINTS_LIMIT = 100_000
#: Questions nested under one object, options of one question.
ANSWERS_LIMIT = 1_000

#: Area of an object that geometry has yet to work out.
UNKNOWN_AREA = float("nan")


def _path_segment(text: str) -> str:
    if "/" in text or text in {".", ".."} or text != text.strip():
        raise ValueError("must not contain '/' nor begin or end with a space, for it stands in URLs")
    return text


#: What keys and names do without (category Cc, spelled out: not every validator knows categories): they stand in URLs,
#: in headers and cells of tables, and queries join several of them by one such character.
_CONTROLS = r"\x00-\x1f\x7f-\x9f"
CONTROL = f"[{_CONTROLS}]"
#: A key or a name: any Unicode text without control characters.
Text = Annotated[str, Field(pattern=f"^[^{_CONTROLS}]*$")]
Name = Annotated[Text, Field(min_length=1, max_length=200), AfterValidator(_path_segment)]
Key = Annotated[Text, Field(min_length=1, max_length=1024)]
Feature = Annotated[Text, Field(min_length=1, max_length=256)]
ObjectId = Annotated[Text, Field(min_length=1, max_length=256)]
#: Text that people wrote: it holds what texts hold, control characters too, for offsets count them.
Prose = Annotated[str, Field(max_length=1_000_000)]

Coordinate = Annotated[float, Field(ge=-COORDINATE_LIMIT, le=COORDINATE_LIMIT, allow_inf_nan=False)]
Extent = Annotated[float, Field(ge=0, le=COORDINATE_LIMIT, allow_inf_nan=False)]
Point = tuple[Coordinate, Coordinate]
Confidence = Annotated[float, Field(le=1, allow_inf_nan=False)]
Number = Annotated[float, Field(ge=-1e100, le=1e100, allow_inf_nan=False)]
Version = Annotated[int, Field(ge=0, lt=2**63)]


class Strict(BaseModel):
    """A model that takes the declared fields in their declared JSON types, and nothing else.

    Validators are built when they are first used: who asks questions alone needs none of an event's.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True)


class Crowd:
    """Role of an annotation in the count, as a code in column ``crowd``: an object, or something else."""

    OBJECT: ClassVar = 0
    #: A region of many objects (COCO's iscrowd).
    CROWD: ClassVar = 1
    #: A box around a group of objects (Open Images' IsGroupOf).
    GROUP_OF: ClassVar = 2
    #: An object that is too hard to be asked for (Pascal VOC's difficult).
    DIFFICULT: ClassVar = 3
    #: A skeleton without a labelled keypoint: one object, but nothing of it can be compared.
    UNLABELLED: ClassVar = 4


class Part(NamedTuple):
    """One entry of the object columns.

    An object is one part. Each answer nested in it, each option of a checklist and each custom metric is a part of its
    own, after its parent.
    """

    type: str
    feature: str
    label: str  # the class that it counts for: :func:`evalstream.class_labels.class_label`
    confidence: float = 1.0
    area: float = 0.0
    crowd: int = Crowd.OBJECT
    geometry: Sequence[float] = ()
    detail: str = ""  # what numbers alone cannot say; its meaning is the type's own
    scores: Mapping[str, float] = {}
    parent: int = 0  # how many parts before this one its parent stands; 0: it has none


class Object(Strict):
    """Anything that an event can say is on a data row."""

    id: ObjectId | None = Field(
        default=None,
        description="unique within the data row; may be left out in `replace`, where the position stands in",
    )
    feature: Feature = Field(description='the ontology class ("car") or the question ("weather")')

    @abstractmethod
    def parts(self) -> list[Part]:
        """Return the object as columns hold it: itself first, then what is nested in it."""


def stated(shape: Part, confidence: float = 1.0, crowd: int = Crowd.OBJECT, area: float | None = None) -> Part:
    """Add to an object's shape what the event says of it besides.

    Spelt out, because this is done for every object that comes in and ``_replace`` takes ten times as long.
    """
    own_area = shape.area if area is None else area
    return Part(shape.type, shape.feature, shape.label, confidence, own_area, crowd, shape.geometry, shape.detail)


def nested(parent: Part, children: Sequence[Object] = (), metrics: Sequence[Part] = ()) -> list[Part]:
    """Return a part, the parts of what is nested in it, and its metrics.

    A nested feature is called by its path (``car/colour``), and is never more certain than what it is nested in.
    """
    parts = [parent]
    if not children and not metrics:
        return parts
    for child in children:
        own = child.parts()
        own[0] = own[0]._replace(parent=len(parts))
        path = f"{parent.feature}/"
        label_path = class_label(path)
        parts += [
            part._replace(
                feature=path + part.feature if part.feature else "",
                label=label_path + part.label if part.label else "",
                confidence=min(part.confidence, parent.confidence),
            )
            for part in own
        ]
    for metric in metrics:
        parts.append(metric._replace(parent=len(parts)))
    return parts
