"""COCO files to columns of events: one ``replace`` an image.

The format: https://cocodataset.org/#format-data and #format-results. An image's data row is its id as text; ids need
not be dense, positive or in order. Categories are known by their names.

What pycocotools reads is read, and counts as it counts there. What cannot be read is left out and told, record by
record; what is read otherwise than it stands in the file is told in a note.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa
from msgspec import UNSET
from numpy.typing import NDArray

from evalstream.arrow import as_texts, take, texts
from evalstream.events.base import CONTROL, OBJECTS_LIMIT, Crowd
from evalstream.importers import lvis
from evalstream.importers.coco_columns import Plain, field, in_pieces, plain_annotations, plain_detections, plain_pieces
from evalstream.importers.coco_dataset import as_detections, is_dataset
from evalstream.importers.coco_images import image_key, read_images
from evalstream.importers.coco_records import (
    ANNOTATIONS,
    DETECTIONS,
    CategoryRecord,
    DetectionRecord,
    Id,
    ImageRecord,
    Records,
    Source,
    annotation_name,
    converted,
    detection_name,
    generic,
    opened,
    required,
)
from evalstream.importers.coco_shapes import Checks, Shapes, check_numbers, shapes
from evalstream.importers.columns import Categories, CocoType, Found, Images, Objects, RowKey, Truth, bound
from evalstream.importers.names import ImageNames, refuse_ambiguous, told
from evalstream.importers.places import distinct, places
from evalstream.importers.problems import ImporterError, Problem, refuse
from evalstream.importers.text import STDIN
from evalstream.ontology import FREQUENCIES
from evalstream.scenes import Code, Flag, Float, Int
from evalstream.words import count_of

_CONTROL: Final = re.compile(CONTROL)


def read_truth(source: Source, iou_type: CocoType = "bbox", row_key: RowKey = "id") -> Truth:
    """Read ground truth (``instances_*.json``).

    Parameters
    ----------
    row_key : {"id", "file_name", "stem"}
        What data rows are called by.

    Raises
    ------
    ImporterError
        If it is no ground truth, or no record of it can be read. Others that cannot are in ``problems``.
    """
    name, document = opened(source)
    problems: list[Problem] = []
    notes: list[str] = []
    kind = ANNOTATIONS[iou_type]
    if isinstance(document, bytes):
        whole = msgspec.defstruct(
            "Document",
            [("images", list[ImageRecord]), ("categories", list[CategoryRecord]), ("annotations", list[kind])],  # type: ignore[valid-type]
        )
        plain = plain_annotations(document, iou_type)
        own, rest = plain or (None, document)
        try:
            read: Any = msgspec.json.decode(rest, type=whole)
            if own is not None and lvis.is_federated(read.images):  # which look at the records one by one
                own, read = None, msgspec.json.decode(document, type=whole)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            document = generic(name, document)  # a second look, at each record by itself
    if isinstance(document, bytes):
        document = rest = b""  # as large as all that comes of it
        images, categories = read.images, read.categories
        listed_in_file = read.annotations if own is None else own
        annotations = Records(listed_in_file, range(len(listed_in_file)))
    else:
        if not isinstance(document, Mapping):
            raise ImporterError(
                f"{name}: a COCO ground-truth file is an object with images, categories and annotations"
            )
        for key in ("images", "categories", "annotations"):
            if not isinstance(document.get(key), list):
                raise ImporterError(f"{name}: {key}: must be there, and be a list")
        images = [required(name, f"images[{i}]", one, ImageRecord) for i, one in enumerate(document["images"])]
        categories = [
            required(name, f"categories[{i}]", one, CategoryRecord) for i, one in enumerate(document["categories"])
        ]
        annotations = converted(name, document["annotations"], kind, annotation_name, problems)
    known, listed = read_images(name, images, row_key, notes), _categories(name, categories)
    federated = iou_type != "keypoints" and lvis.is_federated(images)
    count = len(annotations.own)
    if federated:
        annotations = lvis.regions(images, annotations, kind, iou_type)
    objects = _annotated(name, annotations, known, listed, iou_type, notes, problems)
    _refuse_all(objects, problems)
    truth = Truth(name, known, listed, objects, notes, problems)
    if not federated:
        return truth
    looked_for = lvis.looked_for(name, images, known, listed, objects.row, objects.feature)
    notes.append(lvis.told(looked_for, len(annotations.own) - count))
    return truth._replace(looked_for=looked_for)


def read_results(
    source: Source,
    truth: Truth,
    iou_type: CocoType = "bbox",
    *,
    skip_unknown_images: bool = False,
    category_offset: int = 0,
) -> Found:
    """Read detections on the images of a ground truth: a list of them, or a data set whose annotations they are.

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
    plain = None
    path = Path(source) if isinstance(source, str | Path) else STDIN
    if path != STDIN and in_pieces(iou_type) and abs(category_offset) < 2**62:
        plain = plain_pieces(path, iou_type)
    name, document = opened(source) if plain is None else (str(source), None)
    problems: list[Problem] = []
    notes: list[str] = []
    kind = DETECTIONS[iou_type]
    if isinstance(document, bytes) and document.lstrip().startswith(b"{"):
        document = generic(name, document)
    if isinstance(document, Mapping) and is_dataset(document):
        document, truth = as_detections(name, document, truth, notes)
    if plain is not None:
        detections = Records(plain, range(len(plain)))
    elif isinstance(document, bytes):
        try:
            plain = plain_detections(document, iou_type) if abs(category_offset) < 2**62 else None
            read: Sequence[Any] = plain or msgspec.json.decode(document, type=list[kind])  # type: ignore[valid-type]
            detections = Records(read, range(len(read)))
        except (msgspec.MsgspecError, UnicodeDecodeError):
            document = generic(name, document)
    if document is not None and not isinstance(document, bytes):
        if not isinstance(document, Sequence) or isinstance(document, str):
            raise ImporterError(
                f"{name}: a COCO results file is a list of detections, or a data set with images, categories and"
                " annotations"
            )
        detections = converted(name, document, kind, detection_name, problems)
    del document  # as large as all that comes of it
    if category_offset and isinstance(detections.own, Plain):
        detections.own.category_id += category_offset
    elif category_offset:
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


