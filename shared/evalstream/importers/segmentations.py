"""COCO's segmentations to masks: run lengths as they are given, or those that pycocotools makes of outlines."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray
from pycocotools import mask as coco_mask
from pydantic import ValidationError

from evalstream.arrow import texts
from evalstream.events.objects.mask import (
    PIXELS_LIMIT,
    SIDE_LIMIT,
    Rle,
    RunLengths,
    compressed,
)
from evalstream.importers.coco_columns import Written
from evalstream.native import compiled
from evalstream.scenes import Code, Flag, Float, Int

#: pycocotools draws outlines point by point, however far outside the image they run.
OUTLINE_LIMIT: Final = 1e6


class Segmentation(NamedTuple):
    """A mask as columns hold it: JSON of COCO's compressed run lengths, and its pixels."""

    rle: str
    area: float
    thin: bool  # an outline had less than three points


class Segmentations(NamedTuple):
    """Masks as columns, and why some cannot be read; those are empty here."""

    rle: pa.Array  # strings
    area: Float
    thin: Flag
    reasons: dict[int, str]


class _Limits(NamedTuple):
    """What the kernel reads no further than."""

    side: int
    pixels: int
    outline: float


_LIMITS: Final = _Limits(SIDE_LIMIT, PIXELS_LIMIT, OUTLINE_LIMIT)
#: What the kernel says of each: it is for others to read, it is read, and it has an outline of less than three points.
_LEFT, _READ, _THIN = range(3)


def written(given: Sequence[Any]) -> Written:
    """Write segmentations as JSON; those that have no such form are empty."""
    texts = [_text(one) for one in given]
    end = np.cumsum([len(one) for one in texts], dtype=np.int64)
    begin = np.concatenate((np.zeros(1, np.int64), end))[:-1]
    return Written(np.frombuffer(b"".join(texts), np.uint8), begin, end)


def _text(given: Any) -> bytes:
    try:
        return orjson.dumps(given) if isinstance(given, dict | list) else b""
    except TypeError:
        return b""


def segmentations(given: Written, height: Int, width: Int, one: Callable[[int], Any]) -> Segmentations:
    """Read many segmentations, on images of these sizes (0: not known).

    A kernel reads compressed run lengths and outlines, of which there may be hundreds of thousands; what is written
    otherwise is looked at by itself.

    Parameters
    ----------
    given : Written
        Segmentations as they are written.
    height, width : (masks,) int64
        Sizes of the images.
    one : callable
        Gives one of them, by its place, as a JSON reader does.
    """
    state, area, start, detail = _read(*given, height, width, _LIMITS)
    rle = pa.StringArray.from_buffers(len(area), pa.py_buffer(start), pa.py_buffer(detail))
    thin = state == _THIN
    reasons: dict[int, str] = {}
    found: dict[int, str] = {}
    for i in np.flatnonzero(state == _LEFT).tolist():
        try:
            found[i], area[i], thin[i] = segmentation(one(i), int(height[i]), int(width[i]))
        except ValueError as error:
            reasons[i] = str(error)
    if found:
        own = rle.to_pylist()
        for i, text in found.items():
            own[i] = text
        rle = texts(own)
    return Segmentations(rle, area, thin, reasons)


@compiled
def _read(  # type: ignore[empty-body]
    text: NDArray[np.uint8], begin: Int, end: Int, height: Int, width: Int, limits: _Limits
) -> tuple[NDArray[np.uint8], Float, Code, NDArray[np.uint8]]:
    """Read segmentations in their plain form, as :func:`segmentation` does.

    Run lengths are checked to be as pycocotools writes them. Outlines are drawn as pycocotools draws them (maskApi.c,
    ``rleFrPoly``, ``rleMerge`` and ``rleToString``), in time linear in their length.

    Returns
    -------
    state : (masks,) uint8
    area : (masks,) float64
    start : (masks + 1,) int32
        Where each mask begins in the next one.
    detail : uint8
        JSON of the masks, one after another.
    """


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
