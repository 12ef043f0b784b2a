"""One service for all tests of clients and commands: each fills datasets of its own, and none ends it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.service import Service, running


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A real ``evalstream up``: one for all, for each that is started has its engine open."""
    keys = "key=read+write+admin,both=read+write,reader=read,in=write"
    with running(tmp_path_factory.mktemp("service"), EVALSTREAM_API_KEYS=keys) as service:
        yield service