def _categories(source: str, categories: Sequence[CategoryRecord]) -> Categories:
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
    said = {category.id: category.frequency for category in ordered}
    given = zip(names, (said[key] for key in by_id), strict=True)
    frequency = {name: own for name, own in given if own in FREQUENCIES.values()}
    return Categories(names, place | {key: i for i, key in enumerate(by_id)}, frequency)


def _annotated(
    source: str,
    records: Records,
    images: Images,
    categories: Categories,
    iou_type: CocoType,
    notes: list[str],
    problems: list[Problem],
) -> Objects:
    own, positions = records
    checks = Checks(source, lambda i: annotation_name(positions[i], own[i]), len(own), problems)
    row = _rows(source, own, images, checks)
    feature = places(categories.place, field(own, "category_id")).astype(np.int32)
    checks.leave_out(
        feature < 0,
        "category_id",
        lambda i: f"the file lists no category {own[i].category_id!r}; pycocotools leaves such annotations out, too",
    )
    shape = shapes(own, row, images, iou_type, checks, annotated=True)
    area, given = _areas(own)
    check_numbers(checks, given[:, None], area[:, None], "area", lambda i: own[i].area)
    area = np.where(given, area, shape.area)
    crowd = own.crowd if isinstance(own, Plain) else np.array([bool(record.iscrowd) for record in own], np.bool_)
    code = np.where(crowd, Crowd.CROWD, np.where(shape.unlabelled, Crowd.UNLABELLED, Crowd.OBJECT)).astype(np.int32)
    storable = ~shape.negative & ~(area < 0)
    kept = checks.kept
    note = partial(_note, notes)
    note(shape.negative & kept, "annotation", "a negative width or height, so that nothing overlaps it")
    note((area < 0) & kept, "annotation", "an area below 0, so that policy `coco` ignores it, as pycocotools does")
    note(shape.fractional & kept, "annotation", "fractional visibilities; what is above 0 is labelled")
    note(shape.thin & kept, "annotation", "an outline of less than three points, drawn as pycocotools draws it")
    given_ids = field(own, "id")
    if isinstance(given_ids, np.ndarray):
        ids = as_texts(given_ids)
        zero = (given_ids == 0) & kept
    else:
        ids = texts(f"#{positions[i]}" if own_id is None else str(own_id) for i, own_id in enumerate(given_ids))
        zero = np.array([own_id == 0 for own_id in given_ids], np.bool_) & kept
    note(zero, "annotation", "the id 0, whose matches pycocotools takes for none; here it counts as any other")
    repeated = np.zeros(len(own), np.bool_)
    if len(distinct(given_ids)[0] if isinstance(given_ids, np.ndarray) else set(ids.to_pylist())) < len(own):
        ids, repeated = _unique_ids(ids, row, positions)
    note(repeated & kept, "annotation", "an id that another one of the image has; each counts")
    confidence = np.ones(len(own))
    columns = row, ids, feature, categories.names, confidence, area, code, shape, storable
    return _in_order(source, images, kept, *columns)


