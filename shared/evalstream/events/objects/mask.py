"""Masks: which pixels of the image belong to the object.

However a mask is sent, it is kept in one form: COCO's run-length encoding, compressed to text (pycocotools, maskApi.c).
"""

from __future__ import annotations

import binascii
import io
import json
import struct
from typing import Annotated, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as coco_mask
from pydantic import AfterValidator, Discriminator, Field, Tag, ValidationInfo

from evalstream.class_labels import class_label
from evalstream.events.base import Part, Strict
from evalstream.events.objects.located import ArealAnnotation, Located, PredictedObject
from evalstream.native import compiled

#: Pixels of the largest mask.
PIXELS_LIMIT: Final = 2**28
#: Pixels of the largest PNG, which has to be unpacked to be read: 8192 x 8192.
PNG_PIXELS_LIMIT: Final = 2**26
#: Pixels of all PNGs of one event together; to unpack so many takes seconds.
PNG_PIXELS_TOGETHER: Final = 2**28
#: A run is less than 2^28 long, and the difference of two takes at most 30 bits with its sign: 6 characters.
CHARACTERS_OF_A_RUN: Final = 6
_PNG_BEGINS: Final = b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR"

#: Pixels of the longest side.
SIDE_LIMIT: Final = 100_000

Side = Annotated[int, Field(gt=0, le=SIDE_LIMIT)]
Channel = Annotated[int, Field(ge=0, le=255)]
Size = Annotated[tuple[Side, Side], Field(description="[height, width] of the image")]


class Rle(Strict):
    """COCO's run-length encoding, column by column, compressed to text."""

    size: Size
    counts: str


class RunLengths(Strict):
    """COCO's run-length encoding, column by column: pixels outside, then inside, then outside the object, and so on."""

    size: Size
    counts: list[Annotated[int, Field(ge=0, le=PIXELS_LIMIT)]]


class Png(Strict):
    """A PNG image of the size of the data row, in base64."""

    png: str
    color: tuple[Channel, Channel, Channel] | None = Field(
        default=None,
        description="the pixels of this colour are the object; missing: all that are neither 0 (black, or the first "
        "of a palette) nor wholly transparent",
    )


def _form(mask: Any) -> str:
    """Tell from the fields which form a mask has, so that errors are of that form alone."""
    if isinstance(mask, Strict):
        return type(mask).__name__
    if isinstance(mask, dict) and ("png" in mask or "color" in mask):
        return "Png"
    return "RunLengths" if isinstance(mask, dict) and isinstance(mask.get("counts"), list) else "Rle"


#: What pydantic puts into the path of an error after ``mask``.
FORMS: Final = ("Rle", "RunLengths", "Png")


class PngPixels:
    """Count of unpacked pixels of PNG images, within the limit of one event."""

    def __init__(self) -> None:
        self._taken = 0

    def take(self, pixels: int) -> None:
        """Count an image, before it is unpacked.

        Raises
        ------
        ValueError
            If there are too many pixels with it.
        """
        self._taken += pixels
        if self._taken > PNG_PIXELS_TOGETHER:
            raise ValueError(
                f"the PNG masks of one event have at most {PNG_PIXELS_TOGETHER} pixels together; send run lengths"
                " (`size` and `counts`) instead, or the objects in several events (`upsert`)"
            )


def _kept(mask: Rle | RunLengths | Png, info: ValidationInfo) -> Rle:
    """Give a mask the form in which it is kept; whoever validates an event says in the context what it may unpack."""
    return compressed(mask, info.context if isinstance(info.context, PngPixels) else PngPixels())


def compressed(mask: Rle | RunLengths | Png, unpacked: PngPixels | None = None) -> Rle:
    """Give a mask the one form in which it is kept.

    Raises
    ------
    ValueError
        If it cannot be read, or is too large.
    """
    if isinstance(mask, Png):
        return encoded(_pixels(mask, unpacked or PngPixels()))
    height, width = mask.size
    if height * width > PIXELS_LIMIT:
        raise ValueError(f"`size` {[height, width]} has {height * width} pixels; the limit is {PIXELS_LIMIT}")
    runs = np.array(mask.counts, np.int64) if isinstance(mask, RunLengths) else _runs(mask.counts)
    if runs.sum() != height * width:
        raise ValueError(
            f"`counts` must sum to the pixels of `size` {[height, width]}, {height * width}, and sum to {runs.sum()}"
        )
    return _text(height, width, _without_empty(runs))


@compiled
def kept_pixels(  # type: ignore[empty-body]
    text: NDArray[np.uint8], start: NDArray[np.int32], longest_side: int, most: int
) -> NDArray[np.int64]:
    """Count the pixels of masks in the form in which they are kept (:meth:`_Mask.part`); −1 of what is in another.

    Parameters
    ----------
    text : uint8
        JSON of all masks, one after another.
    start : (n + 1,) int32
        Where each begins.
    longest_side, most : int
        ``SIDE_LIMIT`` and ``PIXELS_LIMIT``.
    """


