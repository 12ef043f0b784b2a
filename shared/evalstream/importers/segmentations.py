"""COCO's segmentations to masks: run lengths as they are given, or those that pycocotools makes of outlines."""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple

import msgspec
from pycocotools import mask as coco_mask
from pydantic import ValidationError

from evalstream.events.objects.mask import Rle, RunLengths, compressed

#: pycocotools draws outlines point by point, however far outside the image they run.
OUTLINE_LIMIT: Final = 1e6


class Segmentation(NamedTuple):
    """A mask as columns hold it: JSON of COCO's compressed run lengths, and its pixels."""

    rle: str
    area: float
    thin: bool  # an outline had less than three points


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
