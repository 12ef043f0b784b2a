"""What the parity tests share: an engine a module, and the table that they write."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Protocol
from unittest.mock import MagicMock

import pytest
from clickhouse_connect.driver.client import Client

from tests import agreement
from tests.agreement import Figures, Key, Line
from tests.feeding import new_engine

# tidecv draws with OpenCV, which wants a screen's libraries; nothing is drawn here.
sys.modules.setdefault("cv2", MagicMock())

_FOUND: dict[Key, Line] = {}


class Agree(Protocol):
    """How a test says what agrees with what."""

    def __call__(
        self, metric: str, reference: str, data: str, ours: Figures, theirs: Figures, tolerance: float = 1e-9
    ) -> None:
        """Assert that figures agree, and have the table say so."""


@pytest.fixture(scope="session")
def agree(request: pytest.FixtureRequest) -> Iterator[Agree]:
    """Give the function that compares; afterwards, if asked to, bring ``docs/agreement.md`` up to date."""
    writing = bool(request.config.getoption("--write-agreement"))
    listed = agreement.read()

    def compare(
        metric: str, reference: str, data: str, ours: Figures, theirs: Figures, tolerance: float = 1e-9
    ) -> None:
        key = metric, reference, data
        line = agreement.difference(ours, theirs)
        assert line.difference <= tolerance, (key, line.difference, ours, theirs)
        before = _FOUND.get(key, Line(0, 0.0))
        _FOUND[key] = Line(before.figures + line.figures, max(before.difference, line.difference))
        assert writing or key in listed, f"docs/agreement.md does not list {key}: run `make agreement`"

    yield compare
    if writing:
        agreement.write(_FOUND)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Give an empty engine; not for the whole session, for a process can have one folder open at a time."""
    with new_engine(tmp_path_factory.mktemp("engine")) as client:
        yield client
