"""Columns between NumPy and Arrow: those that Arrow itself makes."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from evalstream.arrow import column, numbers, repeated, texts
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays


@given(
    arrays.arrays(
        arrays.integer_dtypes(endianness="=") | arrays.floating_dtypes(endianness="=", sizes=(32, 64)),
        st.integers(0, 9),
    )
)
def test_numbers_go_to_arrow_and_back(values: np.ndarray) -> None:
    found = column(values)
    found.validate(full=True)
    assert found.type == pa.array(values).type
    assert numbers(found).tobytes() == values.tobytes()
    assert numbers(found[1:]).tobytes() == values[1:].tobytes()


def test_every_other_number_is_its_own_column() -> None:
    assert column(np.arange(6)[::2]).to_pylist() == [0, 2, 4]


@given(st.lists(st.text(st.characters(codec="utf-8"))))
def test_strings_go_to_arrow(given_texts: list[str]) -> None:
    found = texts(iter(given_texts))
    found.validate(full=True)
    assert found.equals(pa.array(given_texts, pa.string()))


def test_one_string_is_repeated() -> None:
    assert repeated("é", 3).equals(pa.array(["é"] * 3))
    assert repeated("é", 0).equals(pa.array([], pa.string()))


def test_strings_that_no_column_can_hold_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evalstream.arrow._LARGEST", 3)
    with pytest.raises(pa.ArrowCapacityError, match="at most 3 bytes"):
        texts(["ab", "é"])
