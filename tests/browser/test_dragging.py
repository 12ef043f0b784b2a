"""A threshold while it is moved: what follows at once, what waits, and that it lets go."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.sync_api import Locator, Page, Request, expect

from tests.browser.conftest import Screen
from tests.browser.helpers import OBJECTS, see, send, settle, shown, stays, tile

#: What takes long to answer.
EXPENSIVE = {"rows", "objects", "errors", "comparison", "intervals", "slices"}


def exact(page: Page) -> Locator:
    return page.get_by_label("Confidence threshold, exactly")


def grab(page: Page) -> tuple[float, float]:
    """Press the mouse on the confidence slider's thumb; say where."""
    place = page.get_by_role("slider", name="Confidence threshold").bounding_box()
    assert place
    x, y = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    return x, y


def test_after_a_step_by_key_the_threshold_follows_everything_else(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm")
    page.get_by_role("slider", name="Confidence threshold").press("ArrowRight")
    expect(exact(page)).to_have_value("0.51")
    best = str(screen.ask("pr-curve", confidence=0, type=OBJECTS)["curves"][0]["best_f1_confidence"])
    page.get_by_role("button", name="Best F1").click()
    expect(exact(page)).to_have_value(best)
    exact(page).fill("0.8")
    exact(page).press("Enter")
    expect(tile(page, "TP")).to_have_text(shown(screen.headline(confidence=0.8)["tp"]))
    expect(exact(page)).to_have_value("0.8")
    for value in (best, "0.51", "0.5"):
        page.go_back()
        expect(exact(page)).to_have_value(value)


def test_a_drag_back_to_where_it_began_leaves_the_next_one_a_step_of_its_own(separate_screen: Screen) -> None:
    page = separate_screen.open(d="digits", a="svm")
    x, y = grab(page)
    page.mouse.move(x + 40, y)
    expect(exact(page)).not_to_have_value("0.5")
    page.wait_for_url(lambda url: "c=0." in url)
    page.mouse.move(x, y)
    page.wait_for_url(lambda url: "c=0." not in url)
    page.mouse.up()
    expect(exact(page)).to_have_value("0.5")
    steps = page.evaluate("history.length")  # which ends at 50: hence a browser of the test's own
    x, y = grab(page)
    page.mouse.move(x + 40, y)
    page.mouse.up()
    page.wait_for_url(lambda url: "c=0." in url)
    assert page.evaluate("history.length") == steps + 1


#: What is asked now and then, whatever is on the screen.
SIGNS = {"progress", "datasets"}


@pytest.mark.parametrize(
    ("versus", "expected"),
    [
        # The gallery is far below: what nobody sees is not asked for.
        ({}, {"overview": 1, "distribution": 1, "intervals": 1}),
        ({"b": "logreg"}, {"overview": 2, "comparison": 1, "objects": 1, "intervals": 1}),
    ],
    ids=["one run", "two runs"],
)
def test_a_step_asks_all_counts_of_a_run_at_once_and_nothing_twice(
    own_screen: Screen, versus: dict[str, str], expected: dict[str, int]
) -> None:
    page = own_screen.open(d="digits", a="svm", **versus)
    found = []
    asked: list[str] = []

    def note(request: Request) -> None:
        if "/v1/" in request.url:
            asked.append(urlsplit(request.url).path.rpartition("/")[2])

    own_screen.hear(note)
    # Far apart, so that the order of the classes changes. Now and then the page looks whether anything has changed
    # meanwhile: that may fall into a step, but not into all.
    for value in ("0.9", "0.2", "0.75"):
        asked.clear()
        exact(page).fill(value)
        exact(page).press("Enter")
        expect(page.locator("[data-figure=TP]")).to_have_attribute("data-stale", "false")
        expect(page.locator("[data-interval=TP]")).to_contain_text("\N{EN DASH}")
        settle(page)
        found.append({question: asked.count(question) for question in asked if question not in SIGNS})
    assert expected in found, found


@stays("x-hundred")
def hundred(http: httpx.Client, dataset: str) -> None:
    names = [f"kind {i:03}" for i in range(100)]
    others = [
        {"type": "bbox", "id": str(i), "feature": name, "bbox": [20 * i, 0, 9, 9]} for i, name in enumerate(names)
    ]
    annotations = {f"r{row}": others for row in range(25)}
    predictions = {
        f"r{row}": [
            one | {"feature": names[(i * (row + 1)) % 100], "confidence": 0.3 + i / 200} for i, one in enumerate(others)
        ]
        for row in range(25)
    }
    send(http, dataset, annotations, predictions)


def test_of_many_classes_a_step_asks_once_too_and_for_no_curve_that_is_there(own_screen: Screen) -> None:
    """As many as the overview gives whole; their matrix is too large for it."""
    page = own_screen.open(d=hundred, a="one")
    see(page, "Classes")
    settle(page)
    asked: list[str] = []
    own_screen.hear(lambda request: asked.append(request.url))
    for value in ("0.4", "0.45"):
        exact(page).fill(value)
        exact(page).press("Enter")
        expect(page.locator("[data-figure=TP]")).to_have_attribute("data-stale", "false")
        settle(page)
    assert not [url for url in asked if "/runs/one/classes" in url]
    curves = [label for url in asked if "/pr-curve" in url for label in parse_qs(urlsplit(url).query).get("label", [])]
    assert len(curves) == len(set(curves)), curves


def test_the_gallery_follows_the_thresholds_where_it_is_seen(own_screen: Screen) -> None:
    page = own_screen.open(d="digits", a="svm", sort="fp", desc="1")
    asked: list[str] = []
    own_screen.hear(lambda request: asked.append(request.url))
    exact(page).fill("0.9")
    exact(page).press("Enter")
    expect(page.locator("[data-figure=TP]")).to_have_attribute("data-stale", "false")
    settle(page)
    assert not [url for url in asked if "/rows?" in url]
    see(page, "Gallery")
    settle(page)
    *_, last = [parse_qs(urlsplit(url).query)["confidence"] for url in asked if "/rows?" in url]
    assert last == ["0.9"]


#: An overview is on its way for as long as the test wants it to be.
HELD = """
const send = window.fetch, waiting = [];
window.holding = false;
window.fetch = async (request) => {
  if (window.holding && request.url.includes("/overview?")) await new Promise((go) => waiting.push(go));
  return send(request);
};
window.held = () => waiting.length;
window.release = () => { window.holding = false; waiting.forEach((go) => go()); };
"""


def test_a_drag_dims_what_it_has_left_behind_and_asks_the_expensive_questions_at_rest(
    separate_screen: Screen,
) -> None:
    screen, page = separate_screen, separate_screen.page
    page.add_init_script(HELD)
    page.clock.install(time="2026-01-01")
    screen.open(d="digits", a="svm", b="logreg")
    page.clock.pause_at("2026-01-02")  # from here on no time passes but what is said
    for _ in range(300):
        page.clock.run_for(50)
        if page.locator("[aria-busy=true]").count() == 0:
            break
    asked: list[tuple[str, str]] = []

    under_way: set[Request] = set()

    def note(request: Request) -> None:
        parts = urlsplit(request.url)
        asked.append((parts.path.rpartition("/")[2], parse_qs(parts.query).get("confidence", [""])[0]))
        under_way.add(request)

    page.on("request", note)
    page.on("requestfinished", lambda request: under_way.discard(request))
    page.on("requestfailed", lambda request: under_way.discard(request))
    page.evaluate("window.holding = true")
    figure = page.locator("[data-figure=TP]")
    x, y = grab(page)
    for step in range(1, 11):
        page.mouse.move(x + 4 * step, y)
        page.clock.run_for(50)
    expect(figure).to_have_attribute("data-stale", "true")
    # Until everything that this asks for is answered: few questions are under way at a time, the expensive ones last.
    quiet = 0
    while quiet < 3:
        page.wait_for_timeout(100)
        quiet = 0 if under_way else quiet + 1
    assert page.evaluate("window.held()") > 0  # the headline follows
    # What is asked of all detections has nothing to follow.
    assert {question for question, confidence in asked if confidence not in ("0.5", "0")} & EXPENSIVE == set()

    page.mouse.up()
    last = exact(page).input_value()
    page.evaluate("window.release()")
    page.clock.resume()
    while ("intervals", last) not in asked:
        page.wait_for_timeout(20)
    expect(figure).to_have_attribute("data-stale", "false")
    expect(tile(page, "TP")).to_have_text(shown(screen.headline(confidence=float(last))["tp"]))
    assert {confidence for question, confidence in asked if question in EXPENSIVE} <= {"0", "0.5", last}
