"""The benchmark of uploads runs to its end; how fast is not asked."""

from __future__ import annotations

import pytest

from benchmarks.upload import measure


@pytest.mark.skipif("sys.platform != 'linux'", reason="Prometheus tells of processes under Linux alone")
def test_a_small_form_of_it() -> None:
    (cost,) = measure(images=4, per_image=5, copies=3)
    assert (cost.events, cost.predictions) == (24, 60)
    assert min(cost.client_cpu, cost.client_mb, cost.server_cpu, cost.server_mb) > 0
    assert cost.row()[0] == "60"
