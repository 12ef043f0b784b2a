"""The table of classes."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Screen
from tests.browser.helpers import see, shown, signed, tile, total
from tests.conftest import DEMO_SCENES


def class_table(page: Page) -> Locator:
    see(page, "Classes")
    return page.get_by_label("Classes and their scores")


def test_classes_are_sorted_by_the_service(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm")
    table = class_table(page)
    for header, key, falls in (("FN", "fn", True), ("recall", "recall", False)):
        for descending in (falls, not falls):
            table.get_by_role("button", name=re.compile(f"^{header}")).click()
            classes = screen.ask("classes", sort=key, descending=descending, type="bbox")["classes"]
            for i, one in enumerate(classes[:4]):
                row = table.locator("tbody tr").nth(i)
                expect(row).to_have_attribute("data-class", one["label"])
                expect(row.locator(f"[data-column={key}] > span").first).to_have_text(shown(one[key]))
        assert f"csort={key}" in page.url


def test_classes_are_found_by_name_and_chosen_by_click(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm")
    table = class_table(page)
    page.get_by_label("Find a class in the table").fill("EI")
    found = screen.ask("classes", search="EI", sort="f1")
    assert found["total"] == 1
    expect(page.locator("[data-figure=classes-total]")).to_have_text("1 class")
    expect(table.locator("[data-class]")).to_have_count(found["total"])
    table.get_by_role("button", name="eight").click()
    expected = screen.headline(feature="eight")
    expect(tile(page, "TP")).to_have_text(shown(expected["tp"]))
    expect(page.get_by_role("button", name="Remove filter class eight")).to_be_visible()
    # The gallery has the rows that have the class, and no others.
    having = screen.ask("rows", feature="eight", of_feature=True, limit=1)["total"]
    assert 0 < having < DEMO_SCENES
    expect(total(page)).to_have_text(shown(having))


def test_each_class_has_its_curve_and_the_columns_that_are_chosen(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm")
    table = class_table(page)
    row = table.locator("[data-class=eight]")
    expect(row.get_by_label("PR curve of eight")).to_be_visible()
    (curve,) = screen.ask("pr-curve", confidence=0, per_class=True, label="eight", max_points=40)["curves"]
    points = [float(part) for part in str(row.locator("polyline").get_attribute("points")).split()]
    assert len(points) == 2 * sum(recall > 0 for recall in curve["recall"])
    x, y = points[-2:]
    assert x == pytest.approx(1 + curve["recall"][-1] * 62, abs=0.06)
    assert y == pytest.approx(1 + (1 - curve["precision"][-1]) * 26, abs=0.06)
    expect(table.locator("th", has_text="mean IoU")).to_have_count(0)
    page.get_by_role("button", name="Columns").click()
    page.get_by_role("menuitemcheckbox", name=re.compile("^✓?mean IoU")).click()
    page.keyboard.press("Escape")
    expect(table.locator("th", has_text="mean IoU")).to_have_count(1)
    (one, *_) = screen.ask("classes", sort="f1")["classes"]
    expect(table.locator(f"[data-class='{one['label']}'] [data-column=mean_iou]")).to_have_text(shown(one["mean_iou"]))
    assert "mean_iou" in page.url


def test_classes_show_the_difference_to_a_second_run(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm", b="logreg")
    table = class_table(page)
    own, their = (
        {one["label"]: one for one in screen.ask("classes", run=run)["classes"]}["eight"] for run in ("svm", "logreg")
    )
    cell = table.locator("[data-class=eight] [data-column=tp] [data-change]")
    expect(cell).to_have_text(signed(own["tp"] - their["tp"]))
