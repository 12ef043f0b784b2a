"""Nothing is wider than the screen, whatever is shown and opened."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser import zoo
from tests.browser.conftest import Screen
from tests.browser.helpers import see, settle

WIDTHS = (1280, 390)


def assert_within(screen: Screen) -> None:
    """At every width, of one and the same page."""
    for width in WIDTHS:
        screen.page.set_viewport_size({"width": width, "height": 900})
        settle(screen.page)
        assert screen.page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_lower_half_is_not_wider_than_the_screen(screen: Screen, zoo_dataset: str) -> None:
    for dataset, run, row in (("digits", "svm", "scene-0003"), (zoo_dataset, zoo.RUN, "shapes")):
        page = screen.open(d=dataset, a=run)
        see(page, "Causes of errors")
        assert_within(screen)
        screen.open(d=dataset, a=run, row=row)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            assert page.get_by_role("dialog").evaluate("(own) => own.scrollWidth <= own.clientWidth")


def test_two_runs_leave_room_for_the_name_of_a_row_and_for_its_buttons(screen: Screen) -> None:
    page = screen.page
    page.set_viewport_size({"width": 390, "height": 844})
    screen.open(d="digits", a="svm", b="logreg", row="scene-0003")
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="logreg", exact=True).wait_for()
    for part in (dialog.get_by_role("heading", name="scene-0003"), dialog.get_by_role("button", name="Close")):
        place = part.bounding_box()
        assert place
        assert place["width"] > 40
        assert place["x"] + place["width"] <= 390


def test_what_opens_stays_on_the_screen(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm", b="logreg")
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        for name in ("Export", "Slices", "At least…", "IoU values to choose from"):
            page.get_by_role("button", name=name, exact=True).click()
            place = page.get_by_role("dialog").bounding_box()
            assert place
            assert place["x"] >= 0
            assert place["x"] + place["width"] <= width
            page.keyboard.press("Escape")
            expect(page.get_by_role("dialog")).to_have_count(0)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_on_a_phone_parts_fold_and_open(screen: Screen) -> None:
    page = screen.page
    page.set_viewport_size({"width": 390, "height": 900})
    screen.open(d="digits", a="svm", b="logreg")
    assert page.evaluate("document.documentElement.scrollHeight") < 9_000
    # Each threshold's buttons are next to its slider.
    for threshold, button in (("Confidence", "Best F1"), ("IoU", "IoU values to choose from")):
        slider = page.get_by_role("slider", name=f"{threshold} threshold").bounding_box()
        own = page.get_by_role("button", name=button, exact=True).bounding_box()
        assert slider
        assert own
        assert abs(slider["y"] + slider["height"] / 2 - own["y"] - own["height"] / 2) < 50
    # What is open has its name once.
    page.get_by_role("button", name="Classes").click()
    heading = page.get_by_role("region", name="Classes").get_by_role("heading", name="Classes")
    assert heading.evaluate("own => own.offsetWidth * own.offsetHeight") == 1
    page.get_by_role("button", name="Classes").click()
    curves = page.get_by_role("region", name="Precision and recall")
    expect(curves).to_have_count(0)
    page.get_by_role("button", name="Curves").click()
    expect(curves).to_be_visible()
    page.get_by_role("button", name="Curves").click()
    expect(curves).to_have_count(0)


def test_thresholds_leave_a_phone_its_screen(screen: Screen) -> None:
    page = screen.page
    page.set_viewport_size({"width": 390, "height": 844})
    screen.open(d="digits", a="svm")
    panel = page.get_by_role("region", name="Thresholds")
    iou = panel.get_by_role("button", name="0.75")
    expect(iou).to_be_visible()
    height = page.evaluate("document.documentElement.scrollHeight")
    see(page, "Confusion matrix")
    expect(panel).to_have_attribute("data-stuck", "true")
    expect(iou).to_be_hidden()
    assert panel.evaluate("own => own.getBoundingClientRect().bottom") < 110
    # What is below does not move.
    assert page.evaluate("document.documentElement.scrollHeight") == height
    page.evaluate("scrollTo(0, 0)")
    expect(iou).to_be_visible()
