"""Histograms of any metric, and how many objects there are of each class."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import SCENES, Screen
from tests.browser.helpers import see, shown, tile, total


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
    what = "objects" if metric in ("iou", "confidence") else "rows"
    expect(panel.get_by_role("button", name=f"Filter {what}")).to_be_visible()


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
