"""The records of COCO files as they stand there, and what is wrong with those that cannot be read."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import msgspec
from msgspec import UNSET, Struct, UnsetType
from pydantic_core import from_json

from evalstream.importers.columns import CocoType
from evalstream.importers.problems import ImporterError, Problem
from evalstream.importers.text import plain_bytes

#: A file, or what a JSON reader makes of it.
Source = Path | str | Mapping[str, Any] | Sequence[Mapping[str, Any]]


Id = int | str | float


Box = tuple[float, float, float, float]


T = TypeVar("T")


class Records(NamedTuple):
    """Records that have the fields that they need, and where each stands in its file."""

    own: Sequence[Any]
    positions: Sequence[int]


class ImageRecord(Struct, gc=False):
    """An image; what it may leave out is checked when it is used."""

    id: Id
    width: Any = None
    height: Any = None
    file_name: Any = None
    coco_url: Any = None
    neg_category_ids: Any = None  # of federated data sets, as the next one
    not_exhaustive_category_ids: Any = None


class CategoryRecord(Struct, gc=False):
    """A category."""

    id: Id
    name: Any
    frequency: Any = None  # LVIS's r, c or f


class AnnotationRecord(Struct, gc=False):
    """Fields of all annotations."""

    image_id: Id
    category_id: Id
    id: Any = None
    area: float | None = None
    iscrowd: Any = 0


class _BboxAnnotation(AnnotationRecord, gc=False, kw_only=True):
    bbox: Box


class _SegmAnnotation(AnnotationRecord, gc=False, kw_only=True):
    segmentation: Any


class _KeypointsAnnotation(AnnotationRecord, gc=False, kw_only=True):
    keypoints: list[float]
    bbox: Box | None = None
    num_keypoints: Any = None


class DetectionRecord(Struct, gc=False):
    """Fields of all detections."""

    image_id: Id
    category_id: Id
    score: float | UnsetType = UNSET
    confidence: float | UnsetType = UNSET


class _BboxDetection(DetectionRecord, gc=False, kw_only=True):
    bbox: Box


class _SegmDetection(DetectionRecord, gc=False, kw_only=True):
    segmentation: Any


class _KeypointsDetection(DetectionRecord, gc=False, kw_only=True):
    keypoints: list[float]


ANNOTATIONS: Final[dict[CocoType, type[AnnotationRecord]]] = {
    "bbox": _BboxAnnotation,
    "segm": _SegmAnnotation,
    "keypoints": _KeypointsAnnotation,
}


DETECTIONS: Final[dict[CocoType, type[DetectionRecord]]] = {
    "bbox": _BboxDetection,
    "segm": _SegmDetection,
    "keypoints": _KeypointsDetection,
}


#: What records hold their shapes in, and which type reads it; in the order in which pycocotools looks for them.
FIELDS: Final[dict[str, CocoType]] = {"bbox": "bbox", "segmentation": "segm", "keypoints": "keypoints"}


def opened(source: Source) -> tuple[str, Any]:
    """Name a source; give the bytes of a file, or the document that it is."""
    if isinstance(source, str | Path):
        return str(source), plain_bytes(Path(source))
    return "annotations" if isinstance(source, Mapping) else "predictions", source


def generic(name: str, document: bytes) -> Any:
    """Read a file as whatever JSON it is, numbers that are none included."""
    try:
        return from_json(document, allow_inf_nan=True)
    except ValueError as error:
        raise ImporterError(f"{name}: not JSON: {error}") from None


_EXPECTED: Final = re.compile(
    r"(?:Object missing required field `(?P<missing>\w+)`)?(?P<reason>.*?)(?: - at `\$\.?(?P<path>.*)`)?", re.DOTALL
)


def _problem(source: str, record: str, error: msgspec.MsgspecError, given: Any) -> Problem:
    """Say of a record what does not fit."""
    match = _EXPECTED.fullmatch(str(error))
    assert match is not None
    if field := match["missing"]:
        others = [one for one in FIELDS if isinstance(given, Mapping) and given.get(one) and field in FIELDS]
        told = [f"{one}, which --type {FIELDS[one]} reads" for one in others]
        return Problem(source, record, field, "missing" + (f"; it holds {', and '.join(told)}" if told else ""))
    return Problem(source, record, match["path"] or "the record", match["reason"][:1].lower() + match["reason"][1:])


def _converted(given: Any, kind: type[T]) -> T:
    """Convert what a JSON reader gives, or what a loop over arrays does: numbers of NumPy, arrays, tensors."""
    try:
        return msgspec.convert(given, kind)
    except msgspec.MsgspecError:
        return msgspec.convert(_without_arrays(given), kind)


def _without_arrays(given: Any) -> Any:
    """Turn whatever is of an array library, at any depth, into what JSON has."""
    if hasattr(given, "tolist"):
        return given.tolist()
    if isinstance(given, Mapping):
        return {name: _without_arrays(one) for name, one in given.items()}
    return [_without_arrays(one) for one in given] if isinstance(given, list | tuple) else given


def required(source: str, record: str, given: Any, kind: type[T]) -> T:
    """Take a record without which the file makes no sense.

    Raises
    ------
    ImporterError
        If it does not fit.
    """
    try:
        return _converted(given, kind)
    except msgspec.MsgspecError as error:
        raise ImporterError(str(_problem(source, record, error, given))) from None


def converted(
    source: str, given: Sequence[Any], kind: type[T], name: Callable[[int, Any], str], problems: list[Problem]
) -> Records:
    """Take the records that fit; add the others to the problems."""
    own: list[Any] = []
    positions: list[int] = []
    for i, record in enumerate(given):
        try:
            own.append(_converted(record, kind))
            positions.append(i)
        except msgspec.MsgspecError as error:
            problems.append(_problem(source, name(i, record), error, record))
    return Records(own, positions)


def annotation_name(i: int, annotation: Any) -> str:
    """Name an annotation by its id, or by its place."""
    own = annotation.get("id") if isinstance(annotation, Mapping) else getattr(annotation, "id", None)
    return f"annotations[{i}]" if own is None else f"annotation id {own}"


def detection_name(i: int, _detection: Any) -> str:
    """Name a detection by its place."""
    return f"detection {i}"
