"""CVAT XML ("CVAT for images 1.1") to data rows: one an image, named by its file without folder and ending.

The format: https://docs.cvat.ai/docs/manual/advanced/xml_format/.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple
from xml.etree import ElementTree

import numpy as np

from evalstream.importers import shapes
from evalstream.importers.names import stems
from evalstream.importers.problems import ImporterError, Problem
from evalstream.importers.rows import Imported, Row, Side
from evalstream.importers.text import plain_bytes
from evalstream.words import count_of

#: What an export in a folder calls it.
FILE: Final = "annotations.xml"
#: The question whose answers are an image's tags.
TAGS: Final = "tag"
#: Attributes of predictions that hold their confidence.
_CONFIDENCE: Final = ("confidence", "score")
_SPLITS: Final = {"train": "train", "val": "validation", "validation": "validation", "test": "test"}
_SHAPES: Final = ("box", "polygon", "polyline", "points", "mask", "skeleton")


class _Labels(NamedTuple):
    """Labels as the head of a file declares them."""

    inputs: Mapping[tuple[str, str], str]  # how an attribute is given, by label and attribute
    joints: Mapping[str, list[str]]  # the points of skeletons, in their order


def read(path: Path, side: Side) -> Imported:
    """Read an XML file, or the one in a folder.

    Raises
    ------
    ImporterError
        If it is none, or of videos.
    """
    path = _in_folder(path) if path.is_dir() else path
    try:
        root = ElementTree.fromstring(plain_bytes(path))  # noqa: S314 -- expat limits how far entities grow
    except ElementTree.ParseError as error:
        raise ImporterError(f"{path}: the file: XML: {error}") from None
    images = root.findall("image")
    tracks = len(root.findall("track"))
    if not images:
        what = "tracks of a video are not read; export it as “CVAT for images 1.1”" if tracks else "no images there"
        raise ImporterError(f"{path}: {what}")
    problems: list[Problem] = []
    tally: Counter[str] = Counter(track=tracks)
    labels = _labels(root)
    asked = root.find("image/tag") is not None
    names = stems([image.get("name") or f"#{i}" for i, image in enumerate(images)])
    rows = [
        _row(path, name, image, side, labels, tally, problems, asked=asked)
        for name, image in zip(names, images, strict=True)
    ]
    rows, said = shapes.of_one_type(rows)
    categories = sorted({item["feature"] for row in rows for item in row.objects})
    return Imported(str(path), side, rows, categories, [*said, *_notes(tally)], problems)


def _in_folder(folder: Path) -> Path:
    """Find the file of a folder: the one that exports call so, or the only one."""
    if (folder / FILE).is_file():
        return folder / FILE
    files = sorted(folder.rglob("*.xml"))
    if len(files) != 1:
        there = ", ".join(file.relative_to(folder).as_posix() for file in files[:5])
        raise ImporterError(f"{folder}: no {FILE} there, and {len(files):,} others ({there}): name one of them")
    return files[0]


def _labels(root: ElementTree.Element) -> _Labels:
    inputs: dict[tuple[str, str], str] = {}
    joints: dict[str, list[str]] = {}
    for label in root.iter("label"):
        name, parent = label.findtext("name") or "", label.findtext("parent")
        if parent and label.findtext("type") == "points":
            joints.setdefault(parent, []).append(name)
        for attribute in label.iter("attribute"):
            inputs[name, attribute.findtext("name") or ""] = attribute.findtext("input_type") or ""
    if not joints:  # a file without a head: in the order in which points are first seen
        for skeleton in root.iter("skeleton"):
            own = joints.setdefault(skeleton.get("label") or "", [])
            own += [name for point in skeleton.findall("points") if (name := point.get("label") or "") not in own]
    return _Labels(inputs, joints)


def _row(
    path: Path,
    name: str,
    image: ElementTree.Element,
    side: Side,
    labels: _Labels,
    tally: Counter[str],
    problems: list[Problem],
    *,
    asked: bool,
) -> Row:
    facts: dict[str, Any] = {"metadata": {"file_name": image.get("name")}} if image.get("name") else {}
    for field in ("width", "height"):
        if (image.get(field) or "").isdigit() and int(image.get(field, "0")) > 0:
            facts[field] = int(image.get(field, "0"))
    if image.get("subset", "").lower() in _SPLITS:
        facts["split"] = _SPLITS[image.get("subset", "").lower()]
    objects: list[dict[str, Any]] = []
    places: list[str] = []
    tags: list[str] = []
    for number, element in enumerate(image, 1):
        place = f"image {image.get('name')!r}: element {number} ({element.tag})"
        try:
            if element.tag == "tag":
                tags.append(_required(element, "label"))
                said = [one | {"feature": f"{tags[-1]}/{one['feature']}"} for one in _answers(element, labels)]
            elif element.tag in _SHAPES:
                said = [_object(element, side, labels, tally, facts)]
            else:
                tally[element.tag] += 1
                continue
        except ValueError as error:
            field, _, reason = str(error).partition(": ")
            problems.append(Problem(str(path), place, field, reason))
            continue
        objects += said
        places += [place] * len(said)
    if asked:
        objects.append({"type": "checklist", "feature": TAGS, "answers": list(dict.fromkeys(tags))})
        places.append(f"image {image.get('name')!r}: tags")
    return Row(name, facts, objects, places)


def _object(
    element: ElementTree.Element, side: Side, labels: _Labels, tally: Counter[str], facts: Mapping[str, Any]
) -> dict[str, Any]:
    said = {"feature": _required(element, "label")} | _shape(element, side, labels, facts)
    for flag in ("occluded", "group_id"):
        tally[flag] += element.get(flag, "0") != "0"
    answers = _answers(element, labels)
    if side == "predictions":
        for name in _CONFIDENCE:
            matching = [one for one in answers if one["feature"] == name]
            if matching:
                said["confidence"] = _number(str(matching[0]["answer"]), name)
                answers.remove(matching[0])
                break
        else:
            tally["unscored"] += 1
    return said | ({"classifications": answers} if answers else {})


def _answers(element: ElementTree.Element, labels: _Labels) -> list[dict[str, Any]]:
    answers: list[dict[str, Any]] = []
    for attribute in element.findall("attribute"):
        name, text = _required(attribute, "name"), attribute.text or ""
        kind = labels.inputs.get((element.get("label") or "", name), "")
        if not text.strip():
            continue  # not answered
        if kind == "number":
            answers.append({"type": "number", "feature": name, "answer": _number(text, name)})
        else:
            answers.append({"type": "text" if kind == "text" else "radio", "feature": name, "answer": text})
    return answers


def _shape(element: ElementTree.Element, side: Side, labels: _Labels, facts: Mapping[str, Any]) -> dict[str, Any]:
    if element.tag == "box":
        left, top, right, bottom = (_number(_required(element, name), name) for name in ("xtl", "ytl", "xbr", "ybr"))
        if right < left or bottom < top:
            raise ValueError(f"box: ends before it begins: {[left, top, right, bottom]}")
        return shapes.box(left, top, right - left, bottom - top, _number(element.get("rotation", "0"), "rotation"))
    if element.tag == "mask":
        return _mask(element, facts)
    if element.tag == "skeleton":
        return {"type": "keypoints", "keypoints": _joints(element, side, labels)}
    points = _points(element)
    if element.tag == "polygon":
        return {"type": "polygon", "polygon": [points]}
    if element.tag == "polyline":
        return {"type": "polyline", "polyline": points}
    if len(points) == 1:
        return {"type": "point", "point": points[0]}
    return {"type": "keypoints", "keypoints": [[x, y, 2 if side == "annotations" else 1.0] for x, y in points]}


def _points(element: ElementTree.Element) -> list[list[float]]:
    points = []
    for pair in _required(element, "points").split(";"):
        x, comma, y = pair.partition(",")
        if not comma:
            raise ValueError(f"points: must be x,y;x,y;… (got {pair!r})")
        points.append([_number(x, "points"), _number(y, "points")])
    return points


def _joints(element: ElementTree.Element, side: Side, labels: _Labels) -> list[list[float]]:
    """Give the points of a skeleton in the order of its label; one that is not there is not labelled."""
    known = {point.get("label"): point for point in element.findall("points")}
    order = labels.joints.get(element.get("label") or "", [])
    if unknown := known.keys() - set(order):
        raise ValueError(f"points: the skeleton has no point {sorted(map(str, unknown))[0]!r}")
    joints: list[list[float]] = []
    for name in order:
        point = known.get(name)
        missing = point is None or point.get("outside") == "1"
        x, y = (0.0, 0.0) if point is None else _points(point)[0]
        if side == "predictions":
            joints.append([x, y, 0.0 if missing else 1.0])
        else:
            joints.append([x, y, 0 if missing else 1 if point is not None and point.get("occluded") == "1" else 2])
    return joints


def _mask(element: ElementTree.Element, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Unfold a mask: runs of pixels outside and inside, in turn, row by row of its own box."""
    left, top, width, height = (
        int(_number(_required(element, name), name)) for name in ("left", "top", "width", "height")
    )
    if "width" not in facts or "height" not in facts:
        raise ValueError("mask: the size of its image is not known")
    runs = np.array([int(_number(run, "rle")) for run in _required(element, "rle").split(",")], np.int64)
    pixels = facts["width"] * facts["height"]
    if np.any(runs < 0) or np.any(runs > pixels) or runs.sum() != width * height or width * height > pixels:
        raise ValueError(f"rle: must sum to the {width} x {height} pixels of its box, and sums to {runs.sum()}")
    inside = np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(height, width)
    return shapes.mask(inside, facts["width"], facts["height"], left, top)


def _required(element: ElementTree.Element, name: str) -> str:
    value = element.get(name)
    if value is None:
        raise ValueError(f"{name}: missing")
    return value


def _number(text: str, name: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{name}: must be a number (got {text!r})")
    return value


def _notes(tally: Counter[str]) -> Sequence[str]:
    said = {
        "occluded": ("shape", "occluded, which changes no figure and is left out"),
        "group_id": ("shape", "in a group, which is left out"),
        "unscored": ("prediction", "without an attribute `confidence` or `score`; its confidence is 1"),
        "track": ("track", "of a video, left out"),
    }
    notes = [f"{count_of(tally[key], noun)}: {what}." for key, (noun, what) in said.items() if tally[key]]
    others = {key: count for key, count in sorted(tally.items()) if key not in said and count}
    return notes + [
        f"Left out: {count_of(count, key)}, of which events have no such shape." for key, count in others.items()
    ]
