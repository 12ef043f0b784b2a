"""Histograms of any metric, and how many objects there are of each class."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Screen
from tests.browser.helpers import OBJECTS, press, see, send, settle, shown, split_button, stays, tile, total
from tests.conftest import DEMO_SCENES

#: How many stand side by side at most.
MOST = 6


def bins(page: Page) -> list[list[str]]:
    rows = page.locator("[data-figure=histogram] tbody tr").all()
    return [row.locator("td").all_inner_texts() for row in rows]


def test_a_histogram_of_any_metric(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm")
    panel = see(page, "Distribution")
    for metric in ("iou", "confidence", "f1", "fn", "measure.absolute_error", "metadata.noise"):
        panel.get_by_label("What is counted").select_option(metric)
        expected = screen.ask("distribution", metric=metric, bins=20)
        expect(panel.locator("[data-figure=distribution-summary]")).to_contain_text(f"{expected['total']:,} values")
        settle(page)
        assert bins(page) == [[shown(count)] for count in expected["counts"]]
        what = "objects" if metric in ("iou", "confidence") else "rows"
        expect(panel.get_by_role("button", name=f"Filter {what}")).to_be_visible()


@stays("x-answers")
def answers(http: httpx.Client, dataset: str) -> None:
    answer = {"type": "radio", "feature": "weather", "answer": "rain"}
    send(http, dataset, {"r0": [answer]}, {"r0": [answer | {"confidence": 0.75}]})


def test_a_dataset_of_answers_alone_opens_with_what_answers_have(screen: Screen) -> None:
    page = screen.open(d=answers)
    panel = see(page, "Distribution")
    expect(panel.get_by_label("What is counted")).to_have_value("confidence")
    expect(panel.locator("[data-figure=distribution-summary]")).to_contain_text("1 values, mean 0.7500")


def assert_side_by_side(screen: Screen, metric: str, sides: dict[str, dict[str, Any]]) -> None:
    """Each part has the bins of the whole, and in them what the API counts of it."""
    page = screen.page
    whole = screen.ask("distribution", metric=metric, bins=20)
    edges = {"low": whole["edges"][0], "high": whole["edges"][-1]}
    expect(page.locator("[data-figure=histogram] th[scope=col]")).to_have_text(["from", *sides])
    counts = [screen.ask("distribution", metric=metric, bins=20, **edges, **only)["counts"] for only in sides.values()]
    assert all(any(of_side) for of_side in counts)
    cells = [shown(count) for of_bin in zip(*counts, strict=True) for count in of_bin]
    expect(page.locator("[data-figure=histogram] td")).to_have_text(cells)


def test_splits_and_values_of_metadata_stand_side_by_side(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm", hist="fn")
    panel = see(page, "Distribution")
    panel.get_by_label("Side by side").select_option("by split")
    assert_side_by_side(screen, "fn", {name: {"split": name} for name in ("train", "validation", "test")})
    panel.get_by_label("What is counted").select_option("f1")
    panel.get_by_label("Side by side").select_option("by surface")
    values = [one["value"] for one in screen.ask("metadata", key="surface")["values"]]
    assert 1 < len(values) <= MOST
    assert_side_by_side(screen, "f1", {value: {"metadata": f"surface={value}"} for value in values})


def test_classes_stand_side_by_side(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm", hist="confidence")
    panel = see(page, "Distribution")
    panel.get_by_label("Side by side").select_option("by class")
    labels = [one["label"] for one in screen.ask("classes", sort="annotations", descending=True)["classes"]]
    classes = [label for label in labels if "=" not in label]
    assert len(classes) > MOST
    assert_side_by_side(screen, "confidence", {name: {"feature": name} for name in classes[:MOST]})
    expect(panel.locator("[data-figure=sides]")).to_have_text(f"the {MOST} most frequent")
    # Within what passes the filters.
    page = screen.open(d="digits", a="svm", hist="confidence", by="class", f="two|eight", split="test")
    chosen = screen.ask("classes", sort="annotations", descending=True, feature=["two", "eight"], split="test")[
        "classes"
    ]
    names = [one["label"] for one in chosen]
    assert sorted(names) == ["eight", "two"]
    expect(page.locator("[data-figure=histogram] th[scope=col]")).to_have_text(["from", *names])


def test_kept_slices_stand_side_by_side(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm")
    choices = see(page, "Distribution").get_by_label("Side by side")
    expect(choices.get_by_role("option", name="by kept slice")).to_have_count(0)
    for split, name in (("test", "my tests"), ("train", "my training")):
        page.get_by_role("button", name="all splits").click()
        split_button(page, split).click()
        page.get_by_role("button", name=re.compile("^Slice")).click()
        page.get_by_label("Name of the slice").fill(name)
        page.get_by_role("button", name="Keep this filter").click()
        page.keyboard.press("Escape")
    page.get_by_role("button", name="all splits").click()
    see(page, "Distribution").get_by_label("Side by side").select_option("by kept slice")
    assert_side_by_side(screen, "iou", {"my tests": {"split": "test"}, "my training": {"split": "train"}})
    # What has nothing in common with the filters of the page is not there.
    split_button(page, "test").click()
    expect(page.locator("[data-figure=histogram] th[scope=col]")).to_have_text(["from", "my tests"])


def test_a_brushed_range_narrows_the_rows(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm", hist="f1")
    panel = see(page, "Distribution")
    chart = panel.get_by_role("img", name="Histogram: F1")
    expect(chart.locator("canvas")).to_be_visible()
    settle(page)
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
    assert 0 < expected < DEMO_SCENES
    expect(total(page)).to_have_text(str(expected))
    counts = screen.ask("distribution", metric="f1", bins=20)["counts"]
    assert expected == sum(counts[16:])
    press(page.get_by_role("button", name="Remove filter F1 ≥ 0.8, ≤ 1"))
    expect(total(page)).to_have_text(str(DEMO_SCENES))


def test_a_range_can_be_typed_and_metadata_has_one_too(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm", hist="metadata.noise")
    panel = see(page, "Distribution")
    panel.get_by_label("From").fill("0.05")
    panel.get_by_role("button", name="Filter rows").click()
    high = screen.ask("distribution", metric="metadata.noise")["edges"][-1]
    expected = screen.headline(metadata=["noise>=0.05", f"noise<={high}"])
    assert 0 < expected["rows"] < DEMO_SCENES
    expect(tile(page, "Rows")).to_have_text(shown(expected["rows"]))
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


#: How often each canvas was begun anew, by the chart that it is part of.
DRAWN = """
window.drawn = new Map();
const clear = CanvasRenderingContext2D.prototype.clearRect;
CanvasRenderingContext2D.prototype.clearRect = function (...area) {
  window.drawn.set(this.canvas, (window.drawn.get(this.canvas) ?? 0) + 1);
  return clear.apply(this, area);
};
window.drawings = () => {
  const charts = [...window.drawn].map(([canvas, times]) => [canvas.closest("[role=img]")?.ariaLabel, times]);
  window.drawn.clear();
  return charts;
};
"""


def test_a_chart_is_drawn_once_and_not_for_what_it_does_not_show(own_screen: Screen) -> None:
    with own_screen.beginning(DRAWN):
        page = own_screen.open(d="digits", a="svm", hist="f1")
    see(page, "Distribution")
    expect(page.get_by_role("img", name="Histogram: F1").locator("canvas").first).to_be_visible()
    settle(page)
    # ECharts draws once more when it is told that a drag brushes.
    assert dict(page.evaluate("window.drawings()")) == {"precision against recall": 1, "Histogram: F1": 2}
    page.get_by_label("What the cells say").select_option("row")
    settle(page)
    assert "Histogram: F1" not in {chart for chart, _ in page.evaluate("window.drawings()")}


@pytest.mark.parametrize("policy", ["iou-greedy", "coco"])
def test_predictions_by_confidence_are_told_apart_by_outcome_and_a_bar_opens_them(screen: Screen, policy: str) -> None:
    page = screen.open(d="digits", a="svm", p=policy, dist="outcomes")
    panel = see(page, "Distribution")
    answer = screen.ask("calibration", policy=policy, confidence=0, bins=20, type=OBJECTS)
    expected = [[one["correct"] for one in answer["bins"]], [one["count"] - one["correct"] for one in answer["bins"]]]
    plot = panel.get_by_role("group", name="Predictions by confidence")
    expect(plot.locator("button")).to_have_count(40)
    for side, counts in zip(("tp", "fp"), expected, strict=True):
        bars = plot.locator(f"[data-side={side}] button")
        assert [int(bar.get_attribute("data-count") or "") for bar in bars.all()] == counts
    # At confidence 0 the headline counts the same.
    found = screen.headline(policy=policy, confidence=0)
    assert [sum(counts) for counts in expected] == [found["tp"], found["fp"]]
    expect(panel.locator("[data-figure=threshold]")).to_have_attribute("data-at", "0.5")
    for side, counts in zip(("tp", "fp"), expected, strict=True):
        place = max((i for i, size in enumerate(counts) if size), key=lambda i: -abs(i - 12))
        see(page, "Distribution")
        bar = plot.locator(f"[data-side={side}] button").nth(place)
        bar.click()
        expect(bar).to_have_attribute("aria-pressed", "true")
        expect(total(page)).to_have_text(shown(counts[place]))
