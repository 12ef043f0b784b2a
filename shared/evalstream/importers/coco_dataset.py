"""COCO data sets that hold predictions, as FiftyOne, CVAT and others export them, to detections on a ground truth.

Such a file counts images and categories by itself: both are joined by name, never by number alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from evalstream.importers.columns import Categories, Truth
from evalstream.importers.names import ImageNames, Match, refuse_ambiguous, told
from evalstream.importers.problems import ImporterError, Problem
from evalstream.words import count_of

_LISTS = ("images", "categories", "annotations")


def is_dataset(document: Any) -> bool:
    """Whether a document is a data set, which lists images, categories and annotations, and no list of detections."""
    return isinstance(document, Mapping) and all(isinstance(document.get(key), list) for key in _LISTS)


def as_detections(
    source: str, document: Mapping[str, Any], truth: Truth, notes: list[str]
) -> tuple[list[dict[str, Any]], Truth]:
    """Give a data set's annotations as detections, and the ground truth with the names by which they name things.

    Images are known by their file names, or by their ids where one side has none; classes by their names.

    Raises
    ------
    ImporterError
        If an image or a category has no id, no class is the ground truth's, or a name is that of several images.
    """
    images = _by_id(source, document, "images", ("id",))
    classes = {key: str(one["name"]) for key, one in _by_id(source, document, "categories", ("id", "name")).items()}
    names = list(dict.fromkeys([*truth.categories.names, *classes.values()]))
    shared = {name for name in classes.values() if name in set(truth.categories.names)}
    if classes and truth.categories.names and not shared:
        raise ImporterError(
            f"{source}: categories are {', '.join(sorted(set(classes.values()))[:5])}, and {truth.source} has none of"
            " these names"
        )
    known = ImageNames(truth.images.data_row, truth.images.file_name)
    matches = {key: _match(known, key, image) for key, image in images.items()}
    forms = Counter(match.form for match in matches.values() if match.place >= 0)
    records: list[dict[str, Any]] = []
    for i, record in enumerate(document["annotations"]):
        if not isinstance(record, Mapping):
            records.append(record)
            continue
        image, category = record.get("image_id"), record.get("category_id")
        if image in matches:
            refuse_ambiguous(source, f"annotations[{i}]", matches[image])
            place = matches[image].place
            image = truth.images.data_row[place] if place >= 0 else images[image].get("file_name", image)
        records.append({**record, "image_id": image, "category_id": classes.get(category, category)})
    new = len(names) - len(truth.categories.names)
    notes.append(
        f"A COCO data set, whose {count_of(len(records), 'annotation')} are read as predictions; classes are joined by"
        f" name: {len(shared):,} of {len(classes):,} are the ground truth's"
        + (f", and {new:,} {'is' if new == 1 else 'are'} not." if new else ".")
    )
    notes += told(forms, "image")
    crowds = sum(bool(record.get("iscrowd")) for record in records if isinstance(record, Mapping))
    if crowds:
        notes.append(f"{count_of(crowds, 'annotation')} with iscrowd: read as one detection each.")
    places = {name: i for i, name in enumerate(truth.images.data_row)}
    by_name: dict[Any, int] = {name: i for i, name in enumerate(names)}
    own = truth._replace(images=truth.images._replace(place=places), categories=Categories(names, by_name))
    return records, own


def _by_id(source: str, document: Mapping[str, Any], kind: str, needed: Sequence[str]) -> dict[Any, Mapping[str, Any]]:
    by_id: dict[Any, Mapping[str, Any]] = {}
    for i, one in enumerate(document[kind]):
        for field in needed:
            if not isinstance(one, Mapping) or not isinstance(one.get(field), str | int | float):
                raise ImporterError(str(Problem(source, f"{kind}[{i}]", field, "must be there, a number or a text")))
        by_id[one["id"]] = one
    return by_id


def _match(known: ImageNames, key: Any, image: Mapping[str, Any]) -> Match:
    """Find an image by its file name, then by its id where one of the two sides does not tell file names."""
    file_name = image.get("file_name")
    by_name = known.find(file_name) if isinstance(file_name, str) and file_name else Match(-1, "", 0)
    if by_name.place >= 0 or by_name.candidates or known.has_file_names(bool(file_name)):
        return by_name
    return known.find(key)
