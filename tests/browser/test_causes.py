"""Causes of errors."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import Screen
from tests.browser.helpers import see, shown, total
from tests.conftest import DEMO_SCENES


def test_causes_are_counted_and_lead_to_their_objects(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm")
    panel = see(page, "Causes of errors")
    errors = screen.ask("errors")
    for cause, figures in errors["causes"].items():
        expect(panel.locator(f"[data-cause='{cause}'] td")).to_have_text(
            [shown(figures["count"]), shown(figures["dap"])]
        )
    panel.get_by_role("button", name="missed").click()
    expect(total(page)).to_have_text(shown(errors["causes"]["missed"]["count"]))
    page.get_by_role("button", name="Remove filter cause: missed").click()
    expect(total(page)).to_have_text(str(DEMO_SCENES))
