"""A colour says one thing: the runs have theirs, and nothing else has."""

from __future__ import annotations

import httpx
from playwright.sync_api import expect

from tests.browser.conftest import Screen
from tests.browser.helpers import box, see, send

GROUND = "(own) => getComputedStyle(own).backgroundColor"


def test_curves_of_classes_have_neither_runs_colour(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm", b="logreg", lines="eight|two|six")
    panel = page.get_by_role("region", name="Precision and recall")
    comparison = page.get_by_role("region", name="svm vs logreg")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        runs = [panel.locator("span", has_text=name).locator("i").first.evaluate(GROUND) for name in ("svm", "logreg")]
        classes = [
            panel.get_by_role("button", name=f"Remove the curve of {name}").locator("i").evaluate(GROUND)
            for name in ("eight", "two", "six")
        ]
        assert len({*runs, *classes}) == 5
        assert [comparison.locator(f"[data-run={which}] > i").first.evaluate(GROUND) for which in "ab"] == runs


def test_a_class_has_a_swatch_only_where_its_colour_was_declared(screen: Screen) -> None:
    with httpx.Client(base_url=screen.url, timeout=60) as http:
        classes = [{"name": "sea", "color": "#123456"}]
        http.put("/v1/datasets/x-colours/ontology", json={"classes": classes}).raise_for_status()
        objects = [box("sea", 0), box("land", 1)]
        send(http, "x-colours", {"r": objects}, {"r": [one | {"confidence": 0.9} for one in objects]})
    page = screen.open(d="x-colours", a="one")
    panel = see(page, "Classes")
    swatch = panel.locator("[data-class=sea] i")
    expect(swatch).to_be_visible()
    assert swatch.evaluate(GROUND) == "rgb(18, 52, 86)"
    expect(panel.locator("[data-class=land] i")).to_have_count(0)


def test_how_often_a_cause_occurs_is_neither_good_nor_bad(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm")
    panel = see(page, "Causes of errors")
    bar = panel.locator("[data-cause='wrong class'] td i").first
    expect(bar).to_be_attached()
    color = "(own) => { own.style.color = 'var(--wrong)'; return getComputedStyle(own).color; }"
    assert bar.evaluate(GROUND) != bar.evaluate(color)
