"""Many masks at once are read as each by itself, which is as pycocotools reads them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from evalstream.importers.segmentations import segmentation, segmentations, written
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


def together(given: list[Any], sizes: list[tuple[int, int]]) -> list[Any]:
    height, width = np.array(sizes, np.int64).reshape(-1, 2).T
    found = segmentations(written(given), height, width, given.__getitem__)
    rows = zip(found.rle.to_pylist(), found.area.tolist(), found.thin.tolist(), strict=True)
    return [found.reasons.get(i, row) for i, row in enumerate(rows)]


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
    assert together(given, sizes) == by_themselves(given, sizes)


places = st.one_of(
    st.integers(-9, 25),
    st.floats(-9, 25).map(lambda value: round(value, 2)),
    st.floats(-9, 25),
    st.integers(-12, 40).map(lambda fifth: fifth / 5 + 0.1),  # where upsampled points are halfway
    st.sampled_from([-1e6, 1e6, 1e6 + 1, 0.0, -0.0, 1e-310]),
)
rings = st.lists(places, min_size=6, max_size=12) | st.lists(places, max_size=6)
#: Points that repeat, and lines that run along columns and rows.
squares = st.lists(st.sampled_from([0, 0.5, 2, 2.1, 7, 20]), min_size=6, max_size=14)


@given(st.lists(st.lists(rings | squares, max_size=3), max_size=4), st.tuples(st.integers(0, 12), st.integers(0, 12)))
def test_outlines_are_drawn_as_pycocotools_draws_them(given: list[Any], size: tuple[int, int]) -> None:
    sizes = [size] * len(given)
    assert together(given, sizes) == by_themselves(given, sizes)


def test_large_outlines_are_drawn_as_pycocotools_draws_them() -> None:
    rng = np.random.default_rng(5)
    outlines = [
        [(rng.normal(size=(n, 2)) * [300, 200] + [320, 240]).ravel().tolist() for n in rng.integers(3, 30, 3)]
        for _ in range(200)
    ]
    found = together(outlines, [(480, 640)] * len(outlines))
    for rings, (rle, area, _) in zip(outlines, found, strict=True):
        expected = coco_mask.merge(coco_mask.frPyObjects(rings, 480, 640))
        assert json.loads(rle) == {"size": [480, 640], "counts": expected["counts"].decode()}
        assert area == coco_mask.area(expected)


@given(st.lists(pixels, min_size=1))
def test_areas_are_pycocotools(masks: list[np.ndarray[Any, Any]]) -> None:
    given = [encoded(bits) for bits in masks]
    found = together(given, [(0, 0)] * len(given))
    assert [one if isinstance(one, str) else one[1] for one in found] == [bits.sum() for bits in masks]
    assert [one if isinstance(one, str) else json.loads(one[0]) for one in found] == given


@pytest.mark.parametrize(
    "odd",
    [
        {"size": [3, 4], "counts": [2, 3, 7]},
        {"size": [3, 4], "counts": "02" + "P0"},  # not the shortest form
        {"size": [4, 3], "counts": "0<"},
        {"size": [3, True], "counts": "3"},
        {"size": [3, 4], "counts": "", "more": 1},
        {"size": [3, 4], "counts": ""},
        {"size": [3, 4], "counts": b"<"},
        {"counts": "<", "size": [3, 4]},
        {"size": [3, 4], "counts": "5G\\"},
        [[0, 0, 2, 0, 2, True]],
        [[0, 0, 2, 0, 2, float("nan")]],
        [[0, 0, 2, 0, 2, "2"]],
        [[0, 0, 2, 0, 2, 2], 3],
        [[0, 0, 2, 0, 2, 2], [1, 1, 3, 3]],
        [[0, 0, 2, 0, 2, 2], [1, 1]],
        [],
        [[]],
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
    assert together(given, sizes) == by_themselves(given, sizes)


def test_none_at_all() -> None:
    assert together([], []) == []
