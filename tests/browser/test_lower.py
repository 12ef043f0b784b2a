"""The lower half of the page: the gallery, the detail view, classes, distributions, causes and further figures."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser import zoo
from tests.browser.conftest import SCENES, Screen
from tests.browser.test_page import shown
from tests.faults.service import Service

SMALLEST = 4
MINUS = "\N{MINUS SIGN}"


@pytest.fixture(scope="module")
def zoo_dataset(service: Service) -> str:
    zoo.feed(service.url)
    return zoo.DATASET


def total(page: Page) -> Locator:
    return page.locator("[data-figure=gallery-total]")


def cards(page: Page) -> Locator:
    return page.locator("[data-item]")


def cut(value: float) -> str:
    """As the page says a threshold: cut to four decimals."""
    text = f"{math.floor(value * 1e4) / 1e4:.4f}".rstrip("0").rstrip(".")
    return text or "0"


def see(page: Page, heading: str) -> Locator:
    """Scroll to a panel, so that it asks for what it shows."""
    panel = page.get_by_role("region", name=heading, exact=True)
    panel.scroll_into_view_if_needed()
    return panel


# --- The gallery ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["right", "confused", "missed", "false alarm"])
@pytest.mark.parametrize("policy", ["iou-greedy", "coco"])
def test_a_cell_shows_exactly_its_objects(screen: Screen, kind: str, policy: str) -> None:
    cells = screen.ask("confusion-matrix", policy=policy, confidence=0.3)["cells"]
    kinds: dict[str, Callable[[dict[str, Any]], bool]] = {
        "right": lambda one: one["actual"] == one["predicted"] and "=" not in one["actual"],
        "confused": lambda one: None not in (one["actual"], one["predicted"]) and one["actual"] != one["predicted"],
        "missed": lambda one: one["actual"] is not None and one["predicted"] is None,
        "false alarm": lambda one: one["actual"] is None,
    }
    found = [one for one in cells if kinds[kind](one)]
    if not found:
        assert (policy, kind) == ("coco", "confused")  # COCO matches within a class
        return
    cell = found[0]
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
    page.get_by_role("button", name="Remove filter missed").click()
    expect(total(page)).to_have_text(shown(screen.ask("objects", limit=1)["total"]))
    page.go_back()
    expect(total(page)).to_have_text(shown(screen.ask("objects", outcome="missed", limit=1)["total"]))


@pytest.mark.parametrize("metric", ["f1", "mean_iou", "fp", "measure.absolute_error"])
@pytest.mark.parametrize("down", [False, True])
def test_rows_sort_by_any_metric(screen: Screen, metric: str, down: bool) -> None:
    page = screen.open(d="digits", a="svm")
    page.get_by_label("Order of the rows").select_option(metric)
    if down:
        page.get_by_role("button", name="Lowest first").click()
    rows = screen.ask("rows", sort=metric, descending=down, limit=5)["rows"]
    for i, row in enumerate(rows):
        expect(cards(page).nth(i)).to_have_attribute("data-item", row["data_row"])
    assert f"sort={metric}" in page.url


def test_the_gallery_is_endless_and_holds_few_cards(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm")
    rows = screen.ask("rows", limit=500)["rows"]
    assert len(rows) == SCENES
    for _ in range(30):
        page.mouse.wheel(0, 1500)
        page.wait_for_timeout(60)
        if page.locator(f"[data-item='{rows[-1]['data_row']}']").count():
            break
    expect(page.locator(f"[data-item='{rows[-1]['data_row']}']")).to_be_visible()
    assert cards(page).count() < SCENES


def test_arrows_go_from_card_to_card_and_enter_opens(screen: Screen) -> None:
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


def test_colours_are_not_the_only_sign(screen: Screen, zoo_dataset: str) -> None:
    page = screen.open(d=zoo_dataset, a=zoo.RUN, row="shapes")
    dialog = page.get_by_role("dialog")
    dashes = {
        side: dialog.locator(f"[data-side={side}]").first.evaluate("(own) => getComputedStyle(own).strokeDasharray")
        for side in ("annotation", "prediction")
    }
    assert dashes == {"annotation": "6px, 4px", "prediction": "none"}
    expect(dialog.get_by_label("What the colours and signs mean").first).to_contain_text("false positive")


# --- The detail view -----------------------------------------------------------------------------


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


def shown_metric(value: float | None) -> str:
    return "n/a" if value is None else str(int(value)) if value == int(value) else f"{value:.4f}"


def test_a_row_that_is_not_there_says_so(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm", row="nobody")
    expect(page.get_by_role("dialog")).to_contain_text("There is no data row nobody here")


def test_it_is_said_at_which_thresholds_an_outcome_flips(screen: Screen) -> None:
    objects = screen.ask("objects", outcome="right", sort="iou", limit=200)["objects"]
    one = next(one for one in objects if one["prediction"]["type"] == "bbox")
    own = one["prediction"]
    page = screen.open(d="digits", a="svm", row=one["data_row"], object=f"prediction {own['id']}")
    entry = page.get_by_role("dialog").locator(f"[data-case*='prediction {own['id']}']").first
    high = own["matched_iou"][1]
    expect(entry).to_contain_text(f"Right up to IoU {cut(high)}; above, a false positive and a missed one.")
    expect(entry).to_contain_text(f"Right up to confidence {cut(own['matched_confidence'][1])}; above,")
    expect(entry.locator("tr", has_text="matched to")).to_contain_text(own["matched"])
    expect(entry.locator("tr", has_text="IoU").first).to_contain_text(f"{own['iou']:.4f}")
    # And so it is: just there it is right, and above it is not.
    for iou, outcome in ((math.floor(high * 1e4) / 1e4, "tp"), (math.ceil(high * 1e4) / 1e4 + 1e-4, "fp")):
        (row,) = screen.ask("rows", data_row=one["data_row"], iou=iou)["rows"]
        assert next(item["outcome"] for item in row["predictions"] if item["id"] == own["id"]) == outcome


def test_list_and_drawing_point_at_each_other(screen: Screen, zoo_dataset: str) -> None:
    page = screen.open(d=zoo_dataset, a=zoo.RUN, row="shapes")
    dialog = page.get_by_role("dialog")
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


def test_annotations_and_predictions_can_be_hidden(screen: Screen) -> None:
    (row,) = screen.ask("rows", data_row="scene-0003")["rows"]
    count = {
        side: sum(one["type"] == "bbox" and one["outcome"] is not None for one in row[f"{side}s"])
        for side in ("annotation", "prediction")
    }
    page = screen.open(d="digits", a="svm", row="scene-0003")
    dialog = page.get_by_role("dialog")
    rects = dialog.locator("svg [data-object] rect")
    expect(rects).to_have_count(count["annotation"] + count["prediction"])
    dialog.get_by_role("button", name="Annotations").click()
    expect(rects).to_have_count(count["prediction"])
    dialog.get_by_role("button", name="Predictions").click()
    expect(rects).to_have_count(0)
    assert "hide=annotation,prediction" in page.url
    page.go_back()
    expect(rects).to_have_count(count["prediction"])


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


def test_custom_metrics_of_a_row_are_shown(screen: Screen, zoo_dataset: str) -> None:
    page = screen.open(d=zoo_dataset, a=zoo.RUN, row="skeletons")
    (row,) = screen.ask("rows", dataset=zoo_dataset, run=zoo.RUN, data_row="skeletons", sort="custom.effort")["rows"]
    effort = row["metrics"]["custom.effort"]
    assert effort == 0.5
    expect(page.get_by_role("dialog").locator("[data-metric='custom.effort'] dd")).to_have_text("0.5000")
    expect(page.get_by_role("dialog").locator("[data-metric='measure.oks'] dd")).to_have_text(re.compile(r"^0\.99"))


# --- Classes -------------------------------------------------------------------------------------


def class_table(page: Page) -> Locator:
    see(page, "Classes")
    return page.get_by_label("Classes and their scores")


@pytest.mark.parametrize(("header", "key", "falls"), [("FN", "fn", True), ("recall", "recall", False)])
def test_classes_are_sorted_by_the_service(screen: Screen, header: str, key: str, falls: bool) -> None:
    page = screen.open(d="digits", a="svm")
    table = class_table(page)
    for descending in (falls, not falls):
        table.get_by_role("button", name=re.compile(f"^{header}")).click()
        classes = screen.ask("classes", sort=key, descending=descending)["classes"]
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
    expect(page.locator("[data-figure=classes-total]")).to_have_text(str(found["total"]))
    expect(table.locator("[data-class]")).to_have_count(found["total"])
    table.get_by_role("button", name="eight").click()
    expected = screen.ask("summary", feature="eight")
    expect(page.locator("[data-figure=TP] .number").first).to_have_text(shown(expected["tp"]))
    expect(page.get_by_role("button", name="Remove filter class eight")).to_be_visible()


def test_columns_are_chosen(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm")
    table = class_table(page)
    expect(table.locator("th", has_text="mean IoU")).to_have_count(0)
    page.get_by_role("button", name="Columns").click()
    page.get_by_role("menuitemcheckbox", name=re.compile("^✓?mean IoU")).click()
    page.keyboard.press("Escape")
    expect(table.locator("th", has_text="mean IoU")).to_have_count(1)
    (one, *_) = screen.ask("classes", sort="f1")["classes"]
    expect(table.locator(f"[data-class='{one['label']}'] [data-column=mean_iou]")).to_have_text(shown(one["mean_iou"]))
    assert "mean_iou" in page.url


def test_each_class_has_its_colour_and_curve(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm")
    table = class_table(page)
    row = table.locator("[data-class=eight]")
    expect(row.get_by_label("PR curve of eight")).to_be_visible()
    (curve,) = screen.ask("pr-curve", confidence=0, per_class=True, label="eight", max_points=40)["curves"]
    points = [float(part) for part in str(row.locator("polyline").get_attribute("points")).split()]
    assert len(points) == 2 * len(curve["confidence"])
    x, y = points[-2:]
    assert x == pytest.approx(1 + curve["recall"][-1] * 62, abs=0.06)
    assert y == pytest.approx(1 + (1 - curve["precision"][-1]) * 20, abs=0.06)


def test_classes_show_the_difference_to_a_second_run(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm", b="logreg")
    table = class_table(page)
    own, their = (
        {one["label"]: one for one in screen.ask("classes", run=run)["classes"]}["eight"] for run in ("svm", "logreg")
    )
    cell = table.locator("[data-class=eight] [data-column=tp] [data-change]")
    change = own["tp"] - their["tp"]
    expect(cell).to_have_text("±0" if not change else f"{'+' if change > 0 else MINUS}{abs(change)}")


# --- Distribution --------------------------------------------------------------------------------


def bins(page: Page) -> list[list[str]]:
    rows = page.locator("[data-figure=histogram] tbody tr").all()
    return [row.locator("td").all_inner_texts() for row in rows]


@pytest.mark.parametrize("metric", ["iou", "confidence", "f1", "fn", "measure.absolute_error", "metadata.noise"])
def test_a_histogram_of_any_metric(screen: Screen, metric: str) -> None:
    page = screen.open(d="digits", a="svm")
    panel = see(page, "Distribution")
    panel.get_by_label("What is counted").select_option(metric)
    expected = screen.ask("distribution", metric=metric, bins=20)
    expect(panel.locator("[data-figure=distribution-summary]")).to_contain_text(f"{expected['total']:,} values")
    page.wait_for_load_state("networkidle")
    assert bins(page) == [[shown(count)] for count in expected["counts"]]
    offered = panel.get_by_role("button", name="Filter rows").count()
    assert bool(offered) == (metric not in ("iou", "confidence"))


def test_splits_stand_side_by_side(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm", hist="fn")
    panel = see(page, "Distribution")
    panel.get_by_role("button", name="by split").click()
    whole = screen.ask("distribution", metric="fn", bins=20)
    edges = {"low": whole["edges"][0], "high": whole["edges"][-1]}
    counts = [
        screen.ask("distribution", metric="fn", bins=20, split=split, **edges)["counts"]
        for split in ("train", "validation", "test")
    ]
    expect(page.locator("[data-figure=histogram] th[scope=col]")).to_have_text(["from", "train", "validation", "test"])
    page.wait_for_load_state("networkidle")
    assert bins(page) == [[shown(count) for count in of_bin] for of_bin in zip(*counts, strict=True)]


def test_a_brushed_range_narrows_the_rows(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm", hist="f1")
    panel = see(page, "Distribution")
    chart = panel.get_by_role("img", name="Histogram: F1")
    expect(chart.locator("canvas")).to_be_visible()
    page.wait_for_load_state("networkidle")
    box = chart.bounding_box()
    assert box is not None
    # From four fifths of the axis to its right end; the axis begins 52 pixels in and ends 12 before the edge.
    y = box["y"] + box["height"] / 2
    axis = box["width"] - 64
    page.mouse.move(box["x"] + 52 + axis * 0.82, y)
    page.mouse.down()
    page.mouse.move(box["x"] + 52 + axis * 0.9, y, steps=4)
    page.mouse.move(box["x"] + 52 + axis * 0.99, y, steps=4)
    page.mouse.up()
    expected = screen.ask("rows", where=["f1>=0.8", "f1<=1"], limit=1)["total"]
    assert 0 < expected < SCENES
    expect(total(page)).to_have_text(str(expected))
    counts = screen.ask("distribution", metric="f1", bins=20)["counts"]
    assert expected == sum(counts[16:])
    page.get_by_role("button", name="Remove filter F1 ≥ 0.8, ≤ 1").click()
    expect(total(page)).to_have_text(str(SCENES))


def test_a_range_can_be_typed_and_metadata_has_one_too(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm", hist="metadata.noise")
    panel = see(page, "Distribution")
    panel.get_by_label("From").fill("0.05")
    panel.get_by_role("button", name="Filter rows").click()
    high = screen.ask("distribution", metric="metadata.noise")["edges"][-1]
    expected = screen.ask("summary", metadata=["noise>=0.05", f"noise<={high}"])
    assert 0 < expected["rows"] < SCENES
    expect(page.locator("[data-figure=Rows] .number").first).to_have_text(shown(expected["rows"]))
    expect(total(page)).to_have_text(shown(expected["rows"]))
    expect(page.get_by_role("button", name="Remove filter noise>=0.05")).to_be_visible()


def test_annotations_and_predictions_by_class(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm")
    panel = see(page, "Distribution")
    panel.get_by_role("button", name="of classes").click()
    classes = screen.ask("classes", sort="annotations", descending=True)["classes"]
    rows = panel.locator("[data-class]")
    expect(rows).to_have_count(len(classes))
    for one, row in zip(classes, rows.all(), strict=True):
        assert row.get_attribute("data-class") == one["label"]
        for side in ("annotation", "prediction"):
            expect(row.locator(f"[data-side={side}]")).to_have_text(shown(one[f"{side}s"]))
    panel.get_by_label("Find a class in the distribution").fill("seven")
    expect(rows).to_have_count(1)


# --- Causes and further figures ------------------------------------------------------------------


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
    expect(total(page)).to_have_text(str(SCENES))


@pytest.mark.parametrize(
    ("dataset", "run", "tabs"),
    [
        ("digits", "svm", ["Answers", "Numbers", "Texts"]),
        ("strokes", "svm", ["Pixels"]),
        ("notes", "tagger", ["Spans"]),
        ("zoo", zoo.RUN, ["Pixels", "Spans", "Answers", "Numbers", "Texts", "Keypoints", "Custom metrics"]),
    ],
)
def test_further_figures_are_of_what_is_there(
    screen: Screen, zoo_dataset: str, dataset: str, run: str, tabs: list[str]
) -> None:
    page = screen.open(d=dataset, a=run)
    see(page, "Causes of errors")
    panel = page.get_by_role("region", name="More figures")
    expect(panel.get_by_role("tab")).to_have_text(tabs)
    for tab in tabs:
        panel.get_by_role("tab", name=tab).click()
        expect(panel.locator("table").first).to_be_visible()
    assert zoo_dataset == "zoo"


def test_further_figures_are_the_services(screen: Screen, zoo_dataset: str) -> None:
    page = screen.open(d="strokes", a="svm")
    see(page, "Causes of errors")
    panel = page.get_by_role("region", name="More figures")
    answer = screen.ask("segmentation", dataset="strokes")
    expect(panel.locator("[data-name=mean_iou]")).to_have_text(shown(answer["mean_iou"]))
    screen.open(d=zoo_dataset, a=zoo.RUN, more="regression")
    see(page, "Causes of errors")
    (question,) = screen.ask("regression", dataset=zoo_dataset, run=zoo.RUN)["questions"]
    expect(panel.locator("[data-name=mae]")).to_have_text(f"{question['mae']:g}")
    # One pair has no spread: the figure is not there, and says why.
    assert question["r2"] is None
    expect(panel.locator("[data-name=r2]")).to_contain_text("n/a")
    expect(panel.locator("[data-name=r2] [title]")).to_have_attribute("title", question["undefined"]["r2"])


@pytest.mark.parametrize("width", [1280, 390])
def test_the_lower_half_is_not_wider_than_the_screen(screen: Screen, zoo_dataset: str, width: int) -> None:
    page = screen.page
    page.set_viewport_size({"width": width, "height": 900})
    for dataset, run, row in (("digits", "svm", "scene-0003"), (zoo_dataset, zoo.RUN, "shapes")):
        screen.open(d=dataset, a=run)
        see(page, "Causes of errors")
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        screen.open(d=dataset, a=run, row=row)
        dialog = page.get_by_role("dialog")
        assert dialog.evaluate("(own) => own.scrollWidth <= own.clientWidth")