def _predicted(
    source: str,
    records: Records,
    truth: Truth,
    iou_type: CocoType,
    notes: list[str],
    problems: list[Problem],
    *,
    skip_unknown_images: bool,
) -> Objects:
    own, positions = records
    checks = Checks(source, lambda i: detection_name(positions[i], own[i]), len(own), problems)
    row = _rows(source, own, truth.images, checks)
    _find_by_name(source, truth.images, records, row, notes)
    if skip_unknown_images:
        _skip_unknown(own, row, checks, notes)
    else:
        _refuse_unknown(source, truth, records, row)
    given = field(own, "category_id")
    classes = dict.fromkeys(_in_order_of_appearance(given))
    notes += _off_by_one(set(classes), truth.categories)
    names = list(truth.categories.names)
    place: dict[Any, int] = dict(truth.categories.place)
    for key in classes:
        if key not in place:
            # A class that the ground truth does not list has no name there; its predictions are still predictions. The
            # bare id would not do: a listed class may be called so, "7" where digits are detected.
            place[key] = len(names)
            names.append(f"unlisted category {key}")
    category = places(place, given).astype(np.int32)
    shape = shapes(own, row, truth.images, iou_type, checks, annotated=False)
    confidence, missing, renamed = _scores(own)
    checks.leave_out(
        ~missing & ~np.isfinite(confidence), "score", lambda i: f"must be a finite number (got {confidence[i]})"
    )
    confidence[missing] = 1.0
    if truth.looked_for is not None:
        checks.kept &= lvis.kept(truth.looked_for, row, np.array(category, np.int64), confidence, checks.kept, notes)
    kept = checks.kept
    note = partial(_note, notes)
    note(renamed & kept, "detection", "`confidence` in the place of `score`")
    note(missing & kept, "detection", "no score; its confidence is 1")
    bound(confidence, kept, notes)
    note(shape.negative & kept, "detection", "a negative width or height, so that it overlaps nothing")
    note(shape.thin & kept, "detection", "an outline of less than three points, drawn as pycocotools draws it")
    code = np.zeros(len(own), np.int32)
    ids = as_texts(np.array(positions, np.int64))
    columns = row, ids, category, names, confidence, shape.area, code, shape, ~shape.negative
    return _in_order(source, truth.images, kept, *columns)


def _areas(records: Sequence[Any]) -> tuple[Float, Flag]:
    """Give the areas (NaN: none), and which records have one."""
    if isinstance(records, Plain):
        return records.area, ~np.isnan(records.area)
    area = np.array([np.nan if record.area is None else record.area for record in records], np.float64)
    return area, np.array([record.area is not None for record in records], np.bool_)


def _scores(records: Sequence[Any]) -> tuple[Float, Flag, Flag]:
    """Give the scores (NaN: none), which are missing, and which stand in a field `confidence`."""
    missing = np.zeros(len(records), np.bool_)
    if isinstance(records, Plain):
        return records.score.copy(), missing, missing
    try:
        return _column(records, "score"), missing, missing
    except TypeError:  # one is not set
        renamed = np.array([one.score is UNSET and one.confidence is not UNSET for one in records], np.bool_)
        given = [one.confidence if other else one.score for one, other in zip(records, renamed, strict=True)]
        missing = np.array([score is UNSET for score in given], np.bool_)
        return np.array([np.nan if score is UNSET else score for score in given], np.float64), missing, renamed


def _column(records: Sequence[Any], field: str) -> Float:
    return np.fromiter(map(attrgetter(field), records), np.float64, len(records))


