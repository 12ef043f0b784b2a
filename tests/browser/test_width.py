"""Nothing is wider than the screen, whatever is shown and opened."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser import zoo
from tests.browser.conftest import Screen
from tests.browser.helpers import see


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_the_screen(screen: Screen, width: int, scheme: str) -> None:
    page = screen.page
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    screen.open(d="digits", a="svm", b="logreg")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


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


@pytest.mark.parametrize("width", [1280, 390])
def test_what_opens_stays_on_the_screen(screen: Screen, width: int) -> None:
    page = screen.page
    page.set_viewport_size({"width": width, "height": 900})
    screen.open(d="digits", a="svm", b="logreg")
    for name in ("Export", "Slices", "At least…", "IoU values to choose from"):
        page.get_by_role("button", name=name, exact=True).click()
        place = page.get_by_role("dialog").bounding_box()
        assert place
        assert place["x"] >= 0
        assert place["x"] + place["width"] <= width
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
