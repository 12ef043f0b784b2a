"""The documents in ``schemas/`` say what the code does."""

from __future__ import annotations

from pathlib import Path

import pytest
from evalstream_schemas import documents

SCHEMAS = Path(__file__).resolve().parents[3] / "schemas"


#: To write them takes seconds, which whoever only looks for tests should not wait for.
NAMES = [path.name for path in sorted(SCHEMAS.glob("*.json"))]


@pytest.fixture(scope="module")
def current() -> dict[str, str]:
    return documents()


def test_every_document_is_there_and_no_other(current: dict[str, str]) -> None:
    assert sorted(current) == NAMES, "run `make schemas`"


@pytest.mark.parametrize("name", NAMES)
def test_document_is_current(current: dict[str, str], name: str) -> None:
    assert (SCHEMAS / name).read_text(encoding="utf-8") == current[name], "run `make schemas`"
