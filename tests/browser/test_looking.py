"""Looking at single objects: ranges of what they have of their own, their labels, and a page that stays where it is."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser import zoo
from tests.browser.conftest import Screen
from tests.browser.helpers import PATIENCE, press, see, settle, shown, total
from tests.conftest import DEMO_SCENES

NARROW = {"width": 390, "height": 844}


def boxes_of(found: Locator) -> list[dict[str, float]]:
    """Where all of them are: to ask for each has the browser look for all of them again."""
    boxes: list[dict[str, float]] = found.evaluate_all("all => all.map((one) => one.getBoundingClientRect().toJSON())")
    return boxes


def brush(page: Page, metric: str, low: float, high: float) -> None:
    """Drag over the histogram of a ratio; its axis begins some 52 pixels in and ends some 12 before the edge."""
    chart = see(page, "Distribution").get_by_role("img", name=f"Histogram: {metric}")
    expect(chart.locator("canvas")).to_be_visible()
    settle(page)
    chart.scroll_into_view_if_needed()
    place = chart.bounding_box()
    assert place is not None
    left, length, y = place["x"] + 52, place["width"] - 64, place["y"] + place["height"] / 2
    page.mouse.move(left + length * low, y)
    page.mouse.down()
    for share in (0.5, 0.9, 1):
        page.mouse.move(left + length * (low + (high - low) * share), y)
    page.mouse.up()


@pytest.mark.parametrize(
    ("metric", "title", "dataset", "run"),
    [
        ("iou", "IoU of matched pairs", "digits", "svm"),
        ("confidence", "confidence of predictions", "digits", "svm"),
        ("custom_object.certainty", "certainty of predictions", zoo.DATASET, zoo.RUN),
    ],
)
def test_a_brushed_range_of_objects_shows_what_its_bars_count(
    screen: Screen, zoo_dataset: str, metric: str, title: str, dataset: str, run: str
) -> None:
    assert zoo_dataset == zoo.DATASET
    page = screen.open(d=dataset, a=run, hist=metric)
    if metric == "custom_object.certainty":  # one value: the middle of the bars is around it
        brush(page, title, 0.32, 0.68)
        expect(total(page)).to_have_text("1")
        assert screen.ask("distribution", dataset=dataset, run=run, metric=metric)["total"] == 1
        return
    brush(page, title, 0.61, 0.82)
    expected = sum(screen.ask("distribution", metric=metric, bins=20)["counts"][12:17])
    assert 0 < expected < screen.ask("objects", limit=1)["total"]
    expect(total(page)).to_have_text(shown(expected))
    expect(page.get_by_role("button", name="Objects", exact=True)).to_have_attribute("aria-pressed", "true")
    # Edges read as they are meant, not as a sum of twentieths.
    assert f"w={metric}>=0.6|{metric}<0.85" in page.url.replace("%3E", ">").replace("%3C", "<").replace("%7C", "|")
    press(page.get_by_role("button", name=f"Remove filter {title} ≥ 0.6, < 0.85"))
    expect(total(page)).to_have_text(str(DEMO_SCENES))


def test_ranges_and_causes_narrow_objects_too(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm", show="objects", w="f1<0.8")
    expected = screen.ask("objects", where="f1<0.8", limit=1)["total"]
    assert 0 < expected < screen.ask("objects", limit=1)["total"]
    expect(total(page)).to_have_text(shown(expected))
    # The gallery of a cause holds as many as its bar.
    causes = screen.ask("errors", confidence=0.2)["causes"]
    for cause in ("wrong class", "background"):
        screen.open(d="digits", a="svm", cause=cause, c=0.2)
        assert causes[cause]["count"] > 0
        expect(total(page)).to_have_text(shown(causes[cause]["count"]), timeout=PATIENCE)


@pytest.mark.parametrize("size", [{"width": 1280, "height": 900}, NARROW])
def test_the_page_does_not_jump_while_the_gallery_loads(own_screen: Screen, size: Any) -> None:
    screen = own_screen
    page = screen.page
    page.set_viewport_size(size)
    screen.open(d="digits", a="svm")
    see(page, "Gallery")
    settle(page)
    held: list[Route] = []
    screen.instead("**/objects?*", lambda route: held.append(route))
    cell = page.locator("section[aria-labelledby=confusion] td button").first
    cell.scroll_into_view_if_needed()
    settle(page)

    def place() -> tuple[int, float]:
        box = cell.bounding_box()
        assert box is not None
        return page.evaluate("document.documentElement.scrollHeight"), box["y"]

    before = place()
    cell.click()
    page.wait_for_url("**actual=*")
    expect(page.get_by_role("button", name="Objects", exact=True)).to_have_attribute("aria-pressed", "true")
    assert place()[1] == before[1]
    assert place()[0] >= before[0]  # what is to come takes the place of what was there
    while not held:
        page.wait_for_timeout(20)
    held[0].continue_()
    expect(total(page)).not_to_have_text("…", timeout=PATIENCE)
    assert place()[1] == before[1]


def test_labels_are_within_the_picture_and_do_not_cover_each_other(screen: Screen) -> None:
    rows = screen.ask("rows", sort="predictions", descending=True, limit=3, confidence=0.1)["rows"]
    page = screen.open(d="digits", a="svm", c=0.1, sort="predictions", desc="1", row=rows[0]["data_row"])
    dialog = page.get_by_role("dialog")
    for row in rows:
        expect(dialog.get_by_role("heading", level=2)).to_have_text(row["data_row"])
        svg = dialog.locator("svg[data-choosing]")
        settle(page)
        frame = svg.bounding_box()
        boxes = boxes_of(svg.locator("[data-label] text"))
        assert frame is not None
        assert len(boxes) > 3
        for box in boxes:
            assert box["x"] >= frame["x"] - 1
            assert box["x"] + box["width"] <= frame["x"] + frame["width"] + 2
        for one, other in itertools.combinations(boxes, 2):
            apart = (
                one["x"] + one["width"] <= other["x"] + 2
                or other["x"] + other["width"] <= one["x"] + 2
                or one["y"] + one["height"] <= other["y"] + 2
                or other["y"] + other["height"] <= one["y"] + 2
            )
            assert apart, (row["data_row"], one, other)
        page.keyboard.press("ArrowRight")


def test_the_objects_come_right_after_the_picture_on_a_narrow_screen(screen: Screen) -> None:
    page = screen.page
    page.set_viewport_size(NARROW)
    screen.open(d="digits", a="svm", row="scene-0003")
    dialog = page.get_by_role("dialog")
    parts = [dialog.locator(one).first for one in ("[data-zoom]", "[data-case]", "table th", "[data-metric=f1]")]
    tops = [box["y"] for part in parts if (box := part.bounding_box())]
    assert len(tops) == len(parts)
    assert tops == sorted(tops)


def test_classes_and_answers_stand_apart(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm", csort="f1", cdesc="1")
    panel = see(page, "Classes")
    expect(panel.locator("[data-figure=classes-total]")).to_have_text("10 classes + 2 answers")
    lines = panel.locator("tbody tr")
    expect(lines.nth(10)).to_have_text("answers to questions")
    names = [line.get_attribute("data-class") for line in lines.all()]
    assert all(name and "=" not in name for name in names[:10])
    assert sorted(str(name) for name in names[11:]) == ["sharpness=blurred", "sharpness=sharp"]


def test_on_a_narrow_screen_f1_comes_first_and_fingers_have_room(screen: Screen) -> None:
    page = screen.page
    page.set_viewport_size(NARROW)
    screen.open(d="digits", a="svm")
    panel = see(page, "Classes")
    expect(panel.locator("thead th").nth(1)).to_contain_text("F1")
    gallery = see(page, "Gallery")
    settle(page)
    heights = [
        box["height"] for box in (*boxes_of(panel.locator("button, input")), *boxes_of(gallery.locator(".control")))
    ]
    assert min(heights) >= 40
    # The thresholds stay in sight, without their buttons.
    slider = page.get_by_role("slider", name="Confidence threshold")
    expect(slider).to_be_in_viewport()
    expect(page.get_by_role("button", name="Best F1")).not_to_be_in_viewport()
