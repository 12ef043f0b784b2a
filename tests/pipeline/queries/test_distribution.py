"""Histograms over random data, against the same answered by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from clickhouse_connect.driver.client import Client
from evalstream.queries.distribution import OBJECT_METRICS, distribution
from evalstream.selection import Selection
from evalstream.stored.counted import ROW_METRICS

from tests.feeding import feed
from tests.oracles import queries as oracle
from tests.pipeline.assertions import approx
from tests.pipeline.queries.test_columns import too_large
from tests.pipeline.random_data import Data, some_selections

METRICS = ["iou", "confidence", "metadata.noise", *ROW_METRICS]


@pytest.mark.parametrize("metric", METRICS)
def test_distributions(client: Client, data: Data, metric: str) -> None:
    place = METRICS.index(metric)  # others of each metric
    for number, selection in enumerate(some_selections(data, 1)[place % 4 :: 4], place):
        scored = oracle.score(data.runs[selection.dataset, selection.run], selection)
        values = oracle.values_of(scored, metric)
        defined = [value for value in values if value is not None]
        bins = (1, 7, 20)[number % 3]
        edges = {"low": 0.0, "high": 0.9} if number % 2 else {}
        found = distribution(client, selection, metric, bins=bins, **edges)
        counts, at = np.histogram(defined, bins, (found.edges[0], found.edges[-1]))
        assert found.edges == at.tolist()
        assert found.counts == counts.tolist()
        assert (found.total, found.undefined) == (len(defined), len(values) - len(defined))
        assert found.mean == approx(float(np.mean(defined)) if defined else None)
        assert found.minimum == approx(min(defined, default=None))
        assert found.maximum == approx(max(defined, default=None))
        if not edges:
            assert sum(found.counts) == len(defined)
        if metric in OBJECT_METRICS:
            with too_large(selection.dataset, selection.run):
                there = distribution(client, selection, metric, bins=bins, **edges)
            assert there == found.model_copy(update={"mean": approx(found.mean)})


def test_edges_of_a_distribution_must_be_in_order(client: Client, data: Data) -> None:
    selection = Selection(dataset="images", run="v1")
    for low, high in ((0.5, 0.25), (0.5, 0.5)):
        with pytest.raises(ValueError, match="must be below"):
            distribution(client, selection, "iou", low=low, high=high)
    with pytest.raises(ValueError, match="there is no metric"):
        distribution(client, selection, "colour")


@pytest.mark.parametrize(
    ("values", "counts"),
    [
        ([1_700_000_000_000_000_000] * 2, [0, 2]),  # nanoseconds
        ([1e308] * 2, [0, 0]),  # further than edges go
        ([-1e308, -1e290, 1e290, 1.7e308], [1, 1]),
        ([5e-324, -5e-324], [1, 1]),
        ([0], [0, 1]),
    ],
)
def test_a_histogram_of_any_numbers_has_edges(client: Client, values: list[float], counts: list[int]) -> None:
    dataset = f"numbers {values}"
    empty: dict[str, list[Any]] = {str(i): [] for i in range(len(values))}
    facts = {str(i): {"metadata": {"size": value}} for i, value in enumerate(values)}
    feed(client, dataset, empty, {"v1": empty}, rows=facts)
    found = distribution(client, Selection(dataset=dataset, run="v1"), "metadata.size", bins=2)
    assert np.all(np.isfinite(found.edges))
    assert found.edges[0] < found.edges[2]
    assert (found.counts, found.total, found.undefined) == (counts, len(values), 0)
    assert (found.minimum, found.maximum) == (min(values), max(values))
