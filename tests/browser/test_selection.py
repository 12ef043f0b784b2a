"""What is chosen in the matrix, a table or a chart: a bar says it until the gallery is in sight."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Screen
from tests.browser.helpers import press, total


def bar(page: Page) -> Locator:
    return page.get_by_role("complementary", name="What was chosen")


def missed_cell(screen: Screen) -> dict[str, Any]:
    cells: list[dict[str, Any]] = screen.ask("confusion-matrix")["cells"]
    return next(one for one in cells if one["actual"] and one["predicted"] is None)


@pytest.mark.parametrize("width", [1280, 390])
def test_a_bar_says_what_was_chosen_and_leads_to_it(screen: Screen, width: int) -> None:
    screen.page.set_viewport_size({"width": width, "height": 800})
    page = screen.open(d="digits", a="svm")
    cell = missed_cell(screen)
    expect(bar(page)).to_have_text("")
    page.get_by_role("button", name=f"{cell['actual']}, missed: {cell['count']}", exact=True).click()
    expect(bar(page).get_by_role("status")).to_have_text(f"{cell['count']} objects: {cell['actual']} → missed")
    expect(bar(page)).to_be_in_viewport()
    heading = page.get_by_role("heading", name="Gallery")
    expect(heading).not_to_be_in_viewport()
    bar(page).get_by_role("button", name="Show").press("Enter")
    expect(heading).to_be_in_viewport()
    expect(heading).to_be_focused()
    # The gallery says it itself, and nothing is covered, at the end of the page neither.
    expect(bar(page)).to_have_text("")
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    expect(bar(page)).to_have_text("")
    page.evaluate("scrollTo(0, 0)")
    bar(page).get_by_role("button", name="Clear").click()
    expect(bar(page)).to_have_text("")
    assert "actual" not in page.url


def test_what_only_the_other_run_has_is_shown_of_that_one(screen: Screen) -> None:
    own, their = (
        {(one["actual"] or "", one["predicted"] or ""): one["count"] for one in cells}
        for cells in (screen.ask("confusion-matrix", run=run)["cells"] for run in ("svm", "logreg"))
    )
    actual, predicted = next(pair for pair in their if pair not in own)
    count = their[actual, predicted]
    page = screen.open(d="digits", a="svm", b="logreg", minus="1")
    words = f"{actual}, {f'taken for {predicted}' if predicted else 'missed'}" if actual else "false alarm"
    page.get_by_role("button", name=re.compile(f"^{words}.*: 0 less {count} is")).first.click()
    expect(total(page)).not_to_have_text("0")
    runs = page.get_by_role("group", name="Objects of which run").get_by_role("button")
    expect(runs).to_have_text([re.compile("^svm 0$"), re.compile(r"^logreg [1-9]\d*$")])
    expect(runs.nth(1)).to_have_attribute("aria-pressed", "true")
    press(runs.first)
    expect(total(page)).to_have_text("0")
    page.go_back()
    expect(runs.nth(1)).to_have_attribute("aria-pressed", "true")
