"""One cluster for all tests that send events through Kafka and look at the numbers: to start it takes its time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.cluster import Cluster, running_cluster
from tests.prefork import services_forked


@pytest.fixture(scope="package")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with services_forked(), running_cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture
def cluster(running: Cluster) -> Cluster:
    """Give the cluster once everything in it takes work, whatever the test before has done to it."""
    running.wait_ready()
    return running
