"""Nothing in sight moves that the user did not move: what comes late has its place kept."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import Screen
from tests.browser.helpers import settle

#: Layout shifts that no input of the user has caused; and answers that wait for as long as the test wants them to.
WATCH = """
window.shifts = [];
const told = ({ value, sources }) => ({
  value,
  of: sources.map(({ node }) => (node?.parentElement?.closest("section") ?? node)?.getAttribute?.("aria-labelledby")),
});
new PerformanceObserver((list) =>
  window.shifts.push(...list.getEntries().filter((one) => !one.hadRecentInput).map(told)),
).observe({ type: "layout-shift" });
const send = window.fetch, waiting = [];
window.holding = false;
window.fetch = async (request) => {
  if (window.holding) await new Promise((go) => waiting.push(go));
  return send(request);
};
window.release = () => { window.holding = false; waiting.splice(0).forEach((go) => go()); };
"""
#: From wherever one is, so that the part begins in the middle of the screen.
JUMP = """heading => {
  window.holding = true;
  const panel = document.getElementById(heading).closest("section");
  scrollBy({ top: panel.getBoundingClientRect().top - innerHeight / 2, behavior: "instant" });
  return new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(drawn))));
}"""
#: As with a key, but for the input: what follows from it counts.
STEP = """() => {
  const thumb = document.querySelector("[role=slider][aria-label='Confidence threshold']");
  thumb.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true }));
}"""
#: Of the screen's height, moved: 0.1 is what is commonly taken for the most that is good.
MOST = 0.02


def moved(page: Page) -> tuple[float, list[object]]:
    """How much has moved since this was asked last, and of which parts."""
    settle(page)
    shifts = page.evaluate("() => window.shifts.splice(0)")
    return sum(one["value"] for one in shifts), shifts


@pytest.mark.parametrize("width", [390, 1280, 1600])
def test_opening_moves_next_to_nothing(own_screen: Screen, width: int) -> None:
    page = own_screen.page
    page.add_init_script(WATCH)
    page.set_viewport_size({"width": width, "height": 900})
    chosen = {"actual": "four", "predicted": "nine"}
    for view in ({"d": "digits", "a": "svm"}, {"d": "digits", "a": "svm", "b": "logreg", **chosen}, {"d": "notes"}):
        own_screen.open(**view)
        shift, parts = moved(page)
        assert shift < MOST, (view, parts)


@pytest.mark.parametrize(("width", "stops"), [(1280, ["classes", "slices", "gallery"]), (390, ["gallery"])])
def test_what_is_scrolled_to_stays_where_it_is_when_its_answers_come(
    own_screen: Screen, width: int, stops: list[str]
) -> None:
    page = own_screen.page
    page.add_init_script(WATCH)
    page.set_viewport_size({"width": width, "height": 900})
    own_screen.open(d="digits", a="svm")
    moved(page)
    for stop in stops:
        page.evaluate(JUMP, stop)
        page.evaluate("window.release()")
        shift, parts = moved(page)
        assert shift < MOST, (stop, parts)
    page.evaluate(STEP)
    page.wait_for_url("**c=0.51*")
    shift, parts = moved(page)
    assert shift < MOST, ("a step of the slider", parts)
