"""The wire: what a producer may send.

An event describes one data row. It says what happened to that row's objects (``replace`` the whole set, ``upsert``
some, ``delete`` some by id) and may carry facts about the row itself. Annotations belong to the dataset; predictions
belong to one model run over it.

The models are strict: no field is guessed, coerced or ignored, so that a producer's mistake is an error with the
field's name and never a wrong number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

#: Beyond this, float64 can no longer hold a tenth of a unit, and the product of two sides may overflow.
COORDINATE_LIMIT = 1e15
#: A data row with more objects than this is a mistake far more often than an image.
OBJECTS_LIMIT = 100_000
METADATA_LIMIT = 64


def _path_segment(text: str) -> str:
    if "/" in text or text in {".", ".."} or text != text.strip():
        raise ValueError("must not contain '/' nor begin or end with a space, for it stands in URLs")
    return text


#: Any Unicode text without control characters.
Text = Annotated[str, Field(pattern=r"^\P{Cc}*$")]
Name = Annotated[Text, Field(min_length=1, max_length=200), AfterValidator(_path_segment)]
Key = Annotated[Text, Field(min_length=1, max_length=1024)]
Feature = Annotated[Text, Field(min_length=1, max_length=256)]
ObjectId = Annotated[Text, Field(min_length=1, max_length=256)]

Coordinate = Annotated[float, Field(ge=-COORDINATE_LIMIT, le=COORDINATE_LIMIT, allow_inf_nan=False)]
Extent = Annotated[float, Field(ge=0, le=COORDINATE_LIMIT, allow_inf_nan=False)]
Confidence = Annotated[float, Field(le=1, allow_inf_nan=False)]
Version = Annotated[int, Field(ge=0, lt=2**63)]
MetadataValue = bool | int | Annotated[float, Field(allow_inf_nan=False)] | Annotated[Text, Field(max_length=1024)]


class Strict(BaseModel):
    """A model that takes the declared fields in their declared JSON types, and nothing else."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class DataRow(Strict):
    """Facts about the asset itself. Later events overwrite earlier ones field by field, metadata key by key."""

    split: Literal["train", "validation", "test"] | None = None
    width: Annotated[int, Field(gt=0, lt=2**31)] | None = Field(default=None, description="pixels")
    height: Annotated[int, Field(gt=0, lt=2**31)] | None = Field(default=None, description="pixels")
    media_url: Annotated[Text, Field(max_length=4096)] | None = None
    metadata: dict[Annotated[Text, Field(min_length=1, max_length=128)], MetadataValue] = Field(
        default_factory=dict, max_length=METADATA_LIMIT, description="anything worth slicing on"
    )


class _Object(Strict):
    id: ObjectId | None = Field(
        default=None,
        description="unique within the data row; may be left out in `replace`, where the position stands in",
    )
    feature: Feature = Field(description='the ontology class ("car") or the question ("weather")')

    @property
    def label(self) -> str:
        """What a confusion matrix counts."""
        return self.feature

    @property
    def geometry(self) -> Sequence[float]:
        """Where the object is, as numbers whose meaning the type gives."""
        return ()

    @property
    def own_area(self) -> float:
        """What area ranges are applied to."""
        return 0.0

    @property
    def is_crowd(self) -> bool:
        """Whether this is a region of many objects, and itself none."""
        return False


class _Bbox(_Object):
    type: Literal["bbox"]
    bbox: tuple[Coordinate, Coordinate, Extent, Extent] = Field(
        description="[x, y, width, height] of the box, x and y of its corner nearest the origin, as COCO writes it"
    )

    @property
    def geometry(self) -> Sequence[float]:
        """x, y, width, height."""
        return self.bbox

    @property
    def own_area(self) -> float:
        """Width by height."""
        return self.bbox[2] * self.bbox[3]


class _Radio(_Object):
    type: Literal["radio"]
    answer: Feature = Field(description="the one option chosen")

    @property
    def label(self) -> str:
        """Question and answer: so the "yes" of two questions stay two classes."""
        return f"{self.feature}={self.answer}"


