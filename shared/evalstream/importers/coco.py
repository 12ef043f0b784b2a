"""COCO files to columns of events: one ``replace`` an image.

The format: https://cocodataset.org/#format-data and #format-results. An image's data row is its id as text; ids need
not be dense, positive or in order. Categories are known by their names.

What pycocotools reads is read, and counts as it counts there. What cannot be read is left out and told, record by
record; what is read otherwise than it stands in the file is told in a note.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import chain
from operator import attrgetter
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, TypeVar

import msgspec
import numpy as np
import pyarrow as pa
from msgspec import UNSET, Struct, UnsetType
from pydantic_core import from_json

from evalstream.events.base import COORDINATE_LIMIT, OBJECTS_LIMIT, Crowd
from evalstream.events.schema import EVENTS
from evalstream.importers.names import ImageNames, refuse_ambiguous, told
from evalstream.importers.problems import ImporterError, Problem, count_of, refuse
from evalstream.importers.text import plain_bytes
from evalstream.scenes import Code, Flag, Float, Int, row_order

#: What of a record is read, in COCO's words: `segm` is the segmentation, which becomes a mask.
CocoType = Literal["bbox", "segm", "keypoints"]
#: A file, or what a JSON reader makes of it.
Source = Path | str | Mapping[str, Any] | Sequence[Mapping[str, Any]]

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
Id = int | str | float
Box = tuple[float, float, float, float]
T = TypeVar("T")


class Images(NamedTuple):
    """The images of a ground-truth file, in the order of their ids (:func:`evalstream.scenes.row_order`)."""

    data_row: list[str]
    width: list[int]  # 0: not known
    height: list[int]
    file_name: list[str]  # "": not known
    media_url: list[str]
    place: dict[Any, int]  # by id, as it stands in the file and as text


class Categories(NamedTuple):
    """The categories of a ground-truth file."""

    names: list[str]
    place: dict[Any, int]  # by id, by id as text, and by name where only one has it


class Objects(NamedTuple):
    """The objects of one file as parallel columns, those of one image after those of the image before."""

    row: Int  # a position among the images
    id: pa.Array  # strings
    feature: Code  # a position in `features`
    features: list[str]
    confidence: Float
    area: Float
    crowd: Code  # :class:`evalstream.events.base.Crowd`
    geometry_start: Int
    geometry: Float
    detail: list[str] | None
    storable: Flag  # whether an event may say it; the others count here and nowhere else


class Truth(NamedTuple):
    """A ground-truth file, as far as it concerns predictions too."""

    source: str
    images: Images
    categories: Categories
    objects: Objects
    notes: list[str]
    problems: list[Problem]


class _Records(NamedTuple):
    """Records that have the fields that they need, and where each stands in its file."""

    own: list[Any]
    positions: Sequence[int]


class Found(NamedTuple):
    """A results file."""

    source: str
    objects: Objects
    notes: list[str]
    problems: list[Problem]


# --- records as they stand in files ---------------------------------------------------------------------------------


class _Image(Struct, gc=False):
    id: Id
    width: Any = None
    height: Any = None
    file_name: Any = None
    coco_url: Any = None


class _Category(Struct, gc=False):
    id: Id
    name: Any


class _Annotation(Struct, gc=False):
    image_id: Id
    category_id: Id
    id: Any = None
    area: float | None = None
    iscrowd: Any = 0


class _BboxAnnotation(_Annotation, gc=False, kw_only=True):
    bbox: Box


class _SegmAnnotation(_Annotation, gc=False, kw_only=True):
    segmentation: Any


class _KeypointsAnnotation(_Annotation, gc=False, kw_only=True):
    keypoints: list[float]
    bbox: Box | None = None
    num_keypoints: Any = None


class _Detection(Struct, gc=False):
    image_id: Id
    category_id: Id
    score: float | UnsetType = UNSET
    confidence: float | UnsetType = UNSET


class _BboxDetection(_Detection, gc=False, kw_only=True):
    bbox: Box


class _SegmDetection(_Detection, gc=False, kw_only=True):
    segmentation: Any


class _KeypointsDetection(_Detection, gc=False, kw_only=True):
    keypoints: list[float]


_ANNOTATIONS: Final[dict[CocoType, type[_Annotation]]] = {
    "bbox": _BboxAnnotation,
    "segm": _SegmAnnotation,
    "keypoints": _KeypointsAnnotation,
}
_DETECTIONS: Final[dict[CocoType, type[_Detection]]] = {
    "bbox": _BboxDetection,
    "segm": _SegmDetection,
    "keypoints": _KeypointsDetection,
}


# --- reading --------------------------------------------------------------------------------------------------------


def read_truth(source: Source, iou_type: CocoType = "bbox") -> Truth:
    """Read ground truth (``instances_*.json``).

    Raises
    ------
    ImporterError
        If it is no ground truth, or no record of it can be read. Others that cannot are in ``problems``.
    """
    name, document = _document(source)
    problems: list[Problem] = []
    notes: list[str] = []
    kind = _ANNOTATIONS[iou_type]
    if isinstance(document, bytes):
        whole = msgspec.defstruct(
            "Document",
            [("images", list[_Image]), ("categories", list[_Category]), ("annotations", list[kind])],  # type: ignore[valid-type]
        )
        try:
            read: Any = msgspec.json.decode(document, type=whole)
        except msgspec.MsgspecError:
            document = _generic(name, document)  # a second look, at each record by itself
    if isinstance(document, bytes):
        images, categories = read.images, read.categories
        annotations = _Records(read.annotations, range(len(read.annotations)))
    else:
        if not isinstance(document, Mapping):
            raise ImporterError(
                f"{name}: a COCO ground-truth file is an object with images, categories and annotations"
            )
        for key in ("images", "categories", "annotations"):
            if not isinstance(document.get(key), list):
                raise ImporterError(f"{name}: {key}: must be there, and be a list")
        images = [_required(name, f"images[{i}]", one, _Image) for i, one in enumerate(document["images"])]
        categories = [
            _required(name, f"categories[{i}]", one, _Category) for i, one in enumerate(document["categories"])
        ]
        annotations = _converted(name, document["annotations"], kind, _annotation_name, problems)
    known, listed = _images(name, images, notes), _categories(name, categories)
    objects = _annotated(name, annotations, known, listed, iou_type, notes, problems)
    _refuse_all(objects, problems)
    return Truth(name, known, listed, objects, notes, problems)


def read_results(
    source: Source,
    truth: Truth,
    iou_type: CocoType = "bbox",
    *,
    skip_unknown_images: bool = False,
    category_offset: int = 0,
) -> Found:
    """Read detections on the images of a ground truth.

    Parameters
    ----------
    skip_unknown_images : bool
        Leave out detections on images that the ground truth does not have, and note how many.
    category_offset : int
        Added to each category id, where files count categories from different numbers.

    Raises
    ------
    ImporterError
        If it is no list of detections, if none of them can be read, or if one is on an image that the ground truth does
        not have (then the two files hardly belong together) or of which it has several by that name. Others that cannot
        be read are in ``problems``.
    """
    name, document = _document(source)
    problems: list[Problem] = []
    notes: list[str] = []
    kind = _DETECTIONS[iou_type]
    if isinstance(document, bytes):
        try:
            read = msgspec.json.decode(document, type=list[kind])  # type: ignore[valid-type]
            detections = _Records(read, range(len(read)))
        except msgspec.MsgspecError:
            document = _generic(name, document)
    if not isinstance(document, bytes):
        if not isinstance(document, Sequence) or isinstance(document, str):
            raise ImporterError(f"{name}: a COCO results file is a list of detections")
        detections = _converted(name, document, kind, _detection_name, problems)
    if category_offset:
        for record in detections.own:
            if isinstance(record.category_id, int):
                record.category_id += category_offset
    objects = _predicted(name, detections, truth, iou_type, notes, problems, skip_unknown_images=skip_unknown_images)
    _refuse_all(objects, problems)
    return Found(name, objects, notes, problems)


def _refuse_all(objects: Objects, problems: list[Problem]) -> None:
    """Refuse a file of which no record can be read: figures over nothing would look like figures of a bad model."""
    if not len(objects.row):
        refuse(problems)


def _document(source: Source) -> tuple[str, Any]:
    """Name a source; give the bytes of a file, or the document that it is."""
    if isinstance(source, str | Path):
        return str(source), plain_bytes(Path(source))
    return "annotations" if isinstance(source, Mapping) else "predictions", source


def _generic(name: str, document: bytes) -> Any:
    try:
        return from_json(document, allow_inf_nan=True)
    except ValueError as error:
        raise ImporterError(f"{name}: not JSON: {error}") from None


_EXPECTED: Final = re.compile(
    r"(?:Object missing required field `(?P<missing>\w+)`)?(?P<reason>.*?)(?: - at `\$\.?(?P<path>.*)`)?", re.DOTALL
)


def _problem(source: str, record: str, error: msgspec.MsgspecError) -> Problem:
    """Say of a record what does not fit."""
    found = _EXPECTED.fullmatch(str(error))
    assert found is not None
    if found["missing"]:
        return Problem(source, record, found["missing"], "missing")
    return Problem(source, record, found["path"] or "the record", found["reason"][:1].lower() + found["reason"][1:])


def _required(source: str, record: str, given: Any, kind: type[T]) -> T:
    try:
        return msgspec.convert(given, kind)
    except msgspec.MsgspecError as error:
        raise ImporterError(str(_problem(source, record, error))) from None


def _converted(
    source: str, given: Sequence[Any], kind: type[T], name: Callable[[int, Any], str], problems: list[Problem]
) -> _Records:
    """Take the records that fit; add the others to the problems."""
    own: list[Any] = []
    positions: list[int] = []
    for i, record in enumerate(given):
        try:
            own.append(msgspec.convert(record, kind))
            positions.append(i)
        except msgspec.MsgspecError as error:
            problems.append(_problem(source, name(i, record), error))
    return _Records(own, positions)


def _annotation_name(i: int, annotation: Any) -> str:
    own = annotation.get("id") if isinstance(annotation, Mapping) else getattr(annotation, "id", None)
    return f"annotations[{i}]" if own is None else f"annotation id {own}"


def _detection_name(i: int, _detection: Any) -> str:
    return f"detection {i}"


def _key(given: Any) -> str:
    """Name an image's data row; 1.0 is the 1 of a file that went through a table of floats."""
    return str(int(given)) if isinstance(given, float) and given.is_integer() else str(given)


