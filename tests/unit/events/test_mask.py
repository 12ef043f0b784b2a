"""Masks on the wire: every form becomes the same run lengths, and what is no mask is refused with its field."""

from __future__ import annotations

import base64
import io
import json
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from evalstream.events import AnnotationEvent, Reader, Record, decode
from evalstream.events.base import Part
from evalstream.events.objects import mask
from evalstream.events.objects.mask import PNG_PIXELS_LIMIT, PNG_PIXELS_TOGETHER
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as coco_mask

RED, GREEN = (255, 0, 0), (0, 255, 0)


def decoded(mask: Any) -> Part | str:
    """The part that a mask becomes, or the reason why it is none."""
    annotation = {"type": "mask", "feature": "cat", "mask": mask}
    event = {"dataset": "d", "data_row": "r", "operation": "replace", "annotations": [annotation]}
    received, rejected = decode([Record(json.dumps(event).encode(), 0, 1)], Reader(AnnotationEvent))
    if rejected:
        return rejected[0].reason
    assert isinstance(received[0].event, AnnotationEvent)
    (part,) = received[0].event.annotations[0].parts()
    return part


def png(image: Image.Image, **options: Any) -> str:
    file = io.BytesIO()
    image.save(file, "PNG", **options)
    return base64.b64encode(file.getvalue()).decode()


def expected(pixels: NDArray[Any]) -> dict[str, Any]:
    rle = coco_mask.encode(np.asfortranarray(pixels, np.uint8))
    return {"size": list(rle["size"]), "counts": rle["counts"].decode()}


def is_mask(mask: Any, pixels: NDArray[Any]) -> None:
    part = decoded(mask)
    assert isinstance(part, Part), part
    assert json.loads(part.detail) == expected(pixels)
    assert part.area == np.count_nonzero(pixels)
    assert part.type == "mask"


PIXELS = nps.arrays(np.uint8, nps.array_shapes(min_dims=2, max_dims=2, max_side=70), elements=st.integers(0, 1))


@given(PIXELS)
def test_compressed_text_of_pycocotools_is_kept_as_it_is(pixels: NDArray[np.uint8]) -> None:
    is_mask(expected(pixels), pixels)


@given(PIXELS)
def test_plain_run_lengths(pixels: NDArray[np.uint8]) -> None:
    column = pixels.ravel(order="F")
    ends = [*np.flatnonzero(np.diff(column)) + 1, len(column)]
    counts = [int(run) for run in np.diff([0, *ends])]
    is_mask({"size": list(pixels.shape), "counts": [0, *counts] if column[0] else counts}, pixels)


@given(st.lists(st.sampled_from([0, 0, 1, 2, 5]), min_size=1, max_size=20))
def test_empty_runs_change_nothing(counts: list[int]) -> None:
    """pycocotools itself is led astray by them: its IoU ends where two masks have an empty run at one place."""
    pixels = np.repeat(np.arange(len(counts)) % 2, counts)[:, None]
    if len(pixels):
        mask = {"size": [len(pixels), 1], "counts": counts}
        is_mask(mask, pixels)
        is_mask(mask | {"counts": coco_mask.frPyObjects(mask, len(pixels), 1)["counts"].decode()}, pixels)


@given(PIXELS)
def test_png(pixels: NDArray[np.uint8]) -> None:
    is_mask({"png": png(Image.fromarray(pixels * 7))}, pixels)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_png_of_every_mode(mode: str) -> None:
    pixels = np.zeros((5, 7), np.uint8)
    pixels[1:3, 2:6] = 255
    grey = Image.fromarray(pixels)
    image = Image.fromarray(pixels.astype(np.uint16) * 256) if mode == "I;16" else grey.convert(mode)
    is_mask({"png": png(image)}, pixels)


def test_png_transparent_pixels_are_outside() -> None:
    pixels = np.full((2, 2, 4), 255, np.uint8)
    pixels[0, 0, 3] = 0  # transparent
    pixels[1, 1, :3] = 0  # black
    is_mask({"png": png(Image.fromarray(pixels))}, np.array([[0, 1], [1, 0]]))


def test_png_by_colour() -> None:
    pixels = np.zeros((3, 4, 3), np.uint8)
    pixels[:, :2] = RED
    pixels[0, 2] = GREEN
    pixels[2, 3] = (254, 0, 0)  # nearly red is not red
    image = Image.fromarray(pixels)
    for form in (image, image.quantize(), image.convert("RGBA")):
        is_mask({"png": png(form), "color": RED}, np.all(pixels == RED, axis=2))
        is_mask({"png": png(form), "color": GREEN}, np.all(pixels == GREEN, axis=2))
    is_mask({"png": png(image), "color": (1, 2, 3)}, np.zeros((3, 4)))


SIZE = {"size": [3, 4]}


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def header(width: int, height: int) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))


def file_of(*chunks: bytes) -> str:
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"".join(chunks)).decode()


SIDE = 2**13
BOMB = file_of(header(2 * SIDE, SIDE), chunk(b"IDAT", zlib.compress(bytes(2**20), 9)), chunk(b"IEND", b""))
TWO_HEADERS = file_of(header(2, 2), header(SIDE, SIDE), chunk(b"IDAT", zlib.compress(bytes(6))), chunk(b"IEND", b""))
TRUNCATED_LARGE = file_of(header(SIDE, SIDE), chunk(b"IDAT", zlib.compress(bytes(6))), chunk(b"IEND", b""))
TRUNCATED = base64.b64encode(base64.b64decode(png(Image.effect_noise((64, 64), 50)))[:-200]).decode()

