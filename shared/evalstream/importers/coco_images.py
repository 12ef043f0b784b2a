"""The images of a COCO file: the name of each one's data row, its size, its file and its address.

They come by the hundred thousand, nearly always with all there is to them in its usual form: what is looked at is first
the whole column, and each value alone only where something in it is unusual.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from evalstream.events.base import CONTROL
from evalstream.importers.coco_records import ImageRecord
from evalstream.importers.columns import Images, RowKey
from evalstream.importers.names import named_by_file
from evalstream.importers.problems import ImporterError
from evalstream.scenes import row_order

_CONTROL: Final = re.compile(CONTROL)
#: Integers of so many digits are sorted by value, see :func:`evalstream.scenes.row_order`.
_LARGEST: Final = 10**18


def image_key(given: Any) -> str:
    """Name an image's data row; 1.0 is the 1 of a file that went through a table of floats."""
    return str(int(given)) if isinstance(given, float) and given.is_integer() else str(given)


def read_images(source: str, images: Sequence[ImageRecord], row_key: RowKey, notes: list[str]) -> Images:
    """Check the images of a file, put them in the order of their data rows, and note what cannot be used.

    Raises
    ------
    ImporterError
        If an image has no usable name.
    """
    ids = [image.id for image in images]
    named_by_id = row_key == "id" and _are_sorted_by_value(ids)
    own_names = list(map(str if named_by_id else image_key, ids))
    if row_key != "id":
        records = [f"image {name}" for name in own_names]
        own_names = named_by_file(source, [image.file_name for image in images], records, row_key)
    by_key = dict(zip(own_names, images, strict=True))
    if not _are_usable(by_key, 1024) or "" in by_key:
        key = next(key for key in by_key if not key or not _are_usable([key], 1024))
        raise ImporterError(f"{source}: image {key!r}: id: must have 1 to 1024 characters, none a control character")
    names = sorted(by_key, key=int if named_by_id else row_order)
    ordered = [by_key[name] for name in names]
    columns = (
        _sizes([image.width for image in ordered]),
        _sizes([image.height for image in ordered]),
        _texts([image.file_name for image in ordered], 1024, control=True),
        _texts([image.coco_url for image in ordered], 4096),
    )
    place: dict[Any, int] = {name: i for i, name in enumerate(names)}
    if named_by_id:
        place |= {image.id: i for i, image in enumerate(ordered)}
    else:
        place |= {form: i for i, image in enumerate(ordered) for form in (image_key(image.id), image.id)}
    if left_out := sum(count for _, count in columns):
        notes.append(f"Of the images, {left_out:,} of width, height, file_name and coco_url cannot be used.")
    (width, _), (height, _), (file_name, _), (media_url, _) = columns
    return Images(names, width, height, file_name, media_url, place)


def _are_sorted_by_value(ids: list[Any]) -> bool:
    """Whether ids are integers that :func:`evalstream.scenes.row_order` sorts by their value."""
    return _all_are(int, ids) and -_LARGEST < min(ids, default=0) <= max(ids, default=0) < _LARGEST


def _all_are(kind: type, values: Iterable[Any]) -> bool:
    return set(map(type, values)) <= {kind}


def _are_usable(values: Iterable[str], longest: int, *, control: bool = False) -> bool:
    """Whether no text is longer than may be, and none, unless they may, holds a control character."""
    return max(map(len, values), default=0) <= longest and (control or not _CONTROL.search("".join(values)))


def _texts(given: list[Any], longest: int, *, control: bool = False) -> tuple[list[str], int]:
    """Give the texts that can be used, "" instead of the others, and how many of these were not simply absent."""
    if _all_are(str, given) and _are_usable(given, longest, control=control):
        return given, 0
    usable = [isinstance(one, str) and _are_usable([one], longest, control=control) for one in given]
    left_out = sum(not fine and one is not None for one, fine in zip(given, usable, strict=True))
    return [one if fine else "" for one, fine in zip(given, usable, strict=True)], left_out


def _sizes(given: list[Any]) -> tuple[list[int], int]:
    """Give the sizes that can be used, 0 instead of the others, and how many of these were not simply absent."""
    if _all_are(int, given) and min(given, default=1) > 0 and max(given, default=1) < 2**31:
        return given, 0
    usable = [isinstance(one, int | float) and 0 < one < 2**31 and one == int(one) for one in given]
    left_out = sum(not fine and one is not None for one, fine in zip(given, usable, strict=True))
    return [int(one) if fine else 0 for one, fine in zip(given, usable, strict=True)], left_out