def _images(source: str, images: Sequence[_Image], notes: list[str]) -> Images:
    by_key = {_key(image.id): image for image in images}
    for key in by_key:
        if not key or len(key) > 1024 or _CONTROL.search(key):
            raise ImporterError(
                f"{source}: image {key!r}: id: must have 1 to 1024 characters, none a control character"
            )
    names = sorted(by_key, key=row_order)
    left_out = 0

    def text(given: Any, longest: int) -> str:
        nonlocal left_out
        if given is None or given == "":
            return ""
        if isinstance(given, str) and len(given) <= longest and not _CONTROL.search(given):
            return given
        left_out += 1
        return ""

    def size(given: Any) -> int:
        nonlocal left_out
        if given is None:
            return 0
        if isinstance(given, int | float) and given == int(given) and 0 < given < 2**31:
            return int(given)
        left_out += 1
        return 0

    ordered = [by_key[name] for name in names]
    known = Images(
        names,
        [size(image.width) for image in ordered],
        [size(image.height) for image in ordered],
        [text(image.file_name, 1024) for image in ordered],
        [text(image.coco_url, 4096) for image in ordered],
        {form: i for i, image in enumerate(ordered) for form in (image.id, names[i])},
    )
    if left_out:
        notes.append(f"Of the images, {left_out:,} of width, height, file_name and coco_url cannot be used.")
    return known