REFUSED = {
    "too short": (
        SIZE | {"counts": [5, 2]},
        "mask: `counts` must sum to the pixels of `size` [3, 4], 12, and sum to 7",
    ),
    "too long": (
        SIZE | {"counts": "55555"},
        "mask: `counts` must sum to the pixels of `size` [3, 4], 12, and sum to 35",
    ),
    "no runs": (SIZE | {"counts": []}, "mask: `counts` must sum to"),
    "no text": (SIZE | {"counts": ""}, "mask: `counts` must sum to"),
    "negative": (SIZE | {"counts": [-5, 17]}, "mask.counts.0: Input should be greater than or equal to 0 (got -5)"),
    "fraction": (SIZE | {"counts": [1.5, 10.5]}, "mask.counts.0: Input should be a valid integer"),
    "other characters": (SIZE | {"counts": "5p5"}, "a character is not between '0' and 'o'"),
    "half a number": (SIZE | {"counts": "52o"}, "it ends within a number"),
    "huge number": (SIZE | {"counts": "oooooooooooooooooooooo0"}, "a number is too large"),
    "negative in text": (SIZE | {"counts": "O="}, "a run is shorter than 0"),
    "no size": ({"counts": [12]}, "mask.size: Field required"),
    "flat": ({"size": [0, 4], "counts": [0]}, "mask.size.0: Input should be greater than 0 (got 0)"),
    "too large": ({"size": [100_000, 100_000], "counts": [10**10]}, "mask.counts.0: Input should be less than"),
    "too many pixels": ({"size": [100_000, 100_000], "counts": "0"}, "`size` [100000, 100000] has 10000000000 pixels"),
    "nothing": ({}, "mask.size: Field required; annotations.0.mask.counts: Field required"),
    "text": ("abc", "mask: Input should be an object (got 'abc')"),
    "both": (SIZE | {"counts": [12], "png": "x"}, "mask.size: Extra inputs are not permitted"),
    "no base64": ({"png": "not base64"}, "mask: `png` is not base64"),
    "no image": ({"png": base64.b64encode(b"JFIF").decode()}, "mask: `png` is not a PNG image"),
    "only a header": ({"png": file_of()}, "mask: `png` is not a PNG image"),
    "truncated": ({"png": TRUNCATED}, "mask: `png` cannot be read: image file is truncated"),
    "bomb": ({"png": BOMB}, f"mask: `png` has {2 * SIDE} x {SIDE} pixels; the limit is {PNG_PIXELS_LIMIT} in all"),
    "two headers": ({"png": TWO_HEADERS}, "mask: `png` cannot be read"),
    "no colour": ({"png": "", "color": [256, 0, 0]}, "mask.color.0: Input should be less than or equal to 255"),
    "16 bits": (
        {"png": png(Image.fromarray(np.zeros((2, 2), np.uint16))), "color": RED},
        "mask: `png` cannot be read: `color` needs 8 bits a channel",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    mask, reason = REFUSED[name]
    found = decoded(mask)
    assert isinstance(found, str), found
    assert reason in found, found
    assert found.startswith("annotations.0.mask"), found


def test_the_pngs_of_one_event_are_bounded_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mask, "PNG_PIXELS_TOGETHER", 100)
    square = {"png": png(Image.fromarray(np.ones((5, 5), np.uint8)))}

    def reason(count: int, data_row: str) -> str:
        objects = [{"type": "mask", "feature": "cat", "mask": square}] * count
        event = {"dataset": "d", "data_row": data_row, "operation": "replace", "annotations": objects}
        rejected = decode([Record(json.dumps(event).encode(), 0, 1)], Reader(AnnotationEvent)).rejected
        return rejected[0].reason if rejected else ""

    assert reason(4, "a") == ""
    assert reason(4, "b") == ""  # each event has its own
    assert reason(5, "c").startswith(
        "annotations.4.mask: the PNG masks of one event have at most 100 pixels together; send run lengths"
    )


def test_pngs_beyond_the_bound_are_not_unpacked() -> None:
    """The header alone says how many pixels there are: what comes after need not be read."""
    broken = {"type": "mask", "feature": "cat", "mask": {"png": TRUNCATED_LARGE}}
    event = {"dataset": "d", "data_row": "r", "operation": "replace", "annotations": [broken] * 5}
    (rejected,) = decode([Record(json.dumps(event).encode(), 0, 1)], Reader(AnnotationEvent)).rejected
    assert rejected.reason.count("cannot be read") == 4
    assert f"at most {PNG_PIXELS_TOGETHER} pixels together" in rejected.reason


@given(st.text("0123456789:;<=>?@OPQ_`no", max_size=12), st.integers(1, 6), st.integers(1, 6))
def test_text_is_read_as_pycocotools_reads_it_or_refused(counts: str, height: int, width: int) -> None:
    part = decoded({"size": [height, width], "counts": counts})
    if isinstance(part, Part):
        theirs = coco_mask.decode({"size": [height, width], "counts": counts})
        assert json.loads(part.detail) == expected(theirs)
