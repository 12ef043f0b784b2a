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


def test_with_a_class_filter_it_is_said_why_more_is_missed_than_in_the_matrix(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm", f="eight")
    missed = sum(cell["count"] for cell in screen.ask("confusion-matrix", feature="eight")["cells"]
                 if cell["predicted"] is None)  # fmt: skip
    assert screen.ask("errors", feature="eight")["causes"]["missed"]["count"] > missed
    panel = see(page, "Causes of errors")
    panel.get_by_role("button", name="Why the matrix counts fewer missed").focus()
    expect(page.get_by_role("tooltip")).to_contain_text("taken for another class is missed here")
