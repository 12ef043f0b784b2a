"""A colour says one thing: the runs have theirs, and nothing else has."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser import zoo
from tests.browser.conftest import Screen
from tests.browser.helpers import see

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


def test_a_class_has_a_swatch_only_where_its_colour_was_declared(screen: Screen, zoo_dataset: str) -> None:
    page = screen.open(d=zoo_dataset, a=zoo.RUN)
    panel = see(page, "Classes")
    swatch = panel.locator("[data-class=bird] i")
    expect(swatch).to_be_visible()
    assert swatch.evaluate(GROUND) == "rgb(18, 52, 86)"  # zoo.COLOUR
    expect(panel.locator("[data-class=roof]")).to_be_visible()
    expect(panel.locator("[data-class=roof] i")).to_have_count(0)