def _runs(text: str) -> NDArray[np.int64]:
    """Read run lengths from COCO's compressed text; unlike pycocotools, refuse what it could not have written.

    Each number is in characters of 5 bits, the lowest first, and the sixth bit says that more follow. From the fourth
    run on, the numbers are differences to the run before the last (maskApi.c, ``rleFrString``).
    """
    code = np.frombuffer(text.encode(), np.uint8).astype(np.int64) - ord("0")
    if np.any((code < 0) | (code > 63)):
        raise ValueError("`counts` is not COCO's compressed run lengths: a character is not between '0' and 'o'")
    last = np.flatnonzero(code < 32)
    if len(code) and (not len(last) or last[-1] != len(code) - 1):
        raise ValueError("`counts` is not COCO's compressed run lengths: it ends within a number")
    length = np.diff(last, prepend=-1)
    if np.any(length > CHARACTERS_OF_A_RUN):
        raise ValueError("`counts` is not COCO's compressed run lengths: a number is too large")
    first = last - length + 1
    shift = 5 * (np.arange(len(code)) - np.repeat(first, length))
    runs = np.add.reduceat((code & 31) << shift, first) if len(first) else np.empty(0, np.int64)
    runs -= ((code[last] & 16) > 0) * (np.int64(1) << (5 * length))
    runs[1::2] = np.cumsum(runs[1::2])
    runs[2::2] = np.cumsum(runs[2::2])
    if np.any(runs < 0):
        raise ValueError("`counts` is not COCO's compressed run lengths: a run is shorter than 0")
    return runs


def _without_empty(runs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Join the runs to both sides of empty ones: only the first, of what is outside, may be empty."""
    inside = np.arange(len(runs)) % 2 == 1
    inside, runs = inside[runs > 0], runs[runs > 0]
    begins = np.flatnonzero(np.diff(inside, prepend=~inside[:1]))
    joined = np.add.reduceat(runs, begins)
    return np.concatenate((np.zeros(int(inside[0]), np.int64), joined))


def _text(height: int, width: int, runs: NDArray[np.int64]) -> Rle:
    rle = coco_mask.frPyObjects({"size": [height, width], "counts": runs.tolist()}, height, width)
    return Rle(size=(height, width), counts=rle["counts"].decode())


def encoded(pixels: NDArray[np.bool_], size: tuple[int, int] | None = None, left: int = 0, top: int = 0) -> Rle:
    """Encode an array: which pixels are the object's.

    Parameters
    ----------
    pixels : array of bool, (rows, columns)
        The whole image, or a part of it, so that what an object costs is its own size and not that of the image.
    size : (height, width), optional
        That of the image, of which the part begins at ``left`` and ``top``.
    """
    height, width = size or pixels.shape
    rows, columns = pixels.shape
    # Column by column, with a pixel of nothing at the foot of each, so that the object ends in each where it begins.
    padded = np.zeros((columns, rows + 1), np.bool_)
    padded[:, :-1] = pixels.T
    flat = padded.ravel()
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    changes = np.concatenate((np.zeros(1, np.int64), changes)) if flat[:1].any() else changes
    column, row = np.divmod(changes, rows + 1)
    begins, ends = ((left + column) * height + top + row).reshape(-1, 2).T
    apart = begins[1:] != ends[:-1]  # else it goes on from the foot of a column to the head of the next
    begins, ends = begins[np.append(True, apart)[: len(begins)]], ends[np.append(apart, True)[: len(ends)]]
    runs = np.diff(np.stack((begins, ends), axis=1).ravel(), prepend=0, append=height * width)
    return _text(height, width, runs if runs[-1] else runs[:-1])


def _pixels(mask: Png, unpacked: PngPixels) -> NDArray[np.bool_]:
    """Unpack an image, no larger than it said it would be.

    Pillow bounds the other compressed things that a PNG may carry (text, colour profiles).
    """
    try:
        data = binascii.a2b_base64(mask.png, strict_mode=True)
    except ValueError as error:
        raise ValueError(f"`png` is not base64: {error}") from None
    if not data.startswith(_PNG_BEGINS) or len(data) < len(_PNG_BEGINS) + 8:
        raise ValueError("`png` is not a PNG image")
    width, height = struct.unpack_from(">II", data, len(_PNG_BEGINS))
    if height * width > PNG_PIXELS_LIMIT:
        raise ValueError(f"`png` has {width} x {height} pixels; the limit is {PNG_PIXELS_LIMIT} in all")
    unpacked.take(height * width)
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            if image.size != (width, height):  # a second header, later in the file
                raise ValueError("it says two different sizes")
            image.load()
            return _chosen(image, mask.color)
    except Exception as error:  # Pillow raises what its parsers happen to raise
        raise ValueError(f"`png` cannot be read: {error}") from None


def _chosen(image: Image.Image, color: tuple[int, int, int] | None) -> NDArray[np.bool_]:
    if color is not None:
        if image.mode.startswith(("I", "F")):
            raise ValueError("`color` needs 8 bits a channel, and the image has 16")
        return np.asarray(np.all(np.asarray(image.convert("RGB")) == np.array(color, np.uint8), axis=2))
    values = np.asarray(image)
    if image.mode in ("LA", "RGBA"):
        return np.asarray(np.any(values[..., :-1] != 0, axis=2) & (values[..., -1] != 0))
    return np.asarray(np.any(values != 0, axis=2) if values.ndim == 3 else values != 0)


class _Mask(Located):
    type: Literal["mask"]
    mask: Annotated[
        Annotated[Rle, Tag("Rle")] | Annotated[RunLengths, Tag("RunLengths")] | Annotated[Png, Tag("Png")],
        Discriminator(_form),
        AfterValidator(_kept),
    ]

    def part(self) -> Part:
        """Detail: JSON of COCO's compressed run-length encoding, ``{"size": [height, width], "counts": "…"}``."""
        assert isinstance(self.mask, Rle)  # validation leaves nothing else
        rle = {"size": list(self.mask.size), "counts": self.mask.counts}
        area = float(coco_mask.area(rle))
        detail = json.dumps(rle, separators=(",", ":"))
        return Part("mask", self.feature, class_label(self.feature), area=area, detail=detail)


class MaskAnnotation(_Mask, ArealAnnotation):
    """A ground-truth mask."""


class MaskPrediction(_Mask, PredictedObject):
    """A predicted mask."""
