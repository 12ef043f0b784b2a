"""The gauges of the query service: of each run that there is, and of none that was deleted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from clickhouse_connect.driver.client import Client
from evalstream.pipeline.delete import delete
from evalstream.storage.deletions import Scope
from evalstream_cluster.query import forget_runs, measure_runs
from evalstream_cluster.settings import ServiceSettings
from prometheus_client import REGISTRY

from tests.feeding import feed, new_engine


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with new_engine(tmp_path_factory.mktemp("engine")) as client:
        yield client


def gauges(dataset: str) -> set[tuple[str, str]]:
    """The gauges of a dataset's runs, each with its run."""
    return {
        (sample.name, sample.labels["run"])
        for metric in REGISTRY.collect()
        for sample in metric.samples
        if sample.labels.get("dataset") == dataset
    }


def test_a_run_that_was_deleted_is_measured_no_more(client: Client) -> None:
    settings = ServiceSettings(_env_file=None)
    feed(client, "measured", {"r": []}, {"v1": {"r": []}, "v2": {"r": []}})
    before = measure_runs(lambda: client, settings)
    assert before == {("measured", "v1"), ("measured", "v2")}
    names = {name for name, _ in gauges("measured")}
    assert len(names) == 3
    delete(client, Scope("measured", run="v1"), 1)
    after = measure_runs(lambda: client, settings)
    assert after == {("measured", "v2")}
    forget_runs(before - after)
    assert gauges("measured") == {(name, "v2") for name in names}