def _categories(source: str, categories: Sequence[_Category]) -> Categories:
    """Name each category; of several that share a name, each by name and id, for they are different classes."""
    # In the order of their ids, in which pycocotools sums.
    ordered = sorted(categories, key=lambda category: (isinstance(category.id, str), category.id))
    by_id = {category.id: str(category.name) for category in ordered}
    count = Counter(by_id.values())
    names = [name if count[name] == 1 else f"{name} ({key})" for key, name in by_id.items()]
    for key, name in zip(by_id, names, strict=True):
        if not name or len(name) > 256 or (bad := _CONTROL.search(name)):
            why = f"and holds {bad[0]!r}" if name and len(name) <= 256 and bad else f"and has {len(name)}"
            raise ImporterError(
                f"{source}: category id {key}: name: must have 1 to 256 characters, none a control character, {why}"
            )
    place: dict[Any, int] = {name: i for i, name in enumerate(names)}
    place |= {str(key): i for i, key in enumerate(by_id)}
    return Categories(names, place | {key: i for i, key in enumerate(by_id)})


# --- records to columns ---------------------------------------------------------------------------------------------


class _Checks:
    """The records of one file, and which of them are left out."""

    def __init__(self, source: str, names: Callable[[int], str], count: int, problems: list[Problem]) -> None:
        self.kept = np.ones(count, np.bool_)
        self._source, self._names, self._problems = source, names, problems

    def leave_out(self, wrong: Flag, field: str, reason: Callable[[int], str]) -> None:
        """Leave out the records that are wrong and were not left out before."""
        for i in np.flatnonzero(wrong & self.kept).tolist():
            self._problems.append(Problem(self._source, self._names(i), field, reason(i)))
        self.kept &= ~wrong


