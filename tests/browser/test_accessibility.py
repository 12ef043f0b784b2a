"""axe finds nothing serious on the page: whatever it shows, in light and dark, wide and narrow."""

from __future__ import annotations

import re
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT  # type: ignore[import-untyped]
from playwright.sync_api import expect

from tests.browser.conftest import Screen
from tests.browser.helpers import settle
from tests.conftest import DEMO_SCENES

#: Who speaks to the page says what can be read on a button: a rule that axe itself does not try unless it is asked to.
OPTIONS: dict[str, Any] = {
    "resultTypes": ["violations"],
    "rules": {"label-content-name-mismatch": {"enabled": True}},
}
#: What a dialog can make wrong of the page behind it, which is looked at where there is none.
BEHIND = {"resultTypes": ["violations"], "runOnly": ["aria-hidden-focus", "aria-hidden-body", "duplicate-id-aria"]}
RUNS = {"digits": ("svm", "logreg"), "strokes": ("svm", "logreg"), "notes": ("tagger", "rules")}
#: Every scheme with every width, and each dataset in both schemes and at both widths.
LOOKS = {
    "digits": [("light", 1280), ("dark", 390)],
    "strokes": [("dark", 1280), ("light", 390)],
    "notes": [("light", 390), ("dark", 1280)],
}


#: What is written smaller than 12 pixels.
SMALLEST = """() => {
    const small = new Set();
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
        const own = walk.currentNode.parentElement;
        if (!walk.currentNode.data.trim() || own.closest("svg")) continue;
        if (parseFloat(getComputedStyle(own).fontSize) < 12) small.add(walk.currentNode.data.trim());
    }
    return [...small];
}"""


def serious(screen: Screen, within: str = "html", options: dict[str, Any] = OPTIONS) -> list[str]:
    """What axe holds to be serious or critical, within what a selector finds: the rule, and where."""
    if screen.page.evaluate("typeof axe") == "undefined":
        screen.page.evaluate(AXE_SCRIPT)
    found: list[dict[str, Any]] = screen.page.evaluate(
        "async ([within, options]) => (await axe.run(within, options)).violations", [within, options]
    )
    return [
        f"{rule['id']} ({rule['impact']}): {node['target'][-1]}: {node['failureSummary']}"
        for rule in found
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
    ]


def look(screen: Screen, scheme: str, width: int) -> None:
    screen.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
    screen.page.set_viewport_size({"width": width, "height": 900})


def assert_nothing_serious(screen: Screen, dataset: str, within: str = "html") -> None:
    """In each look, of one and the same page: to load it anew for each takes longer than to look at it."""
    for scheme, width in LOOKS[dataset]:
        look(screen, scheme, width)
        settle(screen.page)
        found = serious(screen, within)
        assert found == [], (scheme, width, "\n".join(found))
        assert screen.page.evaluate(SMALLEST) == []


@pytest.mark.parametrize("dataset", RUNS)
def test_the_page_with_two_runs(screen: Screen, dataset: str) -> None:
    run, other = RUNS[dataset]
    page = screen.open(d=dataset, a=run, b=other)
    expect(page.locator("[data-flip]").first).to_be_visible()
    # What is far down is asked for when it comes near.
    for share in (0.5, 1, 0):
        page.evaluate(f"scrollTo(0, {share} * document.body.scrollHeight)")
        settle(page)
    assert_nothing_serious(screen, dataset)


@pytest.mark.parametrize("dataset", RUNS)
def test_an_open_data_row(screen: Screen, dataset: str) -> None:
    run, other = RUNS[dataset]
    row = screen.ask("rows", dataset=dataset, run=run, limit=DEMO_SCENES, sort="fp", descending=True)["rows"][0]
    page = screen.open(d=dataset, a=run, b=other, row=row["data_row"])
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(page.get_by_role("dialog").get_by_role("heading", name=re.compile("^Objects"))).to_be_visible()
    assert_nothing_serious(screen, dataset, "[role=dialog]")
    assert serious(screen, options=BEHIND) == []


def test_one_run_and_nothing_found(screen: Screen) -> None:
    page = screen.go(d="digits", a="svm", m="noise>99")
    expect(page.get_by_role("region", name="No data rows")).to_be_visible()
    settle(page)
    assert serious(screen) == []