def _in_order_of_appearance(given: NDArray[Any] | list[Any]) -> list[Any]:
    if isinstance(given, list):
        return given
    values, at = distinct(given)
    first = np.full(len(values), len(given))
    np.minimum.at(first, at, np.arange(len(given)))
    ordered: list[Any] = values[np.argsort(first)].tolist()
    return ordered


def _rows(source: str, records: Sequence[Any], images: Images, checks: Checks) -> Int:
    row = places(images.place, field(records, "image_id"))
    for i in np.flatnonzero(row < 0).tolist():  # one that is written otherwise: 1.0 for 1
        row[i] = images.place.get(image_key(records[i].image_id), -1)
    if not isinstance(records[0] if records else None, DetectionRecord):
        checks.leave_out(row < 0, "image_id", lambda i: f"{source} has no image {records[i].image_id}")
    return row


def _find_by_name(source: str, images: Images, records: Records, row: Int, notes: list[str]) -> None:
    """Find the images of detections that do not name them by id."""
    missing = np.flatnonzero(row < 0).tolist()
    if not missing:
        return
    names = ImageNames(images.data_row, images.file_name)
    forms: Counter[str] = Counter()
    matches = {image_id: names.find(image_id) for image_id in {records.own[i].image_id for i in missing}}
    for i in missing:
        match = matches[records.own[i].image_id]
        refuse_ambiguous(source, f"{detection_name(records.positions[i], None)}: image_id", match)
        row[i] = match.place
        forms[match.form] += 1
    notes += told(forms, "detection")


def _skip_unknown(own: Sequence[Any], row: Int, checks: Checks, notes: list[str]) -> None:
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


def _refuse_unknown(source: str, truth: Truth, records: Records, row: Int) -> None:
    unknown = np.flatnonzero(row < 0).tolist()
    if unknown:
        position, record = records.positions[unknown[0]], records.own[unknown[0]]
        more = f"; {len(unknown):,} detections are on images that it does not have" if len(unknown) > 1 else ""
        raise ImporterError(
            f"{source}: {detection_name(position, record)}: image_id: {truth.source} has no image"
            f" {record.image_id}{more}"
        )


def _unique_ids(given: pa.Array, row: Int, positions: Sequence[int]) -> tuple[pa.Array, Flag]:
    """Give records that share an id within an image a name by their place in the file."""
    ids: list[str] = given.to_pylist()
    repeated = np.zeros(len(ids), np.bool_)
    seen: set[tuple[int, str]] = set()
    for i, key in enumerate(zip(row.tolist(), ids, strict=True)):
        repeated[i] = key in seen
        seen.add(key)
    own = (f"#{positions[i]}" if again else name for i, (name, again) in enumerate(zip(ids, repeated, strict=True)))
    return texts(own), repeated


def _note(notes: list[str], which: Flag, noun: str, what: str) -> None:
    """Say how many records are read otherwise than they stand in the file, if there are any."""
    count = int(np.count_nonzero(which))
    if count:
        notes.append(f"{count_of(count, noun)}: {what}.")


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
    shape: Shapes,
    storable: Flag,
) -> Objects:
    """Put the records that are kept in the order of their images."""
    chosen = np.flatnonzero(kept)
    order = chosen[np.argsort(row[chosen], kind="stable")]
    counts = np.bincount(row[order], minlength=len(images.data_row))
    if len(counts) and counts.max() > OBJECTS_LIMIT:
        name = images.data_row[int(counts.argmax())]
        raise ImporterError(f"{source}: image {name}: has {counts.max():,} objects; the limit is {OBJECTS_LIMIT:,}")
    if len(order) == len(row) and np.array_equal(order, np.arange(len(row))):  # then copies would only take memory
        columns = row, ids, feature, features, confidence, area, crowd
        return Objects(*columns, shape.start.astype(np.int64, copy=False), shape.values, shape.detail, storable)
    length = np.diff(shape.start)[order]
    start = np.concatenate((np.zeros(1, np.int64), np.cumsum(length)))
    positions = np.repeat(shape.start[order] - start[:-1], length) + np.arange(start[-1])
    return Objects(
        row[order],
        take(ids, order),
        feature[order],
        features,
        confidence[order],
        area[order],
        crowd[order],
        start,
        shape.values[positions],
        None if shape.detail is None else take(shape.detail, order),
        storable[order],
    )