class BboxAnnotation(_Bbox):
    """A ground-truth box."""

    area: Extent | None = Field(
        default=None,
        description="the object's own area where it is not the box's (COCO's segment area), for area ranges",
    )
    crowd: bool = Field(
        default=False,
        description="a region of many objects (COCO's iscrowd): ignored by policy `coco`, no object to the others",
    )

    @property
    def own_area(self) -> float:
        """The area given, or else the box's."""
        return super().own_area if self.area is None else self.area

    @property
    def is_crowd(self) -> bool:
        """As given."""
        return self.crowd


class RadioAnnotation(_Radio):
    """The true answer to a question with one answer."""


class _Predicted(Strict):
    confidence: Confidence = Field(default=1.0, description="in [0, 1]; missing is 1; below 0 the object is ignored")


class BboxPrediction(_Bbox, _Predicted):
    """A predicted box."""


class RadioPrediction(_Radio, _Predicted):
    """A predicted answer to a question with one answer."""


Annotation = Annotated[BboxAnnotation | RadioAnnotation, Field(discriminator="type")]
Prediction = Annotated[BboxPrediction | RadioPrediction, Field(discriminator="type")]


class _Event(Strict):
    schema_version: Literal[1] = 1
    dataset: Name
    data_row: Key
    operation: Literal["replace", "upsert", "delete"] = Field(
        description="`replace`: this is the row's whole set; `upsert`: add these or overwrite those of the same id; "
        "`delete`: remove the objects in `ids`"
    )
    version: Version | None = Field(
        default=None,
        description="orders the row's events: the producer's clock (nanoseconds by preference) or sequence. "
        "Missing: the time of receipt in nanoseconds",
    )
    event_id: Annotated[Text, Field(min_length=1, max_length=128)] | None = Field(
        default=None,
        description="names this event for ever; the same id and version sent twice is one event. "
        "Missing: a hash of the event's content",
    )
    row: DataRow | None = None
    ids: Annotated[list[ObjectId], Field(max_length=OBJECTS_LIMIT)] = Field(
        default_factory=list, description="what `delete` removes"
    )


def object_ids(objects: Sequence[_Object]) -> list[str]:
    """Return the id of each object; one that was sent without is named after its position, such as ``#0``."""
    return [item.id if item.id is not None else f"#{position}" for position, item in enumerate(objects)]


def _check_operation(operation: str, objects: Sequence[_Object], ids: list[str]) -> None:
    if operation == "delete":
        if objects:
            raise ValueError("operation `delete` takes `ids`, and no objects")
        if not ids:
            raise ValueError("operation `delete` needs `ids`, at least one")
        return
    if ids:
        raise ValueError(f"operation `{operation}` takes objects, and no `ids`")
    if operation == "upsert":
        if not objects:
            raise ValueError("operation `upsert` needs objects, at least one")
        for position, item in enumerate(objects):
            if item.id is None:
                raise ValueError(f"operation `upsert` needs an `id` on every object; object {position} has none")
    named = object_ids(objects)
    if len(set(named)) != len(named):
        twice = next(name for name, count in Counter(named).items() if count > 1)
        raise ValueError(f"two objects of one data row have the id {twice!r}")


class AnnotationEvent(_Event):
    """What happened to the ground truth of one data row."""

    annotations: Annotated[list[Annotation], Field(max_length=OBJECTS_LIMIT)] = Field(default_factory=list)

    @model_validator(mode="after")
    def _operation_fits(self) -> Self:
        _check_operation(self.operation, self.annotations, self.ids)
        return self


class PredictionEvent(_Event):
    """What a model run now says of one data row. An empty `replace` says: looked, and found nothing."""

    run: Name = Field(description="the model run that says it")
    predictions: Annotated[list[Prediction], Field(max_length=OBJECTS_LIMIT)] = Field(default_factory=list)

    @model_validator(mode="after")
    def _operation_fits(self) -> Self:
        _check_operation(self.operation, self.predictions, self.ids)
        return self


Event = AnnotationEvent | PredictionEvent
