"""The documents in ``schemas/`` say what the code does."""

from __future__ import annotations

from pathlib import Path

import pytest
from evalstream_schemas import documents

SCHEMAS = Path(__file__).resolve().parents[3] / "schemas"


@pytest.mark.parametrize("name", list(documents()))
def test_document_is_current(name: str) -> None:
    assert (SCHEMAS / name).read_text(encoding="utf-8") == documents()[name], "run `make schemas`"
