"""The gallery: data rows and single objects."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser import zoo
from tests.browser.conftest import Screen
from tests.browser.helpers import press, shown, total
from tests.conftest import DEMO_SCENES

SMALLEST = 4


def cards(page: Page) -> Locator:
    return page.locator("[data-item]")


@pytest.mark.parametrize(
    ("kind", "policy"),
    [("right", "coco"), ("confused", "iou-greedy"), ("missed", "coco"), ("false alarm", "best-candidate")],
)
def test_a_cell_shows_exactly_its_objects(screen: Screen, kind: str, policy: str) -> None:
    cells = screen.ask("confusion-matrix", policy=policy, confidence=0.3)["cells"]
    kinds: dict[str, Callable[[dict[str, Any]], bool]] = {
        "right": lambda one: one["actual"] == one["predicted"] and "=" not in one["actual"],
        "confused": lambda one: None not in (one["actual"], one["predicted"]) and one["actual"] != one["predicted"],
        "missed": lambda one: one["actual"] is not None and one["predicted"] is None,
        "false alarm": lambda one: one["actual"] is None,
    }
    cell = next(one for one in cells if kinds[kind](one))
    view = {"actual": cell["actual"] or "", "predicted": cell["predicted"] or ""}
    page = screen.open(d="digits", a="svm", p=policy, c=0.3, **view)
    expect(total(page)).to_have_text(shown(cell["count"]))
    expect(page.get_by_role("button", name="Objects", exact=True)).to_have_attribute("aria-pressed", "true")
    objects = screen.ask("objects", policy=policy, confidence=0.3, limit=SMALLEST, **view)["objects"]
    for one, card in zip(objects, cards(page).all(), strict=False):
        own = one["prediction"] or one["annotation"]
        side = "prediction" if one["prediction"] else "annotation"
        assert card.get_attribute("data-item") == f"{one['data_row']} {side} {own['id']}"


def test_a_crop_shows_the_object_and_its_partner(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm", show="objects", outcome="wrong", osort="iou")
    (one, *_) = screen.ask("objects", outcome="wrong", sort="iou", limit=1)["objects"]
    card = cards(page).first
    card.scroll_into_view_if_needed()
    expect(card).to_contain_text(f"IoU {one['prediction']['iou']:.2f}")
    keys = {f"annotation {one['annotation']['id']}", f"prediction {one['prediction']['id']}"}
    assert {drawn.get_attribute("data-object") for drawn in card.locator("[data-object]").all()} == keys
    x, y, width, height = (float(part) for part in str(card.locator("svg").first.get_attribute("viewBox")).split())
    left, top, wide, high = one["prediction"]["geometry"]
    assert x <= left
    assert y <= top
    assert left + wide <= x + width
    assert top + high <= y + height
    assert width < 320  # a crop


def test_outcomes_and_causes_narrow_the_objects_and_have_chips(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm", show="objects")
    expect(total(page)).to_have_text(shown(screen.ask("objects", limit=1)["total"]))
    page.get_by_label("Which objects").select_option("missed")
    expect(total(page)).to_have_text(shown(screen.ask("objects", outcome="missed", limit=1)["total"]))
    press(page.get_by_role("button", name="Remove filter missed"))
    expect(total(page)).to_have_text(shown(screen.ask("objects", limit=1)["total"]))
    page.go_back()
    expect(total(page)).to_have_text(shown(screen.ask("objects", outcome="missed", limit=1)["total"]))


def test_rows_sort_by_any_metric(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm")
    for metric in ("fp", "measure.absolute_error"):  # what every row has, and what only some have
        page.get_by_label("Order of the rows").select_option(metric)
        for descending in (False, True):
            button = page.get_by_role("button", name="Lowest first" if descending else "Highest first")
            if button.count():
                button.click()
            rows = screen.ask("rows", sort=metric, descending=descending, limit=5)["rows"]
            for i, row in enumerate(rows):
                expect(cards(page).nth(i)).to_have_attribute("data-item", row["data_row"])
        assert f"sort={metric}" in page.url


def test_arrows_go_from_card_to_card_enter_opens_and_there_is_an_end_to_the_gallery(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm")
    names = [row["data_row"] for row in screen.ask("rows", limit=500)["rows"]]
    cards(page).first.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(f"[data-item='{names[1]}']")).to_be_focused()
    columns = cards(page).first.evaluate(
        "(card) => getComputedStyle(card.parentElement).gridTemplateColumns.split(' ').length"
    )
    page.keyboard.press("ArrowDown")
    expect(page.locator(f"[data-item='{names[1 + columns]}']")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").get_by_role("heading", level=2)).to_have_text(names[1 + columns])
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("dialog").get_by_role("heading", level=2)).to_have_text(names[2 + columns])
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator(f"[data-item='{names[2 + columns]}']")).to_be_focused()
    # It goes on to the last one, and holds few cards at a time.
    assert len(names) == DEMO_SCENES
    for _ in range(30):
        page.mouse.wheel(0, 1500)
        page.wait_for_timeout(60)
        if page.locator(f"[data-item='{names[-1]}']").count():
            break
    expect(page.locator(f"[data-item='{names[-1]}']")).to_be_visible()
    assert cards(page).count() < DEMO_SCENES


def test_every_kind_of_shape_is_drawn_in_its_place(screen: Screen, zoo_dataset: str) -> None:
    page = screen.open(d=zoo_dataset, a=zoo.RUN)
    card = page.locator("[data-item=shapes]")
    card.scroll_into_view_if_needed()

    def drawn(key: str, shape: str) -> Any:
        return card.locator(f"[data-object='{key}'] {shape}")

    expect(drawn("prediction 1", "rect")).to_have_attribute("transform", "rotate(20 83 72)")
    assert str(drawn("prediction 2", "path").get_attribute("d")).count("L") or drawn("prediction 2", "path").count()
    expect(drawn("prediction 4", "polyline")).to_have_attribute("points", "152 232 195 185 298 175")
    expect(drawn("prediction 5", "circle")).to_have_attribute("cx", "288")
    expect(drawn("annotation lost", "circle")).to_have_attribute("cx", "20")
    # What is drawn of a mask is as large as its pixels: the browser says how large the path is.
    box = drawn("prediction 3", "path").evaluate(
        "(path) => { const b = path.getBBox(); return [b.x, b.y, b.width, b.height]; }"
    )
    pixels = mask_pixels(screen, zoo_dataset, "3")
    assert box == [pixels["left"], pixels["top"], pixels["width"], pixels["height"]]
    # And it holds exactly the pixels: their middles are in the path, and no others.
    inside = drawn("prediction 3", "path").evaluate(
        "(path) => { const at = path.ownerSVGElement.createSVGPoint(); let n = 0;"
        " for (at.y = 0.5; at.y < 240; at.y++) for (at.x = 0.5; at.x < 320; at.x++) n += path.isPointInFill(at);"
        " return n; }"
    )
    assert inside == pixels["count"]
    skeleton = page.locator("[data-item=skeletons]")
    expect(skeleton.locator("[data-object='prediction 1'] line")).to_have_count(len(zoo.SKELETON))
    expect(skeleton.locator("[data-object='prediction 1'] circle")).to_have_count(4)


def mask_pixels(screen: Screen, dataset: str, name: str) -> dict[str, int]:
    from pycocotools import mask as coco_mask

    (row,) = screen.ask("rows", dataset=dataset, run=zoo.RUN, data_row="shapes")["rows"]
    detail = next(one["detail"] for one in row["predictions"] if one["id"] == name)
    rle = json.loads(detail)
    left, top, width, height = (int(part) for part in coco_mask.toBbox(rle))
    return {"left": left, "top": top, "width": width, "height": height, "count": int(coco_mask.area(rle))}


def test_rows_of_questions_alone_are_a_table(screen: Screen, zoo_dataset: str) -> None:
    page = screen.open(d=zoo_dataset, a=zoo.RUN)
    card = page.locator("[data-item=answers]")
    card.scroll_into_view_if_needed()
    table = {
        row.locator("th").inner_text(): row.locator("td").all_inner_texts() for row in card.locator("tbody tr").all()
    }
    assert table["weather"][0] == "rain"
    assert table["weather"][1].startswith("sun")
    assert table["visitors"] == ["12", "15.5"]
    assert table["sign"] == ["do not feed", "do not heed"]
    assert set(table["seen"][0].split()) == {"fox", "owl"}
