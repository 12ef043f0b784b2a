"""COCO files to events: one ``replace`` an image.

The format: https://cocodataset.org/#format-data and #format-results. An image's data row is its id as text; ids need
not be dense, positive or in order. Categories are known by their names.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from pycocotools import mask as coco_mask
from pydantic_core import from_json, to_json

#: What of a record is read, in COCO's words: `segm` is the segmentation, which becomes a mask.
CocoType = Literal["bbox", "segm", "keypoints"]
#: pycocotools draws outlines point by point, however far outside the image they run.
OUTLINE_LIMIT: Final = 1e6


class CocoError(ValueError):
    """A COCO file that cannot be read; the message names the file and the record."""


class CocoEvent(NamedTuple):
    """One event, and what each of its objects is called in the file it came from."""

    payload: bytes
    names: list[str]


class CocoDataset(NamedTuple):
    """A ground-truth file, as far as it concerns predictions too."""

    path: Path
    images: dict[str, Mapping[str, Any]]  # by data row
    categories: dict[Any, str]  # name by id
    annotations: list[Mapping[str, Any]]


def read_dataset(path: Path) -> CocoDataset:
    """Read a ground-truth file (``instances_*.json``)."""
    document = _read(path)
    if not isinstance(document, dict):
        raise CocoError(f"{path}: a COCO ground-truth file is an object with images, categories and annotations")
    for key in ("images", "categories", "annotations"):
        if not isinstance(document.get(key), list):
            raise CocoError(f"{path}: {key}: must be there, and be a list")
    images = {_image_key(_get(image, "id", path, f"images[{i}]")): image for i, image in enumerate(document["images"])}
    return CocoDataset(path, images, _category_names(document["categories"], path), document["annotations"])


def annotation_events(
    coco: CocoDataset, dataset: str, version: int, iou_type: CocoType = "bbox"
) -> Iterator[CocoEvent]:
    """Turn ground truth into events, one for every image, those without annotations included."""
    of_image = _by_image(coco, coco.annotations, coco.path, _annotation_name)
    for data_row, image in coco.images.items():
        objects, names = [], []
        for i, annotation in of_image[data_row]:
            name = _annotation_name(i, annotation)
            known = {"id": str(annotation["id"])} if "id" in annotation else {"id": f"#{i}"}
            area = {"area": annotation["area"]} if annotation.get("area") is not None else {}
            crowd = {"crowd": True} if annotation.get("iscrowd") else {}
            shape = _annotated(annotation, image, iou_type, coco.path, name)
            objects.append(known | _feature(coco, annotation, coco.path, name) | shape | area | crowd)
            names.append(name)
        yield CocoEvent(
            to_json(
                {
                    "dataset": dataset,
                    "data_row": data_row,
                    "operation": "replace",
                    "version": version,
                    "row": _facts(image),
                    "annotations": objects,
                },
                inf_nan_mode="constants",
            ),
            names,
        )


def prediction_events(
    coco: CocoDataset, path: Path, dataset: str, run: str, version: int, iou_type: CocoType = "bbox"
) -> Iterator[CocoEvent]:
    """Turn a results file into events, one for every image of the ground truth: what is not there was not found."""
    results = _read(path)
    if not isinstance(results, list):
        raise CocoError(f"{path}: a COCO results file is a list of detections")
    of_image = _by_image(coco, results, path, _detection_name)
    for data_row, image in coco.images.items():
        objects, names = [], []
        for i, detection in of_image[data_row]:
            name = _detection_name(i, detection)
            confidence = {"confidence": detection["score"]} if "score" in detection else {}
            shape = _predicted(detection, image, iou_type, path, name)
            objects.append({"id": str(i)} | _feature(coco, detection, path, name) | shape | confidence)
            names.append(name)
        yield CocoEvent(
            to_json(
                {
                    "dataset": dataset,
                    "data_row": data_row,
                    "run": run,
                    "operation": "replace",
                    "version": version,
                    "predictions": objects,
                },
                inf_nan_mode="constants",
            ),
            names,
        )


def explain(reason: str, names: list[str]) -> str:
    """Say in the file's terms what a rejection says in the event's: of ``annotation id 17``, not ``annotations.3``."""
    return re.sub(
        r"(^|; )(?:annotations|predictions)\.(\d+)\.", lambda found: f"{found[1]}{names[int(found[2])]}: ", reason
    )


def _read(path: Path) -> Any:
    try:
        return from_json(path.read_bytes(), allow_inf_nan=True)
    except OSError as error:
        raise CocoError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise CocoError(f"{path}: not JSON: {error}") from None


def _get(record: Any, key: str, path: Path, name: str) -> Any:
    if not isinstance(record, dict) or key not in record:
        raise CocoError(f"{path}: {name}: {key}: missing")
    return record[key]


def _image_key(image: Any) -> str:
    """Name an image's data row; 1.0 is the 1 of a file that went through a table of floats."""
    return str(int(image)) if isinstance(image, float) and image.is_integer() else str(image)


def _category(record: Any, key: str, path: Path, name: str) -> float | str:
    category = _get(record, key, path, name)
    if not isinstance(category, int | float | str):
        raise CocoError(f"{path}: {name}: {key}: must be a number or text, and is {category!r}")
    return category


