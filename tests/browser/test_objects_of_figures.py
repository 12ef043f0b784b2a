"""Every count leads to exactly the objects that it counts."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.conftest import Screen
from tests.browser.helpers import OBJECTS, press, settle, shown, total


def test_counts_of_the_headline_open_exactly_their_objects(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm", b="logreg")
    summary = screen.headline()
    chips = page.get_by_role("button", name="Remove filter")
    for name, figure, words in (("TP", "tp", "true"), ("FP", "fp", "false positives"), ("FN", "fn", "false negatives")):
        page.locator(f"[data-figure={name}]").click()
        expect(total(page)).to_have_text(shown(summary[figure]))
        expect(chips).to_contain_text(words)
        expect(page.locator(f"[data-figure={name}]")).to_have_attribute("aria-pressed", "true")
    # Of the other run too; answers are not counted, as they are not in the headline.
    press(page.get_by_role("group", name="Objects of which run").get_by_role("button", name="logreg"))
    expect(total(page)).to_have_text(shown(screen.headline(run="logreg")["fn"]))
    page.locator("[data-figure=FN]").click()
    expect(chips).to_have_count(0)
    # What only one of two runs gets wrong.
    wrong = screen.ask("comparison", versus="logreg", type=OBJECTS)["false_positives"]
    for run, number in (("svm", wrong["only_a"]), ("logreg", wrong["only_b"])):
        page.get_by_role("button", name=re.compile(rf"\d+ that only .?{run}.? makes")).click()
        expect(total(page)).to_have_text(shown(number))
    page.get_by_role("group", name="Headline figures of").get_by_role("button", name="answers").click()
    page.locator("[data-figure=FP]").click()
    expect(total(page)).to_have_text(shown(screen.ask("summary", type=["radio", "checklist"])["fp"]))
    settle(page)
