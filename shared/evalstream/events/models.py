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

from pydantic import Field, model_validator

from evalstream.events.base import OBJECTS_LIMIT, Key, Name, Object, ObjectId, Prose, Strict, Text, Version
from evalstream.events.objects.answers import (
    ChecklistAnnotation,
    ChecklistPrediction,
    NumberAnnotation,
    NumberPrediction,
    RadioAnnotation,
    RadioPrediction,
    TextAnnotation,
    TextPrediction,
)
from evalstream.events.objects.bbox import BboxAnnotation, BboxPrediction
from evalstream.events.objects.keypoints import KeypointsAnnotation, KeypointsPrediction
from evalstream.events.objects.lonlat import on_earth
from evalstream.events.objects.mask import MaskAnnotation, MaskPrediction
from evalstream.events.objects.metrics import METRICS_LIMIT, RowMetric
from evalstream.events.objects.point import PointAnnotation, PointPrediction
from evalstream.events.objects.polygon import PolygonAnnotation, PolygonPrediction
from evalstream.events.objects.polyline import PolylineAnnotation, PolylinePrediction
from evalstream.events.objects.rotated_box import RotatedBoxAnnotation, RotatedBoxPrediction
from evalstream.events.objects.span import SpanAnnotation, SpanPrediction, in_code_points
from evalstream.splits import Split

METADATA_LIMIT = 64

#: A text is prose here, not a name: captions and comments of people stand in metadata, too.
MetadataValue = bool | int | Annotated[float, Field(allow_inf_nan=False)] | Annotated[str, Field(max_length=1024)]


class DataRow(Strict):
    """Facts about the asset itself. Later events overwrite earlier ones field by field, metadata key by key."""

    split: Split | None = Field(default=None, description="`val` is taken for `validation`")
    width: Annotated[int, Field(gt=0, lt=2**31)] | None = Field(default=None, description="pixels")
    height: Annotated[int, Field(gt=0, lt=2**31)] | None = Field(default=None, description="pixels")
    coordinates: Literal["pixels", "lonlat"] | None = Field(
        default=None,
        description="what the numbers in shapes are: `lonlat` is degrees of longitude and latitude (WGS 84), where "
        "tolerances are in metres and areas in square metres; pixels if no event says",
    )
    media_url: Annotated[Text, Field(max_length=4096)] | None = None
    text: Prose | None = Field(default=None, description="the text itself, for data rows that are texts")
    metadata: dict[Annotated[Text, Field(min_length=1, max_length=128)], MetadataValue] = Field(
        default_factory=dict, max_length=METADATA_LIMIT, description="anything worth slicing on"
    )


Annotation = Annotated[
    BboxAnnotation
    | RotatedBoxAnnotation
    | PolygonAnnotation
    | MaskAnnotation
    | PolylineAnnotation
    | PointAnnotation
    | KeypointsAnnotation
    | SpanAnnotation
    | RadioAnnotation
    | ChecklistAnnotation
    | TextAnnotation
    | NumberAnnotation,
    Field(discriminator="type"),
]
Prediction = Annotated[
    BboxPrediction
    | RotatedBoxPrediction
    | PolygonPrediction
    | MaskPrediction
    | PolylinePrediction
    | PointPrediction
    | KeypointsPrediction
    | SpanPrediction
    | RadioPrediction
    | ChecklistPrediction
    | TextPrediction
    | NumberPrediction,
    Field(discriminator="type"),
]


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


def object_ids(objects: Sequence[Object]) -> list[str]:
    """Return the id of each object; one that was sent without is named after its position, such as ``#0``."""
    return [item.id if item.id is not None else f"#{position}" for position, item in enumerate(objects)]


def _check_operation(
    operation: str, objects: Sequence[Object], ids: list[str], metrics: Sequence[RowMetric] = ()
) -> None:
    if operation == "delete":
        if objects or metrics:
            raise ValueError("operation `delete` takes `ids`, and no objects")
        if not ids:
            raise ValueError("operation `delete` needs `ids`, at least one")
        return
    if ids:
        raise ValueError(f"operation `{operation}` takes objects, and no `ids`")
    if operation == "upsert":
        if not objects and not metrics:
            raise ValueError("operation `upsert` needs objects, at least one")
        for position, item in enumerate(objects):
            if item.id is None:
                raise ValueError(f"operation `upsert` needs an `id` on every object; object {position} has none")
    named = object_ids(objects)
    if len(set(named)) != len(named):
        twice = next(name for name, count in Counter(named).items() if count > 1)
        raise ValueError(f"two objects of one data row have the id {twice!r}")


class AnnotationEvent(_Event):
    """A change of the ground truth of one data row."""

    annotations: Annotated[list[Annotation], Field(max_length=OBJECTS_LIMIT)] = Field(default_factory=list)

    @model_validator(mode="after")
    def _operation_fits(self) -> Self:
        _check_operation(self.operation, self.annotations, self.ids)
        in_code_points("annotations", self.annotations, self.row.text if self.row else None)
        if self.row and self.row.coordinates == "lonlat":
            on_earth("annotations", self.annotations)
        return self


class PredictionEvent(_Event):
    """Predictions of a model run for one data row. An empty `replace` says: looked, and found nothing."""

    run: Name = Field(description="the model run that says it")
    predictions: Annotated[list[Prediction], Field(max_length=OBJECTS_LIMIT)] = Field(default_factory=list)
    metrics: Annotated[list[RowMetric], Field(max_length=METRICS_LIMIT)] = Field(
        default_factory=list,
        description="computed by the producer, of the row or of a feature on it; `upsert` overwrites by name",
    )

    @model_validator(mode="after")
    def _operation_fits(self) -> Self:
        _check_operation(self.operation, self.predictions, self.ids, self.metrics)
        in_code_points("predictions", self.predictions, self.row.text if self.row else None)
        if self.row and self.row.coordinates == "lonlat":
            on_earth("predictions", self.predictions)
        names = [metric.id for metric in self.metrics]
        if len(set(names)) != len(names):
            raise ValueError("two metrics of one data row have the same name, feature and subclass")
        return self


Event = AnnotationEvent | PredictionEvent
