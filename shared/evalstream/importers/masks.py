"""PNG masks to data rows: one an image, whose pixels say the class, or the object; and COCO's panoptic files.

The layouts: a folder of PNG files; Pascal VOC's ``SegmentationClass`` and ``SegmentationObject``, as CVAT writes them,
with ``labelmap.txt`` (http://host.robots.ox.ac.uk/pascal/VOC/voc2012/htmldoc/devkit_doc.html); Cityscapes' instances,
which are 1000 times the class and a number; panoptic files (https://cocodataset.org/#format-data, 4).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError
from pycocotools import mask as coco_mask
from pydantic_core import from_json

from evalstream.importers.names import stems
from evalstream.importers.problems import ImporterError, Problem
from evalstream.importers.rows import Imported, Row, Side
from evalstream.importers.text import plain_bytes
from evalstream.importers.yolo import read_names
from evalstream.scenes import Int
from evalstream.words import count_of

#: Folders of VOC's layout: of classes, and of objects.
CLASSES: Final = "SegmentationClass"
OBJECTS: Final = "SegmentationObject"
LABELMAP: Final = "labelmap.txt"
_NAMES_FILES: Final = ("classes.txt", "names.txt")
_BACKGROUND: Final = frozenset({"background", "_background_", "__background__", "unlabeled", "unlabelled"})
#: The class of pixels that nobody is to be right or wrong about.
VOID: Final = "void"
_VOID_INDEX: Final = 255
_VOID_COLOUR: Final = 0xE0E0C0  # of the borders of VOC's objects
_IN_CITYSCAPES: Final = 1000
_PIXELS_LIMIT: Final = 2**26
_VALUES_LIMIT: Final = 4_096
#: A mask in colours that no list names; a photo has more of them.
_COLOURS_LIMIT: Final = 256


class _Pixels(NamedTuple):
    """The values of an image's pixels: indices, or colours as 0xRRGGBB."""

    values: Int
    coloured: bool


class _Palette(NamedTuple):
    """Meaning of pixel values."""

    names: list[str] | None  # by index
    colours: Mapping[int, str] | None  # by colour


def read(path: Path, side: Side, names: Path | None = None) -> Imported:
    """Read a folder.

    Raises
    ------
    ImporterError
        If no mask is there, or not one can be read.
    """
    classes = path / CLASSES if (path / CLASSES).is_dir() else path
    objects = path / OBJECTS if (path / OBJECTS).is_dir() else None
    files = sorted(classes.rglob("*.png"))
    if not files:
        raise ImporterError(f"{path}: no PNG files there")
    palette = _palette(path, names)
    tally: Counter[str] = Counter()
    problems: list[Problem] = []
    rows: list[Row] = []
    for file, name in zip(files, stems([file.relative_to(classes).as_posix() for file in files]), strict=True):
        try:
            pixels = _pixels(file, palette)
            parts = objects / file.relative_to(classes) if objects else None
            if parts is not None and parts.exists():
                items = list(_by_object(pixels, _pixels(parts, _Palette(None, None)), palette, tally))
            else:
                tally["without objects"] += parts is not None
                items = list(_by_class(pixels, palette, tally))
        except ValueError as error:
            field, _, reason = str(error).partition(": ")
            problems.append(Problem(str(path), file.name, field, reason))
            continue
        height, width = pixels.values.shape
        if side == "predictions":
            items = [item for item in items if item["feature"] != VOID]
        facts = {"width": width, "height": height, "metadata": {"file_name": file.name}}
        rows.append(Row(name, facts, items, [f"{file.name} value {item['id']}" for item in items]))
    if not rows:
        raise ImporterError(str(problems[0]))
    own = {item["feature"] for row in rows for item in row.objects} - {VOID}
    return Imported(str(path), side, rows, sorted(own), list(_notes(tally, palette, objects is not None)), problems)


