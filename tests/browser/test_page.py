"""What the page shows is what the API says, and every click does what it promises."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import SCENES, Screen


def shown(value: float | None) -> str:
    return "n/a" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:.4f}"


@pytest.mark.parametrize(("dataset", "run"), [("digits", "svm"), ("strokes", "logreg"), ("notes", "tagger")])
@pytest.mark.parametrize("policy", ["iou-greedy", "coco"])
def test_the_tiles_say_what_the_api_says(screen: Screen, dataset: str, run: str, policy: str) -> None:
    screen.open(d=dataset, a=run, p=policy, c=0.3, t=0.6)
    query = {"policy": policy, "confidence": 0.3, "iou": 0.6}
    summary = screen.ask("summary", dataset=dataset, run=run, **query)
    names = {"Precision": "precision", "Recall": "recall", "F1": "f1", "Mean IoU": "mean_iou", "TP": "tp", "FP": "fp"}
    assert {name: screen.figure(name) for name in names} == {name: shown(summary[key]) for name, key in names.items()}
    assert screen.figure("mAP") == shown(screen.ask("average-precision", dataset=dataset, run=run, **query)["ap"])
    assert summary["tp"] > 0


def test_a_threshold_typed_in_is_taken_exactly(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm")
    before = screen.figure("TP")
    field = page.get_by_label("Confidence threshold, exactly")
    field.fill("0.8765")
    field.press("Enter")
    expected = screen.ask("summary", confidence=0.8765)
    expect(page.locator("[data-figure=TP] .number").first).to_have_text(shown(expected["tp"]))
    assert before != shown(expected["tp"])
    assert "c=0.8765" in page.url
    page.go_back()
    expect(page.locator("[data-figure=TP] .number").first).to_have_text(before)


def test_a_slider_moves_by_keys_and_every_figure_follows(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm", t=0.9)
    slider = page.get_by_role("slider", name="IoU threshold")
    for _ in range(5):
        slider.press("ArrowRight")
    expected = screen.ask("summary", iou=0.95)
    expect(page.locator("[data-figure=TP] .number").first).to_have_text(shown(expected["tp"]))


def test_best_f1_is_one_click_away(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm", c=0.9)
    page.get_by_role("button", name="Best F1").click()
    curve = screen.ask("pr-curve", confidence=0)["curves"][0]
    field = page.get_by_label("Confidence threshold, exactly")
    expect(field).to_have_value(str(curve["best_f1_confidence"]))
    expect(page.locator("[data-figure=F1] .number").first).to_have_text(shown(curve["best_f1"]))


def test_a_cell_leads_to_its_objects_and_rows_and_its_chip_back(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm")
    total = page.locator("[data-figure=gallery-total]")
    expect(total).to_have_text(str(SCENES))
    cells = screen.ask("confusion-matrix")["cells"]
    cell = next(one for one in cells if one["actual"] and one["predicted"] is None)
    page.get_by_role("button", name=f"{cell['actual']}, missed: {cell['count']}", exact=True).click()
    expect(total).to_have_text(str(cell["count"]))
    page.get_by_role("button", name="Data rows", exact=True).click()
    expected = screen.ask("rows", actual=cell["actual"], predicted="", limit=1)["total"]
    assert expected < SCENES
    expect(total).to_have_text(str(expected))
    page.get_by_role("button", name="Remove filter").click()
    expect(total).to_have_text(str(SCENES))


def test_splits_and_metadata_narrow_everything(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm")
    page.get_by_role("button", name="test", exact=True).click()
    field = page.get_by_label("Filter rows by metadata")
    field.fill("noise>=0.09")
    field.press("Enter")
    expected = screen.ask("summary", split="test", metadata="noise>=0.09")
    assert 0 < expected["rows"] < SCENES
    expect(page.locator("[data-figure=Rows] .number").first).to_have_text(shown(expected["rows"]))
    expect(page.locator("[data-figure=TP] .number").first).to_have_text(shown(expected["tp"]))
    expect(page.locator("[data-figure=gallery-total]")).to_have_text(str(expected["rows"]))


def test_a_second_run_shows_the_difference(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm", b="logreg")
    difference = screen.ask("summary")["recall"] - screen.ask("summary", run="logreg")["recall"]
    sign = "+" if difference > 0 else "\N{MINUS SIGN}"
    expect(page.locator("[data-figure=Recall] [data-change]")).to_have_text(f"{sign}{abs(difference):.4f}")


def test_the_classes_sort_by_any_column(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm")
    table = page.get_by_label("Classes and their scores")
    table.get_by_role("button", name=re.compile("^FN")).click()
    classes = screen.ask("classes")["classes"]
    worst = max(one["fn"] for one in classes)
    first = table.locator("tbody tr").first.locator("td")
    expect(first.nth(4)).to_have_text(shown(worst))


def test_a_row_opens_and_arrows_lead_on(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm")
    page.get_by_role("button", name="Data row scene-0003").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", level=2)).to_have_text("scene-0003")
    row = next(one for one in screen.ask("rows", limit=10)["rows"] if one["data_row"] == "scene-0003")
    found = [one for one in row["predictions"] if one["type"] == "bbox" and one["outcome"]]
    there = [one for one in row["annotations"] if one["type"] == "bbox" and one["outcome"]]
    assert dialog.locator("rect").count() == len(found) + len(there)
    page.keyboard.press("ArrowRight")
    expect(dialog.get_by_role("heading", level=2)).to_have_text("scene-0004")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


def test_spans_are_marked_where_they_are(screen: Screen) -> None:
    """Offsets count code points: behind a character that JavaScript counts twice they would be one off."""
    rows = screen.ask("rows", dataset="notes", run="tagger", confidence=0, limit=SCENES)["rows"]
    row = next(one for one in rows if one["text"].startswith("\N{BANKNOTE WITH EURO SIGN}"))
    page = screen.open(d="notes", a="tagger", c=0, row=row["data_row"])
    right = [one for one in row["predictions"] if one["outcome"] == "tp"]
    assert right
    for one in right:
        start, end = (int(at) for at in one["geometry"])
        mark = page.get_by_role("dialog").locator("mark", has_text=row["text"][start:end]).first
        expect(mark).to_have_text(row["text"][start:end] + one["label"])


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_the_screen(screen: Screen, width: int, scheme: str) -> None:
    page = screen.page
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    screen.open(d="digits", a="svm", b="logreg")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
