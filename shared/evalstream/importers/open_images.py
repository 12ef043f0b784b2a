"""Open Images CSV to data rows: one an image, called by its ImageID.

The format: https://storage.googleapis.com/openimages/web/download_v7.html. Boxes are fractions of the image; without
its size they stay fractions, which changes no overlap and no average precision, but every area.
"""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from evalstream.importers.images import images_in, size_of
from evalstream.importers.options import Size
from evalstream.importers.problems import ImporterError, Problem
from evalstream.importers.rows import Imported, Row, Side
from evalstream.importers.text import plain_bytes
from evalstream.words import count_of

_ID: Final = "ImageID"
_SIDES: Final = ("XMin", "XMax", "YMin", "YMax")
_SCORES: Final = ("Score", "Conf", "Confidence")
_FLAGS: Final = ("IsOccluded", "IsTruncated", "IsDepiction", "IsInside")


def is_header(line: str) -> bool:
    """Whether a line is the first one of such a file.

    >>> is_header("ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax"), is_header("id,label")
    (True, False)
    """
    columns = line.strip().split(",")
    return {_ID, "LabelName"} <= set(columns) or columns == ["ImageId", "PredictionString"]


def read(
    path: Path,
    side: Side,
    *,
    names: Path | None = None,
    images: Path | None = None,
    image_size: Size | None = None,
    known: Mapping[str, Size] | None = None,
) -> Imported:
    """Read boxes, or labels of whole images.

    Parameters
    ----------
    names : path, optional
        Class descriptions, ``/m/01g317,Person`` a line; found beside the file otherwise.
    images : path, optional
        A folder of images, whose sizes are read.
    image_size : Size, optional
        That of every image.
    known : mapping, optional
        Sizes of a ground truth's images, by id.

    Raises
    ------
    ImporterError
        If it is no such file, or no line of it can be read.
    """
    header, lines = _lines(path)
    described = _descriptions(names or _beside(path))
    sizes = _by_name(images) if images else dict(known or {})
    unsized = image_size is None and not sizes
    tally: Counter[str] = Counter()
    problems: list[Problem] = []
    objects: dict[str, list[tuple[dict[str, Any], str]]] = {}
    for place, line in lines:
        image, label = line[_ID], line["LabelName"]
        tally["unnamed"] += bool(described) and label not in described
        try:
            if "XMin" in header:
                size = image_size or (Size(1, 1) if unsized else sizes.get(image))
                said = _box(line, size, side, tally)
            else:
                said = _answer(line, side)
        except ValueError as error:
            field, _, reason = str(error).partition(": ")
            problems.append(Problem(str(path), place, field, reason))
            continue
        objects.setdefault(image, []).append(({"feature": described.get(label, label)} | said, place))
    if not objects and problems:
        raise ImporterError(str(problems[0]))
    rows = []
    for image, own in objects.items():
        size = image_size or sizes.get(image)
        facts = {"width": size.width, "height": size.height} if size else {}
        rows.append(Row(image, facts, [item for item, _ in own], [place for _, place in own]))
    categories = sorted({item["feature"] for row in rows for item in row.objects})
    notes = list(_notes(tally, boxes="XMin" in header, unsized=unsized, described=bool(described)))
    return Imported(str(path), side, rows, categories, notes, problems)


def _by_name(images: Path) -> dict[str, Size]:
    """Read the sizes of images, which are named without their ending, or as some tools write them, with it."""
    sizes: dict[str, Size] = {}
    for file in images_in(images):
        sizes[file.stem] = sizes[file.name] = size_of(file)
    return sizes


def _lines(path: Path) -> tuple[list[str], list[tuple[str, dict[str, str]]]]:
    reader = csv.reader(io.StringIO(plain_bytes(path).decode(errors="replace"), newline=""))
    header = next(reader, [])
    if not is_header(",".join(header)):
        raise ImporterError(f"{path}: line 1: must name ImageID and LabelName, as Open Images does")
    if "MaskPath" in header:  # which would be taken for labels of whole images
        raise ImporterError(f"{path}: MaskPath: masks of Open Images are not read; its boxes are, and masks as COCO's")
    if header == ["ImageId", "PredictionString"]:
        return [_ID, "LabelName", "Score", *_SIDES], list(_strings(path, reader))
    lines = []
    for values in reader:
        if len(values) != len(header):
            raise ImporterError(
                f"{path}: line {reader.line_num}: {len(values)} columns, where the header has {len(header)}"
            )
        lines.append((f"line {reader.line_num}", dict(zip(header, values, strict=True))))
    return header, lines


