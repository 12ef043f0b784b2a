"""COCO's segmentations to masks: run lengths as they are given, or those that pycocotools makes of outlines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, NamedTuple, cast

import msgspec
import numpy as np
from pycocotools import mask as coco_mask
from pydantic import ValidationError

from evalstream.events.objects.mask import (
    CHARACTERS_OF_A_RUN,
    PIXELS_LIMIT,
    SIDE_LIMIT,
    Rle,
    RunLengths,
    compressed,
)
from evalstream.scenes import Int

#: pycocotools draws outlines point by point, however far outside the image they run.
OUTLINE_LIMIT: Final = 1e6
#: Masks checked at once: each character of them takes some 100 bytes meanwhile.
_TOGETHER: Final = 5_000


class Segmentation(NamedTuple):
    """A mask as columns hold it: JSON of COCO's compressed run lengths, and its pixels."""

    rle: str
    area: float
    thin: bool  # an outline had less than three points


def segmentations(given: Sequence[Any], sizes: Sequence[tuple[int, int]]) -> list[Segmentation | str]:
    """Read many segmentations, on images of these sizes (height, width; 0: not known).

    Compressed run lengths, of which there may be hundreds of thousands, are checked all at once.

    Returns
    -------
    list
        Of each the mask, or the reason why it cannot be read.
    """
    parsed: list[Segmentation | str | None] = [None] * len(given)
    plain = [i for i, (one, size) in enumerate(zip(given, sizes, strict=True)) if _is_plain(one, *size)]
    for at in range(0, len(plain), _TOGETHER):
        some = plain[at : at + _TOGETHER]
        texts = [given[i]["counts"].encode() for i in some]
        pixels = np.array([given[i]["size"][0] * given[i]["size"][1] for i in some], np.int64)
        for i, text, area in zip(some, texts, areas_of_compressed(texts, pixels).tolist(), strict=True):
            if area >= 0:
                height, width = given[i]["size"]
                counts = text.decode().replace("\\", "\\\\")
                parsed[i] = Segmentation(f'{{"size":[{height},{width}],"counts":"{counts}"}}', float(area), False)
    for i, one in enumerate(parsed):
        if one is None:
            try:
                parsed[i] = segmentation(given[i], *sizes[i])
            except ValueError as error:
                parsed[i] = str(error)
    return cast(list[Segmentation | str], parsed)


def _is_plain(given: Any, height: int, width: int) -> bool:
    """Whether this is compressed run lengths of the size of the image."""
    if not isinstance(given, dict) or given.keys() != {"size", "counts"} or not isinstance(given["counts"], str):
        return False
    size = given["size"]
    if not isinstance(size, list) or len(size) != 2 or not all(type(side) is int for side in size):
        return False
    fits = not (height and width) or size == [height, width]
    return fits and min(size) > 0 and max(size) <= SIDE_LIMIT and size[0] * size[1] <= PIXELS_LIMIT


