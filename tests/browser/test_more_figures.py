"""Figures that only some data have."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser import zoo
from tests.browser.conftest import Screen
from tests.browser.helpers import see, shown


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
    panel = page.get_by_role("region", name="Other metrics")
    expect(panel.get_by_role("tab")).to_have_text(tabs)
    for tab in tabs:
        panel.get_by_role("tab", name=tab).click()
        expect(panel.locator("table").first).to_be_visible()
    assert zoo_dataset == "zoo"
    # They are the service's.
    if dataset == "strokes":
        answer = screen.ask("segmentation", dataset=dataset)
        expect(panel.locator("[data-name=mean_iou]")).to_have_text(shown(answer["mean_iou"]))
    if dataset == zoo_dataset:
        panel.get_by_role("tab", name="Numbers").click()
        (question,) = screen.ask("regression", dataset=dataset, run=run)["questions"]
        expect(panel.locator("[data-name=mae]")).to_have_text(f"{question['mae']:g}")
        # One pair has no spread: the figure is not there, and says why.
        assert question["r2"] is None
        expect(panel.locator("[data-name=r2]")).to_contain_text("n/a")
        expect(panel.locator("[data-name=r2] [title]")).to_have_attribute("title", question["undefined"]["r2"])
        assert "more=regression" in page.url
