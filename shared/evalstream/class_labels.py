"""The label of a class: what confusion matrices, curves and figures per class call it."""

from __future__ import annotations

import re
from typing import Final

#: A feature and the `=` that ends it.
_ANSWER: Final = re.compile(r"(?:\\.|[^=\\])*=", re.DOTALL)


def class_label(feature: str, answer: str | None = None) -> str:
    r"""Name a class: of objects by their feature, of answers by question and answer.

    ``=`` and ``\`` in the feature itself are written ``\=`` and ``\\``, so that no class of objects is called what an
    answer is called, and no two answers are called the same. The feature of a label ends at its first ``=`` that has
    no ``\`` before it.

    >>> class_label("car"), class_label("colour", "red")
    ('car', 'colour=red')
    >>> print(class_label("colour=red"))
    colour\=red
    """
    own = feature.replace("\\", r"\\").replace("=", r"\=") if "=" in feature or "\\" in feature else feature
    return own if answer is None else f"{own}={answer}"


def is_answer(label: str) -> bool:
    r"""Tell whether a label is the answer to a question, and not the class of an object.

    >>> is_answer("colour=red"), is_answer("car"), is_answer(r"colour\=red")
    (True, False, False)
    """
    return _ANSWER.match(label) is not None