def areas_of_compressed(texts: Sequence[bytes], pixels: Int) -> Int:
    """Count the pixels of masks from COCO's compressed run lengths, all at once.

    Each number is in characters of 5 bits, the lowest first, and the sixth bit says that more follow. From the fourth
    run of a mask on, numbers are differences to the run before the last (maskApi.c, ``rleFrString``).

    Parameters
    ----------
    texts : sequence of bytes
        Run lengths of each mask.
    pixels : (masks,) int64
        Those of each image.

    Returns
    -------
    (masks,) int64
        −1 for a mask that is not written as pycocotools would write it, and has to be looked at by itself.
    """
    length = np.array([len(text) for text in texts], np.int64)
    end = np.cumsum(length)
    code = np.frombuffer(b"".join(texts), np.uint8).astype(np.int64) - ord("0")
    wrong = length == 0
    last = np.flatnonzero(code < 32)
    if not len(last):
        return np.full(len(texts), -1)
    mask_of = np.repeat(np.arange(len(texts)), length)
    wrong[mask_of[(code < 0) | (code > 63)]] = True
    wrong[~wrong] |= code[end[~wrong] - 1] >= 32  # it ends within a number
    first = np.concatenate((np.zeros(1, np.int64), last[:-1] + 1))
    characters = last - first + 1
    of_number = mask_of[last]
    wrong[of_number[(characters > CHARACTERS_OF_A_RUN) | (mask_of[first] != of_number)]] = True
    # A last character that only repeats the sign: not the shortest form.
    idle = (characters > 1) & np.where(code[last - 1] & 16, code[last] == 31, code[last] == 0)
    wrong[of_number[idle]] = True
    shift = 5 * np.minimum(np.arange(len(code))[: last[-1] + 1] - np.repeat(first, characters), CHARACTERS_OF_A_RUN)
    number = np.add.reduceat((code[: last[-1] + 1] & 31) << shift, first)
    number -= ((code[last] & 16) > 0) * (np.int64(1) << (5 * np.minimum(characters, CHARACTERS_OF_A_RUN)))
    start = np.searchsorted(of_number, np.arange(len(texts)))
    nth = np.arange(len(number)) - start[of_number]
    chain = 3 * of_number + np.where(nth == 0, 0, 2 - nth % 2)  # a sum goes over every second run, but for the first
    order = np.argsort(chain, kind="stable")
    summed = np.cumsum(number[order])
    fresh = np.flatnonzero(np.diff(chain[order], prepend=-1))
    before = np.repeat(summed[fresh] - number[order][fresh], np.diff(np.append(fresh, len(order))))
    runs = np.empty_like(number)
    runs[order] = summed - before
    wrong[of_number[(runs < 0) | ((runs == 0) & (nth > 0))]] = True
    total = np.bincount(of_number, runs, len(texts))
    inside = np.bincount(of_number, np.where(nth % 2, runs, 0), len(texts))
    return np.where(wrong | (total != pixels), -1, inside).astype(np.int64)


def segmentation(given: Any, height: int, width: int) -> Segmentation:
    """Read one segmentation on an image of this size; 0 where the size is not known.

    Raises
    ------
    ValueError
        If it is neither run lengths nor outlines, or does not fit the image.
    """
    if isinstance(given, dict):
        return _stated(_run_lengths(given, height, width), thin=False)
    if not isinstance(given, list) or not given:
        raise ValueError("must be run lengths, or a list of at least one outline")
    if not height or not width:
        raise ValueError("outlines can only be filled on an image whose height and width are known")
    thin = [isinstance(ring, list) and len(ring) in (2, 4) for ring in given]
    for i, ring in enumerate(given):
        # pycocotools takes a list for outlines if the first has more than two points; the others may be shorter.
        if not isinstance(ring, list) or len(ring) % 2 or len(ring) < (2 if i else 6):
            raise ValueError(f"outline {i} must be a list [x, y, x, y, …] of at least three points")
        for value in ring:
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise ValueError(f"outline {i} must consist of finite numbers, and holds {value!r}")
            if abs(value) > OUTLINE_LIMIT:
                raise ValueError(f"outline {i} reaches to {value!r}, far outside its image")
    rle = coco_mask.merge(coco_mask.frPyObjects(given, height, width))
    return _stated(Rle(size=tuple(rle["size"]), counts=rle["counts"].decode()), thin=any(thin))


def _run_lengths(given: dict[str, Any], height: int, width: int) -> Rle:
    if height and width and given.get("size") != [height, width]:
        raise ValueError(f"size is {given.get('size')}, and that of its image {[height, width]}")
    model = RunLengths if isinstance(given.get("counts"), list) else Rle
    try:
        return compressed(model.model_validate(given, strict=False))
    except ValidationError as error:
        (first, *_) = error.errors(include_url=False)
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def _stated(rle: Rle, *, thin: bool) -> Segmentation:
    form = {"size": list(rle.size), "counts": rle.counts}
    return Segmentation(msgspec.json.encode(form).decode(), float(coco_mask.area(form)), thin)
