"""How answers are normalised before they are compared."""

from __future__ import annotations

import re
import string

import pytest
from evalstream.geometry.text import normalised
from hypothesis import given
from hypothesis import strategies as st


def squad(text: str) -> str:
    """SQuAD v1.1's rule: lower case, no punctuation, no articles, single spaces."""
    letters = "".join(c for c in text.lower() if c not in set(string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", letters).split())


words = st.sampled_from(["the", "The", "a", "an", "cat", "CAT.", "$5", "don't", " ", "\t", "theatre", "A-", "-the-"])


@given(st.lists(words).map(" ".join) | st.text(st.characters(max_codepoint=127)))
def test_on_ascii_it_is_squad(text: str) -> None:
    assert normalised(text) == squad(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [("Straße", "STRASSE"), ("Zoe\u0308", "zoë"), ("«Oui», dit-il…", "oui ditil"), ("The end.", "end"), ("", "the")],
)
def test_beyond_ascii(one: str, other: str) -> None:
    assert normalised(one) == normalised(other)


def test_accents_are_letters() -> None:
    assert normalised("resume") != normalised("résumé")
