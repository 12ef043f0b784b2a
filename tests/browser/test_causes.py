"""Causes of errors."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import Screen
from tests.browser.helpers import press, see, shown, total
from tests.conftest import DEMO_SCENES


def test_causes_are_counted_and_lead_to_their_objects(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm")
    panel = see(page, "Causes of errors")
    errors = screen.ask("errors")
    for cause, figures in errors["causes"].items():
        expect(panel.locator(f"[data-cause='{cause}'] td")).to_have_text(
            [shown(figures["count"]), shown(figures["dap"])]
        )
    # How often a cause occurs is neither good nor bad: its bar has not the colour of what is wrong.
    bar = panel.locator("[data-cause='wrong class'] td i").first
    ground = bar.evaluate("(own) => getComputedStyle(own).backgroundColor")
    wrong = "(own) => { own.style.color = 'var(--wrong)'; return getComputedStyle(own).color; }"
    assert ground != bar.evaluate(wrong)
    panel.get_by_role("button", name="missed").click()
    expect(total(page)).to_have_text(shown(errors["causes"]["missed"]["count"]))
    press(page.get_by_role("button", name="Remove filter cause: missed"))
    expect(total(page)).to_have_text(str(DEMO_SCENES))


def test_with_a_class_filter_what_is_confused_is_not_missed(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm", f="eight")
    cells = screen.ask("confusion-matrix", feature="eight")["cells"]
    missed = sum(cell["count"] for cell in cells if cell["predicted"] is None)
    confused = sum(cell["count"] for cell in cells if cell["actual"] == "eight" != cell["predicted"]) - missed
    assert confused > 0
    missed_cell = see(page, "Causes of errors").locator("[data-cause=missed] td").first
    expect(missed_cell).not_to_have_text("…")
    shown_missed = missed_cell.inner_text()
    assert int(shown_missed) <= missed
