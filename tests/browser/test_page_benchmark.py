"""The benchmark of the page runs, and a step of the slider asks nothing twice; how long it takes is not asked."""

from __future__ import annotations

import httpx

from benchmarks import page as benchmark
from tests.browser.conftest import Screen


def test_a_small_form_of_it(screen: Screen, http: httpx.Client) -> None:
    view = benchmark.feed(http, rows=6, classes=3, objects=30, dataset="x-bench")
    benchmark.opened(screen.page, screen.url, view)
    steps = benchmark.measure(screen.page, 3)
    assert all(0 < step.fresh_ms <= step.settled_ms for step in steps)
    assert all(step.requests > 0 for step in steps), steps
    # Now and then the page looks whether anything has changed meanwhile: that may fall into a step, but not into all.
    assert min(step.repeated for step in steps) == 0, steps
    said = benchmark.table("small", steps)
    for what in ("new figures", "all settled", "requests", "asked twice"):
        assert said.count(f"| {what} |") == 1, said
