"""The benchmark of questions runs, and asks every one of them; how long it takes is not asked."""

from __future__ import annotations

import io

from rich.console import Console

from benchmarks.queries import ASKED, measure


def test_a_small_form_of_it() -> None:
    measured = measure(images=4, per_image=5, rounds=1)
    assert set(measured.costs) == set(ASKED)
    assert all(cost.first > 0 and cost.next > 0 for cost in measured.costs.values())
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(measured.table("small"))
    assert "hotcoco, one evaluation" in console.export_text()
