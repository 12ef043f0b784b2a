"""One embedded engine for each test module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from clickhouse_connect.driver.client import Client

from tests.feeding import new_engine


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Give an empty engine; not for the whole session, for a process can have one folder open at a time."""
    with new_engine(tmp_path_factory.mktemp("engine")) as client:
        yield client
