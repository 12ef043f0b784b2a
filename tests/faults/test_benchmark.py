"""The benchmark of the pipeline runs to its end, on a cluster; how fast is not asked."""

from __future__ import annotations

import asyncio

import pytest

from benchmarks import pipeline
from tests.faults.cluster import Cluster

pytestmark = pytest.mark.kafka


@pytest.mark.parametrize("rate", [0, 2_000])
def test_a_small_form_of_it(
    cluster: Cluster, rate: float, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP", cluster.broker.bootstrap)
    monkeypatch.setenv("EVALSTREAM_URL", cluster.url("query"))
    asyncio.run(pipeline.run(images=50, per_image=20, rate=rate))
    said = capsys.readouterr().out
    assert "1,000 predictions in 50 events" in said
    assert "queryable after" in said
