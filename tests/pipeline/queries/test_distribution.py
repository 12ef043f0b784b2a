"""Histograms over random data, against the same answered by hand."""

from __future__ import annotations

import numpy as np
import pytest
from clickhouse_connect.driver.client import Client
from evalstream.queries.distribution import distribution
from evalstream.queries.selection import ROW_METRICS, Selection

from tests.oracles import queries as oracle
from tests.pipeline.assertions import (
    approx,
)
from tests.pipeline.random_data import (
    Data,
    some_selections,
)


@pytest.mark.parametrize("metric", ["iou", "confidence", "metadata.noise", *ROW_METRICS])
def test_distributions(client: Client, data: Data, metric: str) -> None:
    for number, selection in enumerate(some_selections(data, 1)[::2]):
        scored = oracle.score(data.runs[selection.dataset, selection.run], selection)
        values = oracle.values_of(scored, metric)
        defined = [value for value in values if value is not None]
        bins = (1, 7, 20)[number % 3]
        for edges in ({}, {"low": 0.0, "high": 0.9}):
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


def test_edges_of_a_distribution_must_be_in_order(client: Client, data: Data) -> None:
    selection = Selection(dataset="images", run="v1")
    for low, high in ((0.5, 0.25), (0.5, 0.5)):
        with pytest.raises(ValueError, match="must be below"):
            distribution(client, selection, "iou", low=low, high=high)
    with pytest.raises(ValueError, match="there is no metric"):
        distribution(client, selection, "colour")