def _annotated(
    source: str,
    records: _Records,
    images: Images,
    categories: Categories,
    iou_type: CocoType,
    notes: list[str],
    problems: list[Problem],
) -> Objects:
    own, positions = records
    checks = _Checks(source, lambda i: _annotation_name(positions[i], own[i]), len(own), problems)
    row = _rows(source, own, images, checks)
    category = [categories.place.get(record.category_id, -1) for record in own]
    feature = np.array(category, np.int32)
    checks.leave_out(
        feature < 0,
        "category_id",
        lambda i: f"the file lists no category {own[i].category_id!r}; pycocotools leaves such annotations out, too",
    )
    shape = _shapes(own, row, images, iou_type, checks, annotated=True)
    area = np.array([np.nan if record.area is None else record.area for record in own], np.float64)
    given = np.array([record.area is not None for record in own], np.bool_)
    _check_numbers(checks, given[:, None], area[:, None], "area", lambda i: own[i].area)
    area = np.where(given, area, shape.area)
    crowd = np.array([bool(record.iscrowd) for record in own], np.bool_)
    code = np.where(crowd, Crowd.CROWD, np.where(shape.unlabelled, Crowd.UNLABELLED, Crowd.OBJECT)).astype(np.int32)
    storable = ~shape.negative & ~(area < 0)
    kept = checks.kept
    note = partial(_note, notes)
    note(shape.negative & kept, "annotation", "a negative width or height, so that nothing overlaps it")
    note((area < 0) & kept, "annotation", "an area below 0, so that policy `coco` ignores it, as pycocotools does")
    note(shape.fractional & kept, "annotation", "fractional visibilities; what is above 0 is labelled")
    note(shape.thin & kept, "annotation", "an outline of less than three points, drawn as pycocotools draws it")
    ids = [f"#{positions[i]}" if record.id is None else str(record.id) for i, record in enumerate(own)]
    zero = np.array([record.id == 0 for record in own], np.bool_) & kept
    note(zero, "annotation", "the id 0, whose matches pycocotools takes for none; here it counts as any other")
    ids, repeated = _unique_ids(ids, row, positions)
    note(repeated & kept, "annotation", "an id that another one of the image has; each counts")
    confidence = np.ones(len(own))
    columns = row, pa.array(ids, pa.string()), feature, categories.names, confidence, area, code, shape, storable
    return _in_order(source, images, kept, *columns)


def _predicted(
    source: str,
    records: _Records,
    truth: Truth,
    iou_type: CocoType,
    notes: list[str],
    problems: list[Problem],
    *,
    skip_unknown_images: bool,
) -> Objects:
    own, positions = records
    checks = _Checks(source, lambda i: _detection_name(positions[i], own[i]), len(own), problems)
    row = _rows(source, own, truth.images, checks)
    _find_by_name(source, truth.images, records, row, notes)
    if skip_unknown_images:
        _skip_unknown(own, row, checks, notes)
    else:
        _refuse_unknown(source, truth, records, row)
    notes += _off_by_one({record.category_id for record in own}, truth.categories)
    names = list(truth.categories.names)
    place: dict[Any, int] = dict(truth.categories.place)
    category = []
    for record in own:
        at = place.get(record.category_id)
        if at is None:
            # A class that the ground truth does not list has no name there; its predictions are still predictions. The
            # bare id would not do: a listed class may be called so, "7" where digits are detected.
            at = place[record.category_id] = len(names)
            names.append(f"unlisted category {record.category_id}")
        category.append(at)
    shape = _shapes(own, row, truth.images, iou_type, checks, annotated=False)
    confidence, missing, renamed = _scores(own)
    checks.leave_out(
        ~missing & ~np.isfinite(confidence), "score", lambda i: f"must be a finite number (got {confidence[i]})"
    )
    confidence[missing] = 1.0
    kept = checks.kept
    note = partial(_note, notes)
    note(renamed & kept, "detection", "`confidence` in the place of `score`")
    note(missing & kept, "detection", "no score; its confidence is 1")
    bound(confidence, kept, notes)
    note(shape.negative & kept, "detection", "a negative width or height, so that it overlaps nothing")
    note(shape.thin & kept, "detection", "an outline of less than three points, drawn as pycocotools draws it")
    code = np.zeros(len(own), np.int32)
    ids = pa.array(np.array(positions, np.int64)).cast(pa.string())
    columns = row, ids, np.array(category, np.int32), names, confidence, shape.area, code, shape, ~shape.negative
    return _in_order(source, truth.images, kept, *columns)


