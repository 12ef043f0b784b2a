"""Arrays of any library, and sides of images put together and taken apart."""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np
import pytest
from evalstream.importers.arrays import Classes, Reader, Side, apart, as_array, image_name, together


class Eager:
    """A tensor that only ``numpy`` makes an array of."""

    def numpy(self) -> Any:
        return np.array([1.5])


class Lazy:
    """An array of a library that knows NumPy's protocol and nothing else."""

    def __array__(self, *_args: Any, **_kwargs: Any) -> Any:
        return np.array([1.5])


@pytest.mark.parametrize("given", [[1.5], (1.5,), np.array([1.5]), Eager(), Lazy(), array("d", [1.5])])
def test_what_holds_numbers_is_an_array(given: Any) -> None:
    assert np.array_equal(as_array(given), [1.5])


def test_sides_are_put_together_and_taken_apart() -> None:
    reader = Reader("bbox", "xywh", Classes(None))
    boxes = np.arange(24.0).reshape(6, 4)
    sides = [
        reader.predicted(str(i), {"boxes": boxes[:i], "labels": ["a", "b", "a", "c"][:i], "scores": [0.5] * i})
        for i in (2, 0, 4)
    ]
    whole, counts = together(sides)
    assert counts.tolist() == [2, 0, 4]
    assert whole.label.tolist() == [0, 1, 0, 1, 0, 2]
    for one, again in zip(sides, apart(whole, counts), strict=True):
        assert isinstance(again, Side)
        assert all(np.array_equal(column, other) for column, other in zip(one, again, strict=True))
    assert len(together([])[0].label) == 0


@pytest.mark.parametrize(("given", "name"), [(7, "7"), (np.int64(7), "7"), (np.array(7), "7"), ("7", "7")])
def test_an_image_is_named_by_its_number_or_text(given: Any, name: str) -> None:
    assert image_name(given) == name