def _palette(path: Path, names: Path | None) -> _Palette:
    names_file = names or next((path / name for name in (LABELMAP, *_NAMES_FILES) if (path / name).exists()), None)
    if names_file is None:
        return _Palette(None, None)
    if names_file.name != LABELMAP:
        return _Palette(read_names(names_file), None)
    colours: dict[int, str] = {}
    for number, line in enumerate(plain_bytes(names_file).decode(errors="replace").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, _, rest = line.partition(":")
        try:
            red, green, blue = (int(value) for value in rest.partition(":")[0].split(","))
        except ValueError:
            raise ImporterError(f"{names_file}: line {number}: must be name:red,green,blue:: (got {line!r})") from None
        colours[red << 16 | green << 8 | blue] = name
    return _Palette(None, colours)


def _pixels(file: Path, palette: _Palette) -> _Pixels:
    try:
        with Image.open(file) as image:
            if image.width * image.height > _PIXELS_LIMIT:
                raise ValueError(f"size: {image.width} x {image.height} pixels; the limit is {_PIXELS_LIMIT} in all")
            if image.mode == "P" and palette.colours is None:
                return _Pixels(np.asarray(image).astype(np.int64), coloured=False)
            if image.mode in ("P", "RGB", "RGBA"):
                return _Pixels(_packed(np.asarray(image.convert("RGB")).astype(np.int64), 16, 8, 0), coloured=True)
            return _Pixels(
                np.asarray(image.convert("I") if image.mode == "1" else image).astype(np.int64), coloured=False
            )
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise ValueError(f"PNG: {error}") from None


def _packed(channels: Int, *shifts: int) -> Int:
    """Put the channels of each pixel into one number."""
    return np.asarray(sum(channels[..., i] << shift for i, shift in enumerate(shifts)))


def _masks(values: Int, limit: int = _VALUES_LIMIT) -> dict[int, dict[str, Any]]:
    """Give the mask of each value of pixels, all in one pass: run lengths, column by column, as COCO has them."""
    height, width = values.shape
    flat = values.T.ravel()
    start = np.concatenate((np.zeros(1, np.int64), np.flatnonzero(flat[1:] != flat[:-1]) + 1))
    end = np.append(start[1:], flat.size)
    order = np.argsort(flat[start], kind="stable")
    own, first = np.unique(flat[start][order], return_index=True)
    if len(own) > limit:
        raise ValueError(f"pixels: have {len(own):,} values; it is a picture, and no mask")
    masks = {}
    for value, runs in zip(own.tolist(), np.split(order, first[1:]), strict=True):
        # Where the value begins and ends, one after another: the differences are runs outside and inside.
        edges = np.stack((start[runs], end[runs]), axis=1).ravel()
        counts = np.diff(edges, prepend=0, append=flat.size)
        counts = counts if counts[-1] else counts[:-1]
        rle = coco_mask.frPyObjects({"size": [height, width], "counts": counts.tolist()}, height, width)
        masks[value] = {"type": "mask", "mask": {"size": (height, width), "counts": rle["counts"].decode()}}
    return masks


def _name(value: int, pixels: _Pixels, palette: _Palette, tally: Counter[str]) -> str | None:
    """Name the class of a value; None is background."""
    if pixels.coloured:
        if palette.colours is None:
            return f"#{value:06x}" if value else None
        name = palette.colours.get(value)
        if name is None and value == _VOID_COLOUR:
            return VOID
        if name is None:
            tally["unlisted"] += 1
            return f"#{value:06x}"
    elif palette.names is None:
        name = VOID if value == _VOID_INDEX else str(value) if value else "background"
    elif value < len(palette.names):
        name = palette.names[value]
    elif value == _VOID_INDEX:
        name = VOID
    else:
        tally["unlisted"] += 1
        name = str(value)
    return None if name.lower() in _BACKGROUND else name


def _by_class(pixels: _Pixels, palette: _Palette, tally: Counter[str]) -> Iterator[dict[str, Any]]:
    """Give a mask of each value: of a class, or in Cityscapes' way of one object of it."""
    unnamed = pixels.coloured and palette.colours is None
    for value, mask in _masks(pixels.values, _COLOURS_LIMIT if unnamed else _VALUES_LIMIT).items():
        of_object = not pixels.coloured and value >= _IN_CITYSCAPES
        tally["cityscapes"] += of_object
        name = _name(value // _IN_CITYSCAPES if of_object else value, pixels, palette, tally)
        if name is not None:
            yield _object(value, name, mask)


def _by_object(pixels: _Pixels, objects: _Pixels, palette: _Palette, tally: Counter[str]) -> Iterator[dict[str, Any]]:
    """Give a mask of each object, whose class is that of most of its pixels."""
    if objects.values.shape != pixels.values.shape:
        raise ValueError(
            f"size: {pixels.values.shape[::-1]}, and that of its {OBJECTS} is {objects.values.shape[::-1]}"
        )
    for value, mask in _masks(objects.values).items():
        if value == 0:
            continue
        inside = objects.values == value
        own, count = np.unique(pixels.values[inside], return_counts=True)
        tally["mixed"] += len(own) > 1
        name = _name(int(own[count.argmax()]), pixels, palette, tally)
        if name is None:
            tally["background objects"] += 1
        else:
            yield _object(value, name, mask)


def _object(value: int, name: str, mask: dict[str, Any]) -> dict[str, Any]:
    said = {"id": str(value), "feature": name} | mask
    return said | ({"crowd": True} if name == VOID else {})


def _notes(tally: Counter[str], palette: _Palette, by_object: bool) -> Iterator[str]:
    if by_object:
        yield f"Objects are those of {OBJECTS}, with the class that most of their pixels have in {CLASSES}."
    elif tally["cityscapes"]:
        yield "Values from 1000 on are objects, as in Cityscapes: 1000 times the class, and a number."
    else:
        yield "Each class of an image is one mask: figures are of classes, and not of single objects."
    if palette.names is None and palette.colours is None:
        yield "No names of classes were found (labelmap.txt, --names): 0 is background, 255 void, others go by value."
    elif palette.names and palette.names[0].lower() not in _BACKGROUND:
        yield f"The value 0 is {palette.names[0]!r}, the first of the names, and no background."
    what = {
        "unlisted": ("value", "in no list of names, called as they stand there"),
        "mixed": ("object", "of pixels of several classes; each has the one that most of its pixels have"),
        "background objects": ("object", "on background, left out"),
        "without objects": ("image", f"that {OBJECTS} does not have; each class is one mask there"),
    }
    for key, (noun, text) in what.items():
        if tally[key]:
            yield f"{count_of(tally[key], noun)}: {text}."


# --- COCO's panoptic files ------------------------------------------------------------------------------------------


def read_panoptic(path: Path, side: Side, folder: Path | None = None) -> Imported:
    """Read a panoptic file with the PNG files that it names, in the folder called like it or another one.

    Raises
    ------
    ImporterError
        If it cannot be read, or no image of it can.
    """
    try:
        document = from_json(plain_bytes(path))
    except ValueError as error:
        raise ImporterError(f"{path}: not JSON: {error}") from None
    folder = folder or path.with_suffix("")
    if not folder.is_dir():
        raise ImporterError(f"{folder}: no such folder; --images names the one of the PNG files")
    problems: list[Problem] = []
    tally: Counter[str] = Counter()
    rows: list[Row] = []
    try:
        names = {one["id"]: str(one["name"]) for one in document.get("categories") or ()}
        images = {one["id"]: one for one in document.get("images") or ()}
        annotations = list(document["annotations"])
    except (KeyError, TypeError) as error:
        raise ImporterError(
            f"{path}: categories, images and annotations: must be lists of objects with ids ({error})"
        ) from None
    for i, given in enumerate(annotations):
        place = f"annotations[{i}]"
        try:
            file = str(given["file_name"])
            pixels = _packed(_rgb(folder / file), 0, 8, 16)
            objects = list(_segments(given["segments_info"], pixels, names, side, tally))
        except (KeyError, TypeError) as error:
            problems.append(Problem(str(path), place, str(error), "missing, or of another type"))
            continue
        except ValueError as error:
            field, _, reason = str(error).partition(": ")
            problems.append(Problem(str(path), place, field, reason))
            continue
        height, width = pixels.shape
        image = images.get(given.get("image_id"), {})
        facts = {"width": width, "height": height, "metadata": {"file_name": str(image.get("file_name") or file)}}
        where = [f"{place} segment {item['id']}" for item in objects]
        rows.append(Row(str(given.get("image_id")), facts, objects, where))
    if not rows and problems:
        raise ImporterError(str(problems[0]))
    notes = ["Each segment is a mask, of things and of stuff alike."]
    if tally["empty"]:
        notes.append(f"{count_of(tally['empty'], 'segment')} without a pixel in its PNG file, left out.")
    if tally["unscored"]:
        notes.append(f"{count_of(tally['unscored'], 'segment')} without a score; its confidence is 1.")
    return Imported(str(path), side, rows, list(names.values()), notes, problems)


def _rgb(file: Path) -> Int:
    try:
        with Image.open(file) as image:
            if image.width * image.height > _PIXELS_LIMIT:
                raise ValueError(f"size: {image.width} x {image.height} pixels; the limit is {_PIXELS_LIMIT} in all")
            return np.asarray(image.convert("RGB")).astype(np.int64)
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise ValueError(f"PNG: {error}") from None


def _segments(
    given: Any, pixels: Int, names: Mapping[Any, str], side: Side, tally: Counter[str]
) -> Iterator[dict[str, Any]]:
    known = {one["id"]: one for one in given}
    masks = _masks(pixels)
    for value in masks:
        if value and value not in known:
            raise ValueError(f"segments_info: has no segment {value}, which the PNG file has")
    for value, one in known.items():
        if value not in masks:
            tally["empty"] += 1
            continue
        if one["category_id"] not in names:
            raise ValueError(f"segments_info: segment {value}: the file lists no category {one['category_id']!r}")
        said = {"id": str(value), "feature": names[one["category_id"]]} | masks[value]
        if side == "predictions":
            tally["unscored"] += "score" not in one
            said |= {"confidence": one["score"]} if "score" in one else {}
        elif one.get("iscrowd"):
            said["crowd"] = True
        yield said