def bound(confidence: Float, kept: Flag, notes: list[str]) -> None:
    """Bring confidences into the range that goes up to 1, in place."""
    most = float(confidence[kept].max()) if np.any(kept) else 0.0
    if most > 1:
        confidence /= most
        notes.append(
            f"Scores reach {most:g}: all are divided by it, for confidences go up to 1. Average precision depends on"
            " their order alone."
        )


def _scores(records: list[Any]) -> tuple[Float, Flag, Flag]:
    """Give the scores (NaN: none), which are missing, and which stand in a field `confidence`."""
    missing = np.zeros(len(records), np.bool_)
    try:
        return _column(records, "score"), missing, missing
    except TypeError:  # one is not set
        renamed = np.array([one.score is UNSET and one.confidence is not UNSET for one in records], np.bool_)
        given = [one.confidence if other else one.score for one, other in zip(records, renamed, strict=True)]
        missing = np.array([score is UNSET for score in given], np.bool_)
        return np.array([np.nan if score is UNSET else score for score in given], np.float64), missing, renamed


def _column(records: list[Any], field: str) -> Float:
    return np.fromiter(map(attrgetter(field), records), np.float64, len(records))


def _rows(source: str, records: Sequence[Any], images: Images, checks: _Checks) -> Int:
    place = images.place
    found = [place.get(image_id, -1) for image_id in map(attrgetter("image_id"), records)]
    row = np.array(found, np.int64)
    for i in np.flatnonzero(row < 0).tolist():  # one that is written otherwise: 1.0 for 1
        row[i] = place.get(_key(records[i].image_id), -1)
    if not isinstance(records[0] if records else None, _Detection):
        checks.leave_out(row < 0, "image_id", lambda i: f"{source} has no image {records[i].image_id}")
    return row


def _find_by_name(source: str, images: Images, records: _Records, row: Int, notes: list[str]) -> None:
    """Find the images of detections that do not name them by id."""
    missing = np.flatnonzero(row < 0).tolist()
    if not missing:
        return
    names = ImageNames(images.data_row, images.file_name)
    forms: Counter[str] = Counter()
    found = {image_id: names.find(image_id) for image_id in {records.own[i].image_id for i in missing}}
    for i in missing:
        match = found[records.own[i].image_id]
        refuse_ambiguous(source, f"{_detection_name(records.positions[i], None)}: image_id", match)
        row[i] = match.place
        forms[match.form] += 1
    notes += told(forms, "detection")


def _skip_unknown(own: Sequence[Any], row: Int, checks: _Checks, notes: list[str]) -> None:
    unknown = np.flatnonzero(row < 0).tolist()
    checks.kept &= row >= 0
    if unknown:
        images = {own[i].image_id for i in unknown}
        notes.append(
            f"{count_of(len(unknown), 'detection')} on {count_of(len(images), 'image')} that the ground truth does not"
            " have: skipped."
        )


def _off_by_one(given: set[Id], categories: Categories) -> list[str]:
    """Say so if all category ids would be listed, were they one higher or lower."""
    unlisted = [key for key in given if key not in categories.place]
    for offset in (-1, 1):
        if unlisted and all(isinstance(key, int) and key + offset in categories.place for key in given):
            return [
                f"The ground truth does not list {len(unlisted):,} of {len(given):,} category ids, and would list all"
                f" if they were one {'lower' if offset < 0 else 'higher'}; --category-offset={offset} reads them so."
            ]
    return []


