"""The gauges of the query service: of each run that there is, and of none that was deleted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from clickhouse_connect.driver.client import Client
from evalstream.pipeline.delete import delete
from evalstream.queries.summary import Summary, summary
from evalstream.selection import Selection
from evalstream.storage.deletions import Scope
from evalstream_cluster import query
from evalstream_cluster.query import Measured, forget_runs, measure_runs
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


def measured(client: Client, dataset: str, before: Measured) -> Measured:
    """Measure every run; give the runs of a dataset."""
    found = measure_runs(lambda: client, ServiceSettings(_env_file=None), before)
    return {run: state for run, state in found.items() if run[0] == dataset}


def test_a_run_that_was_deleted_is_measured_no_more(client: Client) -> None:
    feed(client, "measured", {"r": []}, {"v1": {"r": []}, "v2": {"r": []}})
    before = measured(client, "measured", {})
    assert before.keys() == {("measured", "v1"), ("measured", "v2")}
    names = {name for name, _ in gauges("measured")}
    assert len(names) == 3
    delete(client, Scope("measured", run="v1"), 1)
    after = measured(client, "measured", before)
    assert after.keys() == {("measured", "v2")}
    forget_runs(before.keys() - after.keys())
    assert gauges("measured") == {(name, "v2") for name in names}


def test_a_run_is_measured_again_when_its_data_have_changed(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def noted(client: Client, selection: Selection) -> Summary:
        if selection.dataset == "again":
            asked.append(selection.run)
        return summary(client, selection)

    monkeypatch.setattr(query, "summary", noted)
    feed(client, "again", {"r": []}, {"v1": {"r": []}, "v2": {"r": []}})
    first = measured(client, "again", {})
    second = measured(client, "again", first)
    assert sorted(asked) == ["v1", "v2"]
    feed(client, "again", {}, {"v2": {"s": []}})
    third = measured(client, "again", second)
    assert sorted(asked) == ["v1", "v2", "v2"]
    assert first == second != third
