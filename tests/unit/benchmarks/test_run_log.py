"""The benchmark of the log runs, and everything logged arrives; how long it takes is not asked."""

from __future__ import annotations

from benchmarks.run_log import measure


def test_a_small_form_of_it() -> None:
    cost = measure(images=20, per_image=10, milliseconds=0.1, rounds=2)
    assert cost.accepted == 40
    assert 0 < cost.within < cost.logged
    assert cost.sending > 0
    assert "an image; with the log" in str(cost)
