"""Pascal VOC XML to data rows: one an image, named by the XML file without its ending.

The format: http://host.robots.ox.ac.uk/pascal/VOC/voc2012/htmldoc/devkit_doc.html, as labelImg and CVAT write it too.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

from evalstream.importers.options import VocOptions
from evalstream.importers.problems import ImporterError, Problem
from evalstream.importers.rows import Imported, Row, Side
from evalstream.importers.text import plain_bytes
from evalstream.words import count_of

#: Flags that say nothing of what is evaluated.
_IGNORED: Final = ("truncated", "occluded", "pose")
_UNSAID: Final = ("", "0", "Unspecified")


def read(path: Path, side: Side, options: VocOptions) -> Imported:
    """Read a folder of XML files, or one.

    Raises
    ------
    ImporterError
        If there is none, or not one can be read.
    """
    files = sorted(path.rglob("*.xml")) if path.is_dir() else [path]
    if not files:
        raise ImporterError(f"{path}: no XML files there")
    stems = Counter(file.stem for file in files)
    tally: Counter[str] = Counter()
    problems: list[Problem] = []
    rows: list[Row] = []
    for file in files:
        name = file.stem if stems[file.stem] == 1 else file.relative_to(path).with_suffix("").as_posix()
        try:
            root = ElementTree.fromstring(plain_bytes(file))  # noqa: S314 -- expat limits how far entities grow
        except ElementTree.ParseError as error:
            problems.append(Problem(str(file), "the file", "XML", str(error)))
            continue
        if root.tag != "annotation":
            problems.append(Problem(str(file), "the file", root.tag, "an image's element is called annotation"))
            continue
        objects = list(_objects(file, root, side, options, tally, problems))
        rows.append(Row(name, _facts(root), [item for item, _ in objects], [place for _, place in objects]))
    if not rows:
        raise ImporterError(str(problems[0]))
    names = sorted({item["feature"] for row in rows for item in row.objects})
    return Imported(str(path), side, rows, names, _notes(tally, options), problems)


def _facts(root: ElementTree.Element) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    for side in ("width", "height"):
        value = _number(root.findtext(f"size/{side}"))
        if value is not None and value > 0 and value.is_integer():
            facts[side] = int(value)
    name = (root.findtext("filename") or "").strip()
    return facts | ({"metadata": {"file_name": name}} if name else {})


def _objects(
    file: Path,
    root: ElementTree.Element,
    side: Side,
    options: VocOptions,
    tally: Counter[str],
    problems: list[Problem],
) -> Iterator[tuple[dict[str, Any], str]]:
    for number, element in enumerate(root.findall("object"), 1):
        place = f"object {number}"
        try:
            said = {"feature": (element.findtext("name") or "").strip()} | _shape(element, options)
        except ValueError as error:
            field, _, reason = str(error).partition(": ")
            problems.append(Problem(str(file), place, field, reason))
            continue
        if side == "annotations" and (element.findtext("difficult") or "").strip() == "1":
            said["difficult"] = True
            tally["difficult"] += 1
        tally["parts"] += element.find("part") is not None
        tally["flags"] += any((element.findtext(flag) or "0").strip() not in _UNSAID for flag in _IGNORED)
        yield said, f"{file.name} {place}"


def _shape(element: ElementTree.Element, options: VocOptions) -> dict[str, Any]:
    rotated = element.find("robndbox")
    if rotated is not None:
        x, y, width, height, angle = (_required(rotated, name) for name in ("cx", "cy", "w", "h", "angle"))
        return {"type": "rotated_box", "rotated_box": [x, y, width, height, math.degrees(angle) % 360]}
    box = element.find("bndbox")
    if box is None:
        raise ValueError("bndbox: missing")
    left, top, right, bottom = (_required(box, name) for name in ("xmin", "ymin", "xmax", "ymax"))
    if options.pixels == "inclusive":
        left, top = left - 1, top - 1
    if right < left or bottom < top:
        raise ValueError(f"bndbox: ends before it begins: {[left, top, right, bottom]}")
    return {"type": "bbox", "bbox": [left, top, right - left, bottom - top]}


def _required(element: ElementTree.Element, name: str) -> float:
    text = element.findtext(name)
    value = _number(text)
    if value is None:
        raise ValueError(
            f"{element.tag}.{name}: " + ("missing" if text is None else f"must be a number (got {text!r})")
        )
    return value


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _notes(tally: Counter[str], options: VocOptions) -> list[str]:
    if options.pixels == "exclusive":
        notes = [
            "A box is xmax - xmin wide, as most tools write it. VOC itself counts pixels from 1 and xmax as one of the"
            " box; --voc-pixels inclusive reads that."
        ]
    else:
        notes = [
            "A box is xmax - xmin + 1 wide and begins at xmin - 1: pixels are counted from 1, xmax is one of them."
        ]
    said = {
        "difficult": "difficult: policy `best-candidate` ignores such, as Pascal VOC does; others count them",
        "parts": "parts of an object, left out",
        "flags": "truncated, occluded or a pose, which changes no figure and is left out",
    }
    return notes + [f"{count_of(tally[key], 'object')}: {what}." for key, what in said.items() if tally[key]]
