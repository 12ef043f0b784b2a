"""One broker that wants to know who is there, for all tests that log in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest
from evalstream_devcluster.kafka_secured import Secured, secured

#: Names and passwords; with signs in them that files of settings make something of.
USERS: Final = {"alice": "open = \\sesame é", "bob": "builder"}


@pytest.fixture(scope="package")
def doors() -> Iterator[Secured]:
    with secured(USERS) as broker:
        yield broker
