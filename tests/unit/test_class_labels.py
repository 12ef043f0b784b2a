"""What classes are called: never two the same."""

from __future__ import annotations

from evalstream.class_labels import class_label
from hypothesis import given
from hypothesis import strategies as st

NAMES = st.text("ab=\\\\/", min_size=1, max_size=5)
CLASSES = st.tuples(NAMES, st.none() | NAMES)


@given(CLASSES, CLASSES)
def test_two_classes_have_two_labels(one: tuple[str, str | None], other: tuple[str, str | None]) -> None:
    assert (class_label(*one) == class_label(*other)) == (one == other)


@given(NAMES)
def test_plain_names_stay_as_they_are(name: str) -> None:
    plain = name.replace("=", "").replace("\\", "")
    assert class_label(plain) == plain
