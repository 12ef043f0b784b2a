"""How the confusion matrix uses its place, and that it stands still under a hand."""

from __future__ import annotations

import httpx
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Screen
from tests.browser.helpers import box, send, settle, stays
from tests.browser.test_confusion_matrix import matrix, row_labels


def left(place: Locator) -> float:
    found = place.bounding_box()
    assert found
    return found["x"]


def right(place: Locator) -> float:
    found = place.bounding_box()
    assert found
    return found["x"] + found["width"]


def test_it_fills_its_panel_and_answers_to_questions_stand_behind_a_line(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm")
    expect(matrix(page).locator("table")).to_be_visible()
    assert left(matrix(page).get_by_role("heading", name="Confusion matrix")) - left(matrix(page)) < 20
    names = row_labels(page)
    first = next(i for i, name in enumerate(names) if "=" in name)
    assert all("=" in name for name in names[first:])
    width = "(own) => [getComputedStyle(own).borderTopWidth, getComputedStyle(own).borderLeftWidth]"
    rows = matrix(page).locator("tbody th[scope=row]")
    assert rows.nth(first + 1).evaluate(width)[0] != "0px"
    assert rows.nth(first).evaluate(width)[0] == "0px"
    columns = matrix(page).locator("thead th[scope=col]")
    assert columns.nth(first + 1).evaluate(width)[1] != "0px"
    expect(matrix(page).locator("[data-figure=matrix-classes]")).to_have_text("10 classes + 2 answers.")
    # Sums are in sight, whatever the cells say.
    sums = matrix(page).locator("[data-sum-of-actual=eight]")
    for unit in ("count", "row"):
        page.get_by_label("What the cells say").select_option(unit)
        page.wait_for_url(lambda url, unit=unit: ("unit=row" in url) == (unit == "row"))
        settle(page)
        assert -1 < right(matrix(page)) - 17 - right(sums) < 6
    expect(matrix(page)).to_contain_text("in the row “false alarm”, of all false alarms")


def test_on_a_narrow_screen_cells_have_room_for_a_finger_and_names_are_whole(screen: Screen) -> None:
    page = screen.page
    page.set_viewport_size({"width": 390, "height": 844})
    screen.open(d="digits", a="svm")
    cells = matrix(page).locator("tbody td button")
    expect(cells.first).to_be_visible()
    places = cells.evaluate_all("all => all.map((one) => one.getBoundingClientRect().toJSON())")
    assert min(min(place["width"], place["height"]) for place in places) >= 40
    # All rows are there: the page scrolls, and nothing within it does up and down.
    scrolled = matrix(page).locator("table").locator("..")
    assert scrolled.evaluate("(own) => own.scrollHeight <= own.clientHeight")
    # Names of rows are whole.
    names = matrix(page).locator("tbody th[scope=row]")
    answers = names.filter(has_text="sharpness=")
    expect(answers).to_have_count(2)
    cut = "(one) => one.clientWidth > 0 && one.scrollWidth > one.clientWidth + 1"
    for name in names.all():
        assert not name.evaluate(f"(own) => [...own.querySelectorAll('*')].some({cut})"), name.inner_text()
    expect(answers.first).to_have_text("sharpness=blurred")


BEGIN = "a long name of a kind of thing, of which there are several that begin in this same way: "
HEBREW = (
    "\N{HEBREW LETTER ALEF}\N{HEBREW LETTER BET}\N{HEBREW LETTER GIMEL} \N{HEBREW LETTER DALET}\N{HEBREW LETTER HE}"
    " \N{HEBREW LETTER VAV}\N{HEBREW LETTER ZAYIN}\N{HEBREW LETTER HET}"
)
SIGNS = ["a=b", "left|right", "path/to", "<b>"]


NAMES = [*SIGNS, f"{BEGIN}first", f"{BEGIN}other", HEBREW]


@stays("x-names")
def named(http: httpx.Client, dataset: str) -> None:
    """Of those with signs, each is taken for the one before."""
    said = [SIGNS[-1], *SIGNS[:-1], *NAMES[len(SIGNS) :]]
    annotations = {"r": [box(name, at) for at, name in enumerate(NAMES)]}
    predictions = {"r": [box(name, at, 0.9) for at, name in enumerate(said)]}
    send(http, dataset, annotations, predictions)


def test_names_are_told_apart_and_read_as_they_were_sent(screen: Screen) -> None:
    page = screen.open(d=named, a="one", lines="a\\=b")
    heads = matrix(page).locator("tbody th[scope=row]")
    titles = {name.get_attribute("title") for name in heads.locator("[title]").all()}
    assert titles - {"false alarm"} == set(NAMES)
    assert set(SIGNS) < set(row_labels(page))
    # Long ones by their ends.
    for end in ("first", "other"):
        start, tail = heads.get_by_title(BEGIN + end).locator("span").all()
        assert start.evaluate("(own) => own.scrollWidth > own.clientWidth")
        expect(tail).to_have_text(f" {end}", use_inner_text=False)
        assert right(tail) <= left(matrix(page).locator("tbody td").first)
    # From right to left, words keep their order.
    start, end_of_name = heads.get_by_title(HEBREW).locator("span").all()
    assert right(end_of_name) <= left(start) + 1
    # And signs are no more than signs.
    expect(page.get_by_role("list", name="Top confusions")).to_contain_text("a=b → <b>")
    expect(page.locator("[data-class='a\\\\=b']")).to_contain_text("a=b")
    expect(page.get_by_role("button", name="Remove the curve of a=b")).to_be_visible()
    assert "\\" not in page.locator("main").inner_text()


def thumb(page: Page) -> Locator:
    return page.get_by_role("slider", name="Confidence threshold")


def test_the_order_waits_for_the_end_of_a_drag(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm", c=0.1)
    expect(matrix(page).locator("table")).to_be_visible()
    before = row_labels(page)
    place = thumb(page).bounding_box()
    assert place
    x, y = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(1, 11):
        page.mouse.move(x + 12 * step, y)
        page.wait_for_timeout(50)
    settle(page)
    # The hand pauses: the cells have followed, and are where they were.
    confidence = float(thumb(page).get_attribute("aria-valuenow") or "nan")
    missed = {
        one["actual"]: one["count"]
        for one in screen.ask("confusion-matrix", confidence=confidence)["cells"]
        if one["predicted"] is None
    }
    worst = max(missed, key=lambda name: missed[name])
    expect(page.get_by_role("button", name=f"{worst}, missed: {missed[worst]}", exact=True)).to_be_visible()
    assert row_labels(page) == before
    page.mouse.up()
    expect(matrix(page).locator("tbody th[scope=row]")).not_to_have_text(["false alarm", *before, "all"])
