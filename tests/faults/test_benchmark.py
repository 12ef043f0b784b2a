"""The benchmark of the pipeline runs to its end, on a cluster; how fast is not asked."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter

import pytest
from evalstream_devcluster.topology import Member

from benchmarks import pipeline
from tests.faults.cluster import Cluster

pytestmark = pytest.mark.kafka


@pytest.mark.parametrize("rate", [0, 2_000])
def test_a_small_form_of_it(cluster: Cluster, rate: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP", cluster.broker.bootstrap)
    monkeypatch.setenv("EVALSTREAM_URL", cluster.url("query"))
    said = "\n".join(asyncio.run(pipeline.run(images=50, per_image=20, rate=rate)))
    assert "1,000 predictions in 50 events" in said
    assert "queryable after" in said


def test_what_processes_took_and_how_old_predictions_were(cluster: Cluster) -> None:
    own = Member("own", "", os.getpid(), ready=True)
    matchers = [Member(name, cluster.url(name), None, ready=True) for name in ("matcher-1", "matcher-2")]
    assert 0 < pipeline.cpu_seconds([own])["own"] <= time.process_time() + 1
    ages = asyncio.run(pipeline.freshness([own, *matchers]))
    assert ages[float("inf")] == max(ages.values())
    assert pipeline.bound(Counter({0.5: 6.0, 1.0: 9.0, float("inf"): 10.0}), 0.9) == 1.0
