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


PLAIN = {"d": "digits", "a": "svm"}
BOTH = {"d": "digits", "a": "svm", "b": "logreg", "actual": "four", "predicted": "nine"}


@pytest.mark.parametrize(
    ("width", "views", "stops"),
    [
        (390, [BOTH, PLAIN], ["gallery"]),
        (1280, [BOTH, {"d": "notes"}, PLAIN], ["classes", "slices", "gallery"]),
        (1600, [BOTH], []),
    ],
)
def test_nothing_moves_when_a_page_opens_nor_when_answers_come_to_what_is_scrolled_to(
    own_screen: Screen, width: int, views: list[dict[str, str]], stops: list[str]
) -> None:
    page = own_screen.page
    page.set_viewport_size({"width": width, "height": 900})
    with own_screen.beginning(WATCH):
        for view in views:
            own_screen.open(**view)
            shift, parts = moved(page)
            assert shift < MOST, (view, parts)
    for stop in stops:
        page.evaluate(JUMP, stop)
        page.evaluate("window.release()")
        shift, parts = moved(page)
        assert shift < MOST, (stop, parts)
    page.evaluate(STEP)
    page.wait_for_url("**c=0.51*")
    shift, parts = moved(page)
    assert shift < MOST, ("a step of the slider", parts)
