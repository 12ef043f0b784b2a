"""One data row, large, with every object and what became of it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Route, expect

from tests.browser import zoo
from tests.browser.conftest import Screen


def shown_metric(value: float | None) -> str:
    return "n/a" if value is None else str(int(value)) if value == int(value) else f"{value:.4f}"


def test_a_row_opens_its_sides_can_be_hidden_and_arrows_lead_on(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm")
    page.locator("[data-item=scene-0003]").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", level=2)).to_have_text("scene-0003")
    row = next(one for one in screen.ask("rows", limit=10)["rows"] if one["data_row"] == "scene-0003")
    found = [one for one in row["predictions"] if one["type"] == "bbox" and one["outcome"]]
    there = [one for one in row["annotations"] if one["type"] == "bbox" and one["outcome"]]
    assert dialog.locator("rect").count() == len(found) + len(there)
    # Either side can be hidden.
    rects = dialog.locator("svg [data-object] rect")
    expect(rects).to_have_count(len(there) + len(found))
    dialog.get_by_role("button", name="Annotations").click()
    expect(rects).to_have_count(len(found))
    dialog.get_by_role("button", name="Predictions").click()
    expect(rects).to_have_count(0)
    assert "hide=annotation,prediction" in page.url
    page.go_back()
    expect(rects).to_have_count(len(found))
    page.go_back()
    expect(rects).to_have_count(len(there) + len(found))
    page.keyboard.press("ArrowRight")
    expect(dialog.get_by_role("heading", level=2)).to_have_text("scene-0004")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


def test_a_link_opens_a_row_that_the_gallery_has_not_loaded(screen: Screen) -> None:
    name = screen.ask("rows", limit=500)["rows"][-1]["data_row"]
    page = screen.open(d="digits", a="svm", row=name)
    assert not page.locator(f"[data-item='{name}']").count()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", level=2)).to_have_text(name)
    (row,) = screen.ask("rows", data_row=name)["rows"]
    expect(dialog.locator("[data-metric=f1] dd")).to_have_text(shown_metric(row["metrics"]["f1"]))
    for key, value in row["metadata"].items():
        expect(
            dialog.locator("dl div", has=page.locator("dt", has_text=re.compile(f"^{key}$"))).locator("dd")
        ).to_have_text(value)
    # One that is not there says so.
    screen.open(d="digits", a="svm", row="nobody")
    expect(dialog).to_contain_text("There is no data row nobody here")


def test_list_and_drawing_point_at_each_other(screen: Screen, zoo_dataset: str) -> None:
    page = screen.open(d=zoo_dataset, a=zoo.RUN, row="shapes")
    dialog = page.get_by_role("dialog")
    # Colours are not the only sign.
    dashes = {
        side: dialog.locator(f"[data-side={side}]").first.evaluate("(own) => getComputedStyle(own).strokeDasharray")
        for side in ("annotation", "prediction")
    }
    assert dashes == {"annotation": "6px, 4px", "prediction": "none"}
    expect(dialog.get_by_label("What the colours and signs mean").first).to_contain_text("wrong class or false alarm")
    entry = dialog.locator("[data-case='annotation pond + prediction 2']")
    entry.hover()
    for key in ("annotation pond", "prediction 2"):
        expect(dialog.locator(f"svg [data-object='{key}']")).to_have_attribute("data-pointed", "true")
    expect(dialog.locator("svg [data-object='prediction 3']")).to_have_attribute("data-pointed", "false")
    dialog.locator("svg [data-object='prediction 4'] polyline").dispatch_event("click")
    lane = dialog.locator("[data-case='annotation lane + prediction 4']")
    expect(lane.get_by_role("button")).to_have_attribute("aria-expanded", "true")
    page.wait_for_url(re.compile("object=prediction"))
    page.mouse.move(5, 5)
    expect(lane).to_have_attribute("data-pointed", "true")


def test_one_can_zoom_by_buttons_keys_and_wheel(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm", row="scene-0003")
    dialog = page.get_by_role("dialog")
    picture = dialog.locator("[data-zoom]")
    drawing = picture.locator("svg").first

    def width() -> float:
        return float(str(drawing.get_attribute("viewBox")).split()[2])

    whole = width()
    dialog.get_by_role("button", name="Zoom in").click()
    assert width() == pytest.approx(whole / 1.5)
    picture.focus()
    page.keyboard.press("+")
    assert width() == pytest.approx(whole / 2.25)
    page.keyboard.press("-")
    page.keyboard.press("-")
    assert width() == pytest.approx(whole)
    picture.hover()
    page.mouse.wheel(0, -300)
    expect(picture).to_have_attribute("data-zoom", re.compile(r"^2\.7"))
    # An arrow alone goes to the neighbour, with Shift it moves the picture.
    before = drawing.get_attribute("viewBox")
    page.keyboard.press("Shift+ArrowLeft")
    expect(drawing).not_to_have_attribute("viewBox", str(before))
    expect(dialog.get_by_role("heading", level=2)).to_have_text("scene-0003")
    page.keyboard.press("0")
    assert width() == pytest.approx(whole)
    # Wherever the focus is.
    page.get_by_role("button", name="Close").focus()
    page.keyboard.press("+")
    expect(picture).to_have_attribute("data-zoom", "1.5")
    page.keyboard.press("0")
    expect(picture).to_have_attribute("data-zoom", "1")


def test_custom_metrics_of_a_row_and_of_an_object_are_shown(screen: Screen, zoo_dataset: str) -> None:
    page = screen.open(d=zoo_dataset, a=zoo.RUN, row="skeletons")
    (row,) = screen.ask("rows", dataset=zoo_dataset, run=zoo.RUN, data_row="skeletons", sort="custom.effort")["rows"]
    effort = row["metrics"]["custom.effort"]
    assert effort == 0.5
    expect(page.get_by_role("dialog").locator("[data-metric='custom.effort'] dd")).to_have_text("0.5000")
    expect(page.get_by_role("dialog").locator("[data-metric='measure.oks'] dd")).to_have_text(re.compile(r"^0\.99"))
    # What was sent for an object stands beside it.
    screen.open(d=zoo_dataset, a=zoo.RUN, row="shapes", object="prediction 1")
    entry = page.get_by_role("dialog").locator("[data-case*='prediction 1']")
    expect(entry.locator("tr", has_text="certainty").locator("td").last).to_have_text("0.7000")


def test_a_metric_that_is_refused_hides_no_other(own_screen: Screen, zoo_dataset: str) -> None:
    """All are asked for at once; where that is refused, for one of them cannot be compared, each is asked for alone."""

    def refuse(route: Route) -> None:
        if route.request.url.count("&metric=") > 1:
            route.fulfill(status=422, json={"detail": "its values cannot be compared"})
        else:
            route.continue_()

    own_screen.may_complain = True
    own_screen.instead("**/rows?*", refuse)
    page = own_screen.open(d=zoo_dataset, a=zoo.RUN, row="skeletons")
    expect(page.get_by_role("dialog").locator("[data-metric='custom.effort'] dd")).to_have_text("0.5000")