def _refuse_unknown(source: str, truth: Truth, records: _Records, row: Int) -> None:
    unknown = np.flatnonzero(row < 0).tolist()
    if unknown:
        position, record = records.positions[unknown[0]], records.own[unknown[0]]
        more = f"; {len(unknown):,} detections are on images that it does not have" if len(unknown) > 1 else ""
        raise ImporterError(
            f"{source}: {_detection_name(position, record)}: image_id: {truth.source} has no image"
            f" {record.image_id}{more}"
        )


def _unique_ids(ids: list[str], row: Int, positions: Sequence[int]) -> tuple[list[str], Flag]:
    """Give records that share an id within an image a name by their place in the file."""
    repeated = np.zeros(len(ids), np.bool_)
    if len(set(ids)) == len(ids):
        return ids, repeated
    seen: set[tuple[int, str]] = set()
    for i, key in enumerate(zip(row.tolist(), ids, strict=True)):
        repeated[i] = key in seen
        seen.add(key)
    return [f"#{positions[i]}" if again else name for i, (name, again) in enumerate(zip(ids, repeated, strict=True))], (
        repeated
    )


def _note(notes: list[str], which: Flag, noun: str, what: str) -> None:
    """Say how many records are read otherwise than they stand in the file, if there are any."""
    count = int(np.count_nonzero(which))
    if count:
        notes.append(f"{count:,} {noun}{'' if count == 1 else 's'}: {what}.")


class _Shapes(NamedTuple):
    """What the records of a file look like: parallel columns."""

    start: Int
    values: Float
    area: Float
    detail: list[str] | None
    negative: Flag  # a box with a negative side
    unlabelled: Flag  # a skeleton without a labelled keypoint
    fractional: Flag  # a skeleton with a visibility between 0, 1 and 2
    thin: Flag  # an outline of less than three points


def _shapes(
    records: Sequence[Any], row: Int, images: Images, iou_type: CocoType, checks: _Checks, *, annotated: bool
) -> _Shapes:
    if iou_type == "bbox":
        return _boxes(records, checks)
    if iou_type == "segm":
        return _masks(records, row, images, checks)
    return _skeletons(records, checks, annotated=annotated)


def _check_numbers(checks: _Checks, given: Flag, values: Float, field: str, shown: Callable[[int], Any]) -> None:
    """Leave out records with a number that is not finite or too large."""
    with np.errstate(invalid="ignore"):
        wrong = np.any(given & ~(np.abs(values) <= COORDINATE_LIMIT), axis=1)
    checks.leave_out(wrong, field, lambda i: f"must be finite, and at most {COORDINATE_LIMIT:g} (got {shown(i)!r})")


def _boxes(records: Sequence[Any], checks: _Checks) -> _Shapes:
    flat = chain.from_iterable(map(attrgetter("bbox"), records))
    box = np.fromiter(flat, np.float64, 4 * len(records)).reshape(-1, 4)
    _check_numbers(checks, np.ones_like(box, np.bool_), box, "bbox", lambda i: list(records[i].bbox))
    box[~checks.kept] = 0
    area = box[:, 2] * box[:, 3]
    negative = (box[:, 2] < 0) | (box[:, 3] < 0)
    box[negative, 2:] = 0
    none = np.zeros(len(records), np.bool_)
    return _Shapes(4 * np.arange(len(records) + 1), box.ravel(), area, None, negative, none, none, none)


def _masks(records: Sequence[Any], row: Int, images: Images, checks: _Checks) -> _Shapes:
    from evalstream.importers.segmentations import Segmentation, segmentations  # of masks only, and takes a while

    sizes = [(images.height[i], images.width[i]) if i >= 0 else (0, 0) for i in row.tolist()]
    read = segmentations([record.segmentation for record in records], sizes)
    reasons = {i: one for i, one in enumerate(read) if isinstance(one, str)}
    found = [Segmentation("", 0.0, False) if isinstance(one, str) else one for one in read]
    wrong = np.zeros(len(records), np.bool_)
    wrong[list(reasons)] = True
    checks.leave_out(wrong, "segmentation", reasons.__getitem__)
    none = np.zeros(len(records), np.bool_)
    area = np.array([one.area for one in found], np.float64)
    thin = np.array([one.thin for one in found], np.bool_)
    start = np.zeros(len(records) + 1, np.int64)
    return _Shapes(start, np.empty(0), area, [one.rle for one in found], none, none, none, thin)


