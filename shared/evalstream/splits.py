"""Splits of a dataset, by their names."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator


def _named(given: Any) -> Any:
    return "validation" if given == "val" else given


#: What a data row is for; ``val``, as most tools say, is taken for ``validation``.
Split = Annotated[Literal["train", "validation", "test"], BeforeValidator(_named)]
