"""One embedded engine for each test module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from clickhouse_connect.driver.client import Client
from evalstream.storage.engine import open_embedded
from evalstream.storage.migrate import migrate


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Give an empty engine; not for the whole session, for a process can have one folder open at a time."""
    client = open_embedded(tmp_path_factory.mktemp("engine"))
    migrate(client)
    yield client
    client.close()
