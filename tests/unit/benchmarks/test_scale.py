"""The benchmark of large runs runs, and asks every question; how long it takes is not asked."""

from __future__ import annotations

import pytest

from benchmarks.queries import ASKED
from benchmarks.scale import measure


@pytest.mark.skipif("sys.platform != 'linux'", reason="Prometheus tells of processes under Linux alone")
def test_a_small_form_of_it() -> None:
    scale = measure(parts=2, images=4, per_image=5, rounds=1)
    assert scale.detections == 40
    assert set(scale.questions) == set(ASKED)
    assert not [why for why in scale.questions.values() if isinstance(why, str)]
    assert len(scale.loads) == 2
    assert 0 < scale.in_use <= scale.disk
    assert len(list(scale.tables())) == 2
