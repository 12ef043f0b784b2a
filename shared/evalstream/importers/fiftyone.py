"""FiftyOne data sets, in memory or exported, to data rows: one a sample, called by the path of its file.

They are known by what they have, so that the package need not be installed. Boxes are fractions of the image
(https://docs.voxel51.com/user_guide/using_datasets.html).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, NamedTuple, Protocol, runtime_checkable

from evalstream.importers.options import Size, YoloOptions
from evalstream.importers.problems import ImporterError, Problem
from evalstream.importers.rows import Imported, Row, Side
from evalstream.importers.text import head, plain_bytes
from evalstream.words import count_of

#: The samples of an exported data set (``fiftyone.types.FiftyOneDataset``), and what stands beside them.
SAMPLES: Final = "samples.json"
METADATA: Final = "metadata.json"
#: The labels of ``FiftyOneImageDetectionDataset`` and ``FiftyOneImageClassificationDataset``, and the folder of images.
LABELS: Final = "labels.json"
IMAGES: Final = "data"
_LABELS_START: Final = re.compile(r'\s*\{\s*"classes"\s*:\s*(\[|null)')
#: Fields of samples where none is named, as FiftyOne's own examples call them.
_FIELDS: dict[Side, tuple[str, ...]] = {
    "annotations": ("ground_truth", "detections"),
    "predictions": ("predictions", "detections"),
}


@runtime_checkable
class Samples(Protocol):
    """As much of ``fiftyone.Dataset``, or a view of one, as is used."""

    def iter_samples(self) -> Iterator[Any]:
        """Give the samples."""

    def get_field_schema(self) -> dict[str, Any]:
        """Give the fields of samples."""


class Exported(NamedTuple):
    """Samples of an exported data set, with what a sample in memory has."""

    samples: list[dict[str, Any]]

    def iter_samples(self) -> Iterator[Any]:
        """Give the samples."""
        nothing = dict.fromkeys(("metadata", *self.get_field_schema()))
        yield from (nothing | sample for sample in self.samples)

    def get_field_schema(self) -> dict[str, Any]:
        """Give the fields of samples."""
        return dict.fromkeys(name for sample in self.samples for name in sample)


def exported(folder: Path) -> Exported:
    """Read the folder of an exported data set.

    Raises
    ------
    ImporterError
        If it holds none.
    """
    path = folder / SAMPLES
    try:
        document = json.loads(plain_bytes(path), object_hook=_as_in_memory)
    except ValueError as error:
        raise ImporterError(f"{path}: not JSON: {error}") from None
    samples = document.get("samples") if isinstance(document, dict) else None
    if not isinstance(samples, list) or not all(isinstance(one, dict) and "filepath" in one for one in samples):
        raise ImporterError(f"{path}: samples: must be there, and be a list of samples with a filepath")
    return Exported(samples)


def _as_in_memory(given: dict[str, Any]) -> Any:
    """Give labels and metadata, which name their class, attributes; and ids, which are objects, as texts."""
    if "$oid" in given:
        return given["$oid"]
    if "_cls" not in given or "filepath" in given:
        return given
    return SimpleNamespace(**{name.removeprefix("_"): value for name, value in given.items()})


def read(source: Samples, side: Side, field: str | None, question: str) -> Imported:
    """Read one field of the samples: detections, or a classification, which answers the question.

    Raises
    ------
    ImporterError
        If samples have no such field.
    """
    known = source.get_field_schema()
    own = next((name for name in ([field] if field else _FIELDS[side]) if name in known), None)
    if own is None:
        raise ImporterError(f"{side}: samples have no field {field or _FIELDS[side][0]!r}; these are: {sorted(known)}")
    rows: list[Row] = []
    problems: list[Problem] = []
    tally: Counter[str] = Counter()
    for sample in source.iter_samples():
        name = str(sample["filepath"])
        size = _size(sample)
        facts: dict[str, Any] = {"metadata": {"file_name": name}}
        if size is not None:
            facts |= {"width": size[0], "height": size[1]}
        objects: list[dict[str, Any]] = []
        places: list[str] = []
        label = sample[own]
        for i, one in enumerate(labels_of(label)):
            place = f"sample {name!r}: {own}[{i}]"
            try:
                objects.append(_object(one, question, size, side, tally))
                places.append(place)
            except ValueError as error:
                part, _, reason = str(error).partition(": ")
                problems.append(Problem(side, place, part, reason))
        rows.append(Row(name, facts, objects, places))
    notes = [f"The field {own!r} of samples.", *_notes(tally)]
    names = sorted({item["feature"] for row in rows for item in row.objects})
    return Imported(side, side, rows, names, notes, problems)


def _notes(tally: Counter[str]) -> list[str]:
    notes = []
    if tally["masks"]:
        notes.append(f"{count_of(tally['masks'], 'detection')} with a mask: read as boxes.")
    if tally["unscored"]:
        notes.append(f"{count_of(tally['unscored'], 'label')} without a confidence; it is 1.")
    return notes


def is_labels(text: str) -> bool:
    """Whether a text begins as such a file of labels does.

    >>> is_labels('{"classes": ["cat"], "labels": {}}'), is_labels('{"images": []}')
    (True, False)
    """
    return _LABELS_START.match(text) is not None


def labels_file(path: Path) -> Path | None:
    """Find the file of labels that a path is, or that stands in its folder."""
    file = path / LABELS if path.is_dir() else path
    return file if file.is_file() and is_labels(head(file)) else None


def read_labels(
    path: Path, side: Side, question: str, options: YoloOptions, known: Mapping[str, Size] | None = None
) -> Imported:
    """Read labels by image: detections, or a classification, which answers the question.

    Parameters
    ----------
    options : YoloOptions
        Where images are, or their common size; they are found in ``data`` beside the file otherwise.
    known : mapping, optional
        Sizes of a ground truth's images, by name.

    Raises
    ------
    ImporterError
        If it is no such file, or nothing of it can be read.
    """
    from evalstream.importers.images import images_in, size_of  # which takes a while, and data sets in memory need not

    try:
        document = json.loads(plain_bytes(path))
    except ValueError as error:
        raise ImporterError(f"{path}: not JSON: {error}") from None
    classes, labels = document["classes"], document.get("labels")
    if not isinstance(labels, dict):
        raise ImporterError(f"{path}: labels: must be there, by the name of an image")
    folder = options.images or path.parent / IMAGES
    files = {file.relative_to(folder).with_suffix("").as_posix(): file for file in images_in(folder)}
    rows: list[Row] = []
    problems: list[Problem] = []
    tally: Counter[str] = Counter()
    for name, given in labels.items():
        size = options.image_size or (known or {}).get(name)
        if size is None and name in files:
            size = size_of(files[name])
        facts: dict[str, Any] = {"metadata": {"file_name": files[name].name}} if name in files else {}
        facts |= {"width": size.width, "height": size.height} if size else {}
        objects: list[dict[str, Any]] = []
        places: list[str] = []
        for i, one in enumerate(given if isinstance(given, list) else [] if given is None else [given]):
            place = f"labels[{name!r}][{i}]"
            try:
                objects.append(_object(_label(one, classes), question, size, side, tally))
                places.append(place)
            except ValueError as error:
                part, _, reason = str(error).partition(": ")
                problems.append(Problem(str(path), place, part, reason))
        rows.append(Row(name, facts, objects, places))
    if problems and not any(row.objects for row in rows):
        raise ImporterError(str(problems[0]))
    categories = list(classes or sorted({item["feature"] for row in rows for item in row.objects}))
    return Imported(str(path), side, rows, categories, _notes(tally), problems, numbered=bool(classes))


def _label(given: Any, classes: list[str] | None) -> SimpleNamespace:
    """Give a label of a file what one in memory has; its class may be the place in the list of them."""
    said = dict(given) if isinstance(given, dict) else {"label": given}
    own = said.get("label")
    if isinstance(own, int) and classes is not None:
        if not 0 <= own < len(classes):
            raise ValueError(f"label: there is no class {own} of {len(classes)}")
        said["label"] = classes[own]
    elif not isinstance(own, str):
        raise ValueError(f"label: must be a class, by name or by its place in classes (got {own!r})")
    return SimpleNamespace(**(said.pop("attributes", None) or {}) | said)


def _size(sample: Any) -> tuple[int, int] | None:
    metadata = sample["metadata"]
    width, height = getattr(metadata, "width", None), getattr(metadata, "height", None)
    return (int(width), int(height)) if width and height else None


def labels_of(label: Any) -> list[Any]:
    """Give the labels of a field: of a list of them, or the one that it is."""
    if label is None:
        return []
    for name in ("detections", "classifications"):
        if getattr(label, name, None) is not None:
            return list(getattr(label, name))
    return [label]


def _object(one: Any, question: str, size: tuple[int, int] | None, side: Side, tally: Counter[str]) -> dict[str, Any]:
    box = getattr(one, "bounding_box", None)
    said: dict[str, Any]
    if box is not None:
        if size is None:
            raise ValueError(
                "metadata: the size of the image is not known; `dataset.compute_metadata()` reads it, and --images or"
                " --image-size gives it to exported labels"
            )
        x, y, width, height = (float(value) for value in box)
        pixels = [x * size[0], y * size[1], width * size[0], height * size[1]]
        said = {"type": "bbox", "feature": str(one.label), "bbox": pixels}
        tally["masks"] += getattr(one, "mask", None) is not None
        if side == "annotations" and getattr(one, "iscrowd", False):
            said["crowd"] = True
    elif hasattr(one, "points"):
        raise ValueError("points: polylines and keypoints are not read; export them as COCO")
    else:
        said = {"type": "radio", "feature": question, "answer": str(one.label)}
    if getattr(one, "id", None):
        said["id"] = str(one.id)
    if side == "predictions":
        confidence = getattr(one, "confidence", None)
        tally["unscored"] += confidence is None
        said |= {} if confidence is None else {"confidence": float(confidence)}
    return said
