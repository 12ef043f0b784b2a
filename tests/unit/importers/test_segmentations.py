"""Many masks at once are read as each by itself, which is as pycocotools reads them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from evalstream.importers.segmentations import segmentation, segmentations
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco_mask


def by_themselves(given: list[Any], sizes: list[tuple[int, int]]) -> list[Any]:
    found: list[Any] = []
    for one, size in zip(given, sizes, strict=True):
        try:
            found.append(segmentation(one, *size))
        except ValueError as error:
            found.append(str(error))
    return found


shapes = st.tuples(st.integers(1, 12), st.integers(1, 12))
pixels = shapes.flatmap(
    lambda shape: st.lists(st.booleans(), min_size=shape[0] * shape[1], max_size=shape[0] * shape[1]).map(
        lambda bits: np.array(bits, np.uint8).reshape(shape, order="F")
    )
)
texts = st.text(st.characters(min_codepoint=44, max_codepoint=116), max_size=8)


def encoded(bits: np.ndarray[Any, Any]) -> dict[str, Any]:
    rle = coco_mask.encode(np.asfortranarray(bits))
    return {"size": list(rle["size"]), "counts": rle["counts"].decode()}


@given(st.lists(st.one_of(pixels.map(encoded), st.builds(lambda s, t: {"size": list(s), "counts": t}, shapes, texts))))
def test_many_at_once(given: list[Any]) -> None:
    sizes = [tuple(one["size"]) if i % 2 else (0, 0) for i, one in enumerate(given)]
    assert segmentations(given, sizes) == by_themselves(given, sizes)


@given(st.lists(pixels, min_size=1))
def test_areas_are_pycocotools(masks: list[np.ndarray[Any, Any]]) -> None:
    given = [encoded(bits) for bits in masks]
    found = segmentations(given, [(0, 0)] * len(given))
    assert [one if isinstance(one, str) else one.area for one in found] == [bits.sum() for bits in masks]
    assert [one if isinstance(one, str) else json.loads(one.rle) for one in found] == given


@pytest.mark.parametrize(
    "odd",
    [
        {"size": [3, 4], "counts": [2, 3, 7]},
        {"size": [3, 4], "counts": "02" + "P0"},  # not the shortest form
        {"size": [4, 3], "counts": "0<"},
        {"size": [3, True], "counts": "3"},
        {"size": [3, 4], "counts": "", "more": 1},
        {"size": [3, 4], "counts": ""},
        {"size": [3, 4]},
        {"size": "3 4", "counts": "<"},
        [[0, 0, 2, 0, 2, 2]],
        "text",
        None,
    ],
)
def test_what_is_odd_is_read_by_itself(odd: Any) -> None:
    plain = {
        "size": [3, 4],
        "counts": coco_mask.frPyObjects({"size": [3, 4], "counts": [2, 3, 7]}, 3, 4)["counts"].decode(),
    }
    given, sizes = [plain, odd, plain], [(3, 4)] * 3
    assert segmentations(given, sizes) == by_themselves(given, sizes)


def test_none_at_all() -> None:
    assert segmentations([], []) == []