def _annotation_name(i: int, annotation: Any) -> str:
    return (
        f"annotation id {annotation['id']}"
        if isinstance(annotation, dict) and "id" in annotation
        else f"annotations[{i}]"
    )


def _detection_name(i: int, _detection: Any) -> str:
    return f"detection {i}"


def _category_names(categories: list[Any], path: Path) -> dict[Any, str]:
    """Name each category; of several that share a name, each by name and id, for they are different classes."""
    names = {
        _category(category, "id", path, f"categories[{i}]"): str(_get(category, "name", path, f"categories[{i}]"))
        for i, category in enumerate(categories)
    }
    count = Counter(names.values())
    return {key: name if count[name] == 1 else f"{name} ({key})" for key, name in names.items()}


def _by_image(
    coco: CocoDataset, records: Iterable[Any], path: Path, name: Callable[[int, Any], str]
) -> defaultdict[str, list[tuple[int, Mapping[str, Any]]]]:
    found: defaultdict[str, list[tuple[int, Mapping[str, Any]]]] = defaultdict(list)
    for i, record in enumerate(records):
        data_row = _image_key(_get(record, "image_id", path, name(i, record)))
        if data_row not in coco.images:
            raise CocoError(f"{path}: {name(i, record)}: image_id: {coco.path} has no image {data_row}")
        found[data_row].append((i, record))
    return found


def _feature(coco: CocoDataset, record: Mapping[str, Any], path: Path, name: str) -> dict[str, Any]:
    category = _category(record, "category_id", path, name)
    # A class that the ground truth does not list has no name there; its predictions are still predictions. The bare id
    # would not do: a listed class may be called so, "7" where digits are detected.
    return {"feature": coco.categories.get(category, f"unlisted category {category}")}


def _annotated(
    annotation: Mapping[str, Any], image: Mapping[str, Any], iou_type: CocoType, path: Path, name: str
) -> dict[str, Any]:
    if iou_type != "keypoints":
        return _predicted(annotation, image, iou_type, path, name)
    # As pycocotools: where the file counts no keypoints none is labelled, and the annotation is ignored.
    none = annotation.get("num_keypoints") == 0
    triples = [[x, y, 0 if none else _whole(v)] for x, y, v in _triples(annotation, path, name)]
    box = {"bbox": annotation["bbox"]} if annotation.get("bbox") is not None else {}
    return {"type": "keypoints", "keypoints": triples} | box


def _predicted(
    detection: Mapping[str, Any], image: Mapping[str, Any], iou_type: CocoType, path: Path, name: str
) -> dict[str, Any]:
    if iou_type == "bbox":
        return {"type": "bbox", "bbox": _get(detection, "bbox", path, name)}
    if iou_type == "segm":
        segmentation = _get(detection, "segmentation", path, name)
        try:
            return {"type": "mask", "mask": _mask(segmentation, image)}
        except ValueError as error:
            raise CocoError(f"{path}: {name}: segmentation: {error}") from None
    return {"type": "keypoints", "keypoints": _triples(detection, path, name)}


def _mask(segmentation: Any, image: Mapping[str, Any]) -> dict[str, Any]:
    """Return run lengths: those given, or those that pycocotools (``annToRLE``) makes of the outlines."""
    height, width = image.get("height"), image.get("width")
    if isinstance(segmentation, dict):
        if height is not None and width is not None and segmentation.get("size") != [height, width]:
            raise ValueError(f"size is {segmentation.get('size')}, and that of its image {[height, width]}")
        return segmentation
    if not isinstance(segmentation, list) or not segmentation:
        raise ValueError("must be run lengths, or a list of at least one outline")
    if not isinstance(height, int) or not isinstance(width, int) or height <= 0 or width <= 0:
        raise ValueError("outlines can only be filled on an image whose height and width are known")
    for i, ring in enumerate(segmentation):
        if not isinstance(ring, list) or len(ring) % 2 or len(ring) < 6:
            raise ValueError(f"outline {i} must be a list [x, y, x, y, …] of at least three points")
        for value in ring:
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise ValueError(f"outline {i} must consist of finite numbers, and holds {value!r}")
            if abs(value) > OUTLINE_LIMIT:
                raise ValueError(f"outline {i} reaches to {value!r}, far outside its image")
    rle = coco_mask.merge(coco_mask.frPyObjects(segmentation, height, width))
    return {"size": rle["size"], "counts": rle["counts"].decode()}


def _triples(record: Mapping[str, Any], path: Path, name: str) -> list[list[Any]]:
    flat = _get(record, "keypoints", path, name)
    if not isinstance(flat, list) or not flat or len(flat) % 3:
        raise CocoError(f"{path}: {name}: keypoints: must be a list [x, y, v, x, y, v, …] of at least one keypoint")
    return [flat[i : i + 3] for i in range(0, len(flat), 3)]


def _whole(value: Any) -> Any:
    """The visibility 2.0 is the 2 of a file that went through a table of floats."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _facts(image: Mapping[str, Any]) -> dict[str, Any]:
    facts = {key: image[key] for key in ("width", "height") if image.get(key) is not None}
    if image.get("coco_url"):
        facts["media_url"] = image["coco_url"]
    if image.get("file_name"):
        facts["metadata"] = {"file_name": image["file_name"]}
    return facts