def _strings(path: Path, reader: Any) -> Any:
    """Take apart the lines of a submission to the challenge: an image, then label, score, XMin YMin XMax YMax a box."""
    for values in reader:
        place = f"line {reader.line_num}"
        words = values[1].split() if len(values) == 2 else [""]
        if len(words) % 6:
            raise ImporterError(f"{path}: {place}: PredictionString: must be of six words a box")
        for i in range(0, len(words), 6):
            label, score, left, top, right, bottom = words[i : i + 6]
            own = {_ID: values[0], "LabelName": label, "Score": score}
            yield f"{place} box {i // 6}", own | {"XMin": left, "XMax": right, "YMin": top, "YMax": bottom}


def _box(line: Mapping[str, str], size: Size | None, side: Side, tally: Counter[str]) -> dict[str, Any]:
    if size is None:
        raise ValueError(f"{_ID}: the size of image {line[_ID]!r} is not known, and that of others is")
    left, right, top, bottom = (_number(line, name) for name in _SIDES)
    if right < left or bottom < top:
        raise ValueError(f"XMax: ends before it begins: {[left, right, top, bottom]}")
    x, y = left * size.width, top * size.height
    said: dict[str, Any] = {"type": "bbox", "bbox": [x, y, right * size.width - x, bottom * size.height - y]}
    if side == "predictions":
        return said | _confidence(line, tally)
    tally["flags"] += any(line.get(flag) == "1" for flag in _FLAGS)
    if line.get("IsGroupOf") == "1":
        tally["groups"] += 1
        said["group_of"] = True
    return said


def _answer(line: Mapping[str, str], side: Side) -> dict[str, Any]:
    """Read a label of a whole image: whether people saw it, or how sure a model is."""
    score = next((_number(line, name) for name in _SCORES if name in line), 1.0)
    if side == "annotations":
        if score not in (0, 1):
            raise ValueError(f"Confidence: that of a label that people verified is 0 or 1 (got {score:g})")
        return {"type": "radio", "answer": "yes" if score else "no"}
    chosen = "yes" if score >= 0.5 else "no"
    scores = {"yes": score, "no": 1 - score}
    return {"type": "radio", "answer": chosen, "scores": scores, "confidence": scores[chosen]}


def _confidence(line: Mapping[str, str], tally: Counter[str]) -> dict[str, float]:
    for name in _SCORES:
        if line.get(name):
            return {"confidence": _number(line, name)}
    tally["unscored"] += 1
    return {}


def _number(line: Mapping[str, str], name: str) -> float:
    try:
        value = float(line.get(name, "").replace(",", "."))  # as a spreadsheet of some countries writes it
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{name}: must be a number (got {line.get(name)!r})")
    return value


def _beside(path: Path) -> Path | None:
    return next(iter(sorted(path.parent.glob("*class-descriptions*.csv"))), None)


def _descriptions(path: Path | None) -> dict[str, str]:
    if path is None:
        return {}
    descriptions = {}
    for line in csv.reader(io.StringIO(plain_bytes(path).decode(errors="replace"), newline="")):
        if len(line) in (1, 2):
            descriptions[line[0]] = line[-1]  # a name alone is that of a file whose labels are names
    if not descriptions:
        raise ImporterError(
            f"{path}: no line of a label and its name, as in class-descriptions-boxable.csv, or of a name"
        )
    return descriptions


def _notes(tally: Counter[str], *, boxes: bool, unsized: bool, described: bool) -> Sequence[str]:
    said = []
    if boxes and unsized:
        said.append(
            "Sizes of images are not known (--images, --image-size): boxes are fractions. No overlap and no average"
            " precision changes by that; areas do, so that figures of small, medium and large objects mean nothing."
        )
    if not boxes:
        said.append(
            "Labels of whole images: each class is a question, whose answer is yes or no; unverified ones are none."
        )
    if not described:
        said.append("No names of classes were found (class-descriptions*.csv, --names): they are called by their ids.")
    what = {
        "unnamed": ("line", "of a class that has no name, called by its id"),
        "groups": ("box", "around groups (IsGroupOf): read as `group_of`, which policies take for a crowd"),
        "flags": (
            "box",
            "occluded, truncated, a depiction or seen from inside, which changes no figure and is left out",
        ),
        "unscored": ("box", "without a score; its confidence is 1"),
    }
    return said + [f"{count_of(tally[key], noun)}: {text}." for key, (noun, text) in what.items() if tally[key]]
