"""What is looked at after the figures: what is confused most, a data row as either run has it, a curve from near."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.conftest import Screen
from tests.browser.helpers import see, settle, shown, total


def test_the_top_confusions_are_ranked_and_lead_to_their_objects(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm")
    cells = screen.ask("confusion-matrix")["cells"]
    wrong = [one for one in cells if one["actual"] and one["predicted"] and one["actual"] != one["predicted"]]
    counts = sorted((one["count"] for one in wrong), reverse=True)[:6]
    listed = page.get_by_role("list", name="Top confusions").get_by_role("button")
    expect(listed).to_have_count(len(counts))
    assert [int(text) for text in listed.locator("b").all_inner_texts()] == counts
    listed.first.click()
    expect(total(page)).to_have_text(shown(counts[0]))
    expect(listed.first).to_have_attribute("aria-pressed", "true")


def test_a_row_is_seen_as_either_run_has_it_and_below_the_threshold(screen: Screen) -> None:
    rows = {one["data_row"]: one for one in screen.ask("rows", limit=500)["rows"]}
    name, row = max(rows.items(), key=lambda item: sum(one["outcome"] is None for one in item[1]["predictions"]))
    below = [one for one in row["predictions"] if one["outcome"] is None and one["type"] == "bbox"]
    assert below
    page = screen.open(d="digits", a="svm", b="logreg", row=name)
    dialog = page.get_by_role("dialog")
    drawn = dialog.locator("svg rect[data-object], svg [data-object] rect")
    before = drawn.count()
    dialog.get_by_role("button", name="Show", exact=True).click()
    listed = dialog.get_by_role("list", name="Predictions that do not count here").get_by_role("listitem")
    expect(listed).to_have_count(len(below))
    expect(drawn).to_have_count(before + len(below))
    dialog.get_by_role("group", name="As which run has it").get_by_role("button", name="logreg").click()
    (theirs,) = screen.ask("rows", run="logreg", data_row=name)["rows"]
    expect(dialog.locator("[data-metric=predictions] dd")).to_have_text(str(int(theirs["metrics"]["predictions"])))
    expect(dialog.locator("[data-metric=fp] dd")).to_have_text(str(int(theirs["metrics"]["fp"])))


def test_a_curve_is_seen_from_near_and_its_dot_stays_on_it(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm", c=0.5)
    dot = page.get_by_role("slider", name="Confidence, on the curve")
    said = dot.get_attribute("aria-valuetext")
    whole = dot.bounding_box()
    page.get_by_role("button", name="Zoom", exact=True).click()
    expect(page.get_by_text("The axes are cut to the curves.")).to_be_visible()
    settle(page)
    near = dot.bounding_box()
    assert whole is not None
    assert near is not None
    assert near["y"] > whole["y"] + 20  # precision is high: seen from near, the dot is farther from the top
    assert dot.get_attribute("aria-valuetext") == said
    # Pointed at anywhere, the chart tells of the nearest point.
    chart = page.get_by_role("img", name="precision against recall")
    size = chart.bounding_box()
    assert size is not None
    chart.hover(position={"x": size["width"] / 2, "y": size["height"] / 2})
    expect(page.get_by_text(re.compile(r"^svm\s*precision 0\.\d{4}\s*recall"))).to_be_visible()


def test_a_table_that_goes_on_says_so(screen: Screen, many: str) -> None:
    page = screen.open(d=many, a="one")
    see(page, "Classes")
    all_of_them = screen.ask("classes", dataset=many, run="one", limit=1)["total"]
    sight = page.locator("[data-figure=classes-in-sight]")
    expect(sight).to_have_text(re.compile(rf"^1\W\d+ of {all_of_them:,}, scroll for more"))
    page.get_by_label("Classes and their scores").evaluate("element => element.scrollTop = 2000")
    expect(sight).not_to_have_text(re.compile(r"^1\W"))