def _skeletons(records: Sequence[Any], checks: _Checks, *, annotated: bool) -> _Shapes:
    count = np.array([len(record.keypoints) for record in records], np.int64)
    checks.leave_out(
        (count == 0) | (count % 3 > 0) | (count > 3000),
        "keypoints",
        lambda _: "must be a list [x, y, v, x, y, v, …] of 1 to 1,000 keypoints",
    )
    parts, areas = [], np.zeros(len(records))
    none = np.zeros(len(records), np.bool_)
    negative, unlabelled, fractional = none.copy(), none.copy(), none.copy()
    wrong: dict[int, str] = {}
    for i in np.flatnonzero(checks.kept).tolist():
        record = records[i]
        triples = np.array(record.keypoints, np.float64).reshape(-1, 3)
        if not np.all(np.abs(triples[:, :2]) <= COORDINATE_LIMIT) or not np.all(np.isfinite(triples)):
            wrong[i] = "must consist of finite numbers"
            continue
        if annotated:
            seen = triples[:, 2]
            fractional[i] = bool(np.any(seen != np.clip(np.rint(seen), 0, 2)))
            # As pycocotools: where the file counts no keypoints none is labelled, and the annotation is ignored.
            triples[:, 2] = 0 if record.num_keypoints == 0 else np.clip(np.ceil(seen), 0, 2)
            unlabelled[i] = not np.any(triples[:, 2])
        labelled = triples[triples[:, 2] > 0] if annotated and not unlabelled[i] else triples
        low, high = labelled[:, :2].min(axis=0), labelled[:, :2].max(axis=0)
        box = [*low, *(high - low)]
        areas[i] = box[2] * box[3]
        if annotated:
            if record.bbox is not None:
                box = list(record.bbox)
                if not all(abs(value) <= COORDINATE_LIMIT for value in box):
                    wrong[i] = f"bbox must consist of finite numbers (got {box})"
                    continue
                areas[i] = box[2] * box[3]
                negative[i] = box[2] < 0 or box[3] < 0
                box[2:] = max(box[2], 0), max(box[3], 0)
            parts.append(np.concatenate((box, triples.ravel())))
        else:
            parts.append(triples.ravel())
    is_wrong = none.copy()
    is_wrong[list(wrong)] = True
    checks.leave_out(is_wrong, "keypoints", wrong.__getitem__)
    length = np.zeros(len(records), np.int64)
    length[checks.kept] = [len(part) for part in parts]
    start = np.concatenate((np.zeros(1, np.int64), np.cumsum(length)))
    return _Shapes(start, np.concatenate([np.empty(0), *parts]), areas, None, negative, unlabelled, fractional, none)


def _in_order(
    source: str,
    images: Images,
    kept: Flag,
    row: Int,
    ids: pa.Array,
    feature: Code,
    features: list[str],
    confidence: Float,
    area: Float,
    crowd: Code,
    shape: _Shapes,
    storable: Flag,
) -> Objects:
    """Put the records that are kept in the order of their images."""
    chosen = np.flatnonzero(kept)
    order = chosen[np.argsort(row[chosen], kind="stable")]
    counts = np.bincount(row[order], minlength=len(images.data_row))
    if len(counts) and counts.max() > OBJECTS_LIMIT:
        name = images.data_row[int(counts.argmax())]
        raise ImporterError(f"{source}: image {name}: has {counts.max():,} objects; the limit is {OBJECTS_LIMIT:,}")
    length = np.diff(shape.start)[order]
    start = np.concatenate((np.zeros(1, np.int64), np.cumsum(length)))
    positions = np.repeat(shape.start[order] - start[:-1], length) + np.arange(start[-1])
    return Objects(
        row[order],
        ids.take(pa.array(order)),
        feature[order],
        features,
        confidence[order],
        area[order],
        crowd[order],
        start,
        shape.values[positions],
        None if shape.detail is None else [shape.detail[i] for i in order.tolist()],
        storable[order],
    )


# --- columns to events ----------------------------------------------------------------------------------------------

_TYPES: Final[dict[CocoType, str]] = {"bbox": "bbox", "segm": "mask", "keypoints": "keypoints"}


def storable(objects: Objects) -> tuple[Objects, int]:
    """Give the objects that an event may say, and the number of the others."""
    if np.all(objects.storable):
        return objects, 0
    chosen = np.flatnonzero(objects.storable)
    length = np.diff(objects.geometry_start)[chosen]
    start = np.concatenate((np.zeros(1, np.int64), np.cumsum(length)))
    at = np.repeat(objects.geometry_start[chosen] - start[:-1], length) + np.arange(start[-1])
    kept = Objects(
        objects.row[chosen],
        objects.id.take(pa.array(chosen)),
        objects.feature[chosen],
        objects.features,
        objects.confidence[chosen],
        objects.area[chosen],
        objects.crowd[chosen],
        start,
        objects.geometry[at],
        None if objects.detail is None else [objects.detail[i] for i in chosen],
        objects.storable[chosen],
    )
    return kept, len(objects.row) - len(chosen)


def annotation_events(truth: Truth, dataset: str, version: int, iou_type: CocoType = "bbox") -> pa.Table:
    """Turn ground truth into events (schema ``EVENTS``), one for every image, those without annotations included."""
    images = truth.images
    facts = {
        "width": pa.array(images.width, pa.uint32()),
        "height": pa.array(images.height, pa.uint32()),
        "media_url": pa.array(images.media_url, pa.string()),
        "metadata": pa.array(
            [[("file_name", name)] if name else [] for name in images.file_name], pa.map_(pa.string(), pa.string())
        ),
    }
    return _events(truth.objects, images, dataset, "", version, iou_type, facts)


def prediction_events(
    found: Found, truth: Truth, dataset: str, run: str, version: int, iou_type: CocoType = "bbox"
) -> pa.Table:
    """Turn results into events, one for every image of the ground truth: what is not there was not found."""
    return _events(found.objects, truth.images, dataset, run, version, iou_type, {})


def _events(
    objects: Objects,
    images: Images,
    dataset: str,
    run: str,
    version: int,
    iou_type: CocoType,
    facts: dict[str, pa.Array],
) -> pa.Table:
    rows, count = len(images.data_row), len(objects.row)
    offsets = pa.array(np.searchsorted(objects.row, np.arange(rows + 1)).astype(np.int32))
    feature = pa.array(objects.features, pa.string()).take(pa.array(objects.feature))
    geometry = pa.ListArray.from_arrays(
        pa.array(objects.geometry_start.astype(np.int32)), pa.array(objects.geometry, pa.float64())
    )
    none = pa.array([], pa.float64())
    no_start = pa.array(np.zeros(count + 1, np.int32))
    per_object = {
        "id": objects.id,
        "type": _repeated(_TYPES[iou_type], count),
        "feature": feature,
        "label": feature,
        "confidence": pa.array(objects.confidence, pa.float64()),
        "area": pa.array(objects.area, pa.float64()),
        "crowd": pa.array(objects.crowd.astype(np.uint8)),
        "geometry": geometry,
        "parent": pa.array(np.zeros(count, np.uint32)),
        "detail": _repeated("", count) if objects.detail is None else pa.array(objects.detail, pa.string()),
        "score_label": pa.ListArray.from_arrays(no_start, pa.array([], pa.string())),
        "score": pa.ListArray.from_arrays(no_start, none),
    }
    nothing = {
        "split": _repeated("", rows),
        "width": pa.array(np.zeros(rows, np.uint32)),
        "height": pa.array(np.zeros(rows, np.uint32)),
        "coordinates": _repeated("", rows),
        "media_url": _repeated("", rows),
        "text": _repeated("", rows),
        "metadata": pa.array([[]] * rows, pa.map_(pa.string(), pa.string())),
        "deleted_id": pa.array([[]] * rows, pa.list_(pa.string())),
    }
    columns: dict[str, Any] = {
        "dataset": _repeated(dataset, rows),
        "data_row": pa.array(images.data_row, pa.string()),
        "run": _repeated(run, rows),
        "version": pa.array(np.full(rows, version, np.uint64)),
        "event_id": pa.array(images.data_row, pa.string()),
        "operation": _repeated("replace", rows),
        **nothing,
        **facts,
        **{f"object_{name}": pa.ListArray.from_arrays(offsets, values) for name, values in per_object.items()},
    }
    return pa.table([columns[name] for name in EVENTS.names], schema=EVENTS)


def _repeated(text: str, count: int) -> pa.Array:
    return pa.repeat(pa.scalar(text, pa.string()), count)
