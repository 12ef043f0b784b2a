"""Two runs side by side: what the panel says is what the API says, and every click does what it promises."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Screen
from tests.browser.helpers import OBJECTS, settle, shown, signed, tile, unfold

KINDS = ("both", "only_a", "only_b", "neither")
PAGE = 8


def versus(screen: Screen, dataset: str = "digits", run: str = "svm", other: str = "logreg", **query: Any) -> Any:
    return screen.ask("comparison", dataset=dataset, run=run, versus=other, **{"type": OBJECTS} | query)


def flips(screen: Screen, kind: str = "only_a", **query: Any) -> Any:
    asked: dict[str, Any] = {
        "versus": "logreg",
        "type": OBJECTS,
        "kind": kind,
        "limit": PAGE,
        "sort": "confidence",
        "descending": True,
    } | query
    return screen.ask("comparison/objects", **asked)


def panel(page: Page) -> Locator:
    return page.get_by_role("region", name=re.compile(" vs "))


def cards(page: Page) -> Locator:
    return panel(page).locator("[data-flip]")


def table(page: Page, title: str) -> list[list[str]]:
    rows = panel(page).get_by_role("region", name=title).locator("tbody tr")
    return [
        [rows.nth(i).locator("button").inner_text(), *rows.nth(i).locator("td").all_inner_texts()]
        for i in range(rows.count())
    ]


def names_of(cards: Locator) -> list[str]:
    """The data row and the annotation of each."""
    keys: list[str] = cards.evaluate_all("cards => cards.map((card) => card.dataset.flip)")
    return [key.rsplit(" ", 1)[0] for key in keys]


def row_of(one: dict[str, Any], name: str, figure: str = "f1") -> list[str]:
    right = one["right"]
    return [
        name,
        shown(one["a"][figure]),
        shown(one["b"][figure]),
        signed(one["difference"][figure]),
        f"{right['only_a']:,} : {right['only_b']:,}",
    ]


def name_of_slice(one: dict[str, Any]) -> str:
    return one["value"] if one["key"] is None else f"{one['key']} = {one['value']}"


@pytest.mark.parametrize(
    ("dataset", "run", "other", "policy"),
    [
        ("digits", "svm", "logreg", "coco"),
        ("strokes", "logreg", "svm", "iou-greedy"),
        ("notes", "tagger", "rules", "best-candidate"),
    ],
)
def test_cells_sentence_and_tables_say_what_the_api_says(
    screen: Screen, dataset: str, run: str, other: str, policy: str
) -> None:
    page = screen.open(d=dataset, a=run, b=other, p=policy, c=0.3, t=0.6)
    answer = versus(screen, dataset, run, other, policy=policy, confidence=0.3, iou=0.6, limit=PAGE, slice_limit=PAGE)
    right, wrong, p = answer["right"], answer["false_positives"], answer["p_value"]
    for kind in KINDS:
        expect(panel(page).locator(f"[data-cell={kind}] .number").first).to_have_text(f"{right[kind]:,}")
    assert sum(right.values()) == answer["a"]["annotations"]
    sentence = panel(page).locator("[data-figure=comparison]")
    expect(sentence).to_contain_text(f"Only {run} is correct on {right['only_a']:,} object")
    expect(sentence).to_contain_text(f"only {other} on {right['only_b']:,}.")
    expect(sentence).to_contain_text("Unlikely by chance" if p < 0.05 else "may well be chance")
    expect(sentence).to_contain_text("p < 0.001" if p < 0.001 else f"p = {p:.3f}")
    expect(panel(page)).to_contain_text(f"{wrong['only_a']:,} that only {run} makes")
    assert table(page, "Classes most changed") == [row_of(one, one["label"]) for one in answer["classes"]]
    assert table(page, "Slices most changed") == [row_of(one, name_of_slice(one)) for one in answer["slices"]]
    assert answer["slices"]


def test_a_second_run_brings_one_line_of_objects_and_more_when_asked(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm")
    expect(panel(page)).to_have_count(0)
    page.get_by_label("Compare with").select_option("logreg")
    expect(cards(page).first).to_be_visible()
    page.go_back()
    expect(panel(page)).to_have_count(0)
    page.go_forward()
    expect(cards(page).first).to_be_visible()
    tops = cards(page).evaluate_all("cards => cards.map((card) => card.getBoundingClientRect().top)")
    assert len(tops) < PAGE
    assert len(set(tops)) == 1
    panel(page).get_by_role("button", name="Show more").click()
    expect(cards(page)).to_have_count(PAGE)
    # The surest first: that is where most can be learnt.
    answer = flips(screen)
    expected = [f"{one['data_row']} {one['a']['annotation']['id']}" for one in answer["flips"]]
    assert names_of(cards(page)) == expected
    page.go_back()
    expect(cards(page)).to_have_count(len(tops))
    # One opens its row, and arrows lead to the next one.
    second, third = answer["flips"][1:3]
    cards(page).nth(1).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name=second["data_row"])).to_be_visible()
    expect(dialog).to_contain_text(f"as svm has it · 2 of {answer['total']:,}")
    assert f"row={second['data_row']}" in page.url
    page.keyboard.press("ArrowRight")
    expect(dialog.get_by_role("heading", name=third["data_row"])).to_be_visible()
    expect(dialog).to_contain_text("3 of ")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(cards(page).nth(2)).to_be_focused()
    page.go_back()
    expect(dialog.get_by_role("heading", name=third["data_row"])).to_be_visible()


def test_a_cell_shows_its_objects_by_page_and_follows_the_thresholds(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm", b="logreg")
    total = panel(page).locator("[data-figure=flips-total]")
    for kind in ("neither", "only_b", "both", "only_a"):
        cell = panel(page).locator(f"[data-cell={kind}]")
        cell.click()
        expect(cell).to_have_attribute("aria-pressed", "true")
        answer = flips(screen, kind)
        expect(total).to_have_text(f"{answer['total']:,}")
        expect(cards(page)).to_have_count(min(PAGE, answer["total"]))
        first = answer["flips"][0]
        card = cards(page).first
        expect(card).to_contain_text(first["data_row"])
        expect(card).to_contain_text(first["a"]["annotation"]["label"])
        for side in ("a", "b"):
            expect(card.locator(f"[data-side={side}]")).to_have_attribute("data-verdict", first[side]["verdict"])
    page.go_back()
    expect(panel(page).locator("[data-cell=both]")).to_have_attribute("aria-pressed", "true")
    assert "flip=both" in page.url
    # The next ones.
    panel(page).locator("[data-cell=neither]").click()
    panel(page).get_by_role("button", name="Next objects").click()
    answer = flips(screen, "neither", offset=PAGE)
    expect(panel(page)).to_contain_text(f"{PAGE + 1}\N{EN DASH}{2 * PAGE} of {answer['total']:,} objects")
    expected = [f"{one['data_row']} {one['a']['annotation']['id']}" for one in answer["flips"]]
    expect(cards(page).first).to_have_attribute("data-flip", re.compile(f"^{re.escape(expected[0])} "))
    assert names_of(cards(page)) == expected
    assert f"flipfrom={PAGE}" in page.url
    page.go_back()
    expect(panel(page)).to_contain_text(f"1\N{EN DASH}{PAGE} of {answer['total']:,} objects")
    # At another threshold.
    field = page.get_by_label("Confidence threshold, exactly")
    field.fill("0.9")
    field.press("Enter")
    right = versus(screen, confidence=0.9)["right"]
    for kind in KINDS:
        expect(panel(page).locator(f"[data-cell={kind}] .number").first).to_have_text(f"{right[kind]:,}")
    assert right != versus(screen)["right"]


def test_a_link_to_an_open_object_opens_it(screen: Screen) -> None:
    first = flips(screen)["flips"][0]
    page = screen.open(
        d="digits",
        a="svm",
        b="logreg",
        row=first["data_row"],
        object=f"annotation {first['a']['annotation']['id']}",
        **{"from": "flips"},
    )
    expect(page.get_by_role("dialog")).to_have_count(1)
    expect(page.get_by_role("dialog")).to_contain_text("1 of ")


def test_what_has_changed_most_by_figure_and_page_narrows_the_page_and_its_chip_goes_back(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm", b="logreg")
    for by in ("recall", "precision", "flips"):
        panel(page).get_by_label("Most changed by").select_option(by)
        settle(page)
        answer = versus(screen, sort=by, limit=PAGE, slice_limit=PAGE)
        of = "f1" if by == "flips" else by
        assert table(page, "Classes most changed") == [row_of(one, one["label"], of) for one in answer["classes"]]
        assert f"change={by}" in page.url
    panel(page).get_by_label("Most changed by").select_option("f1")
    settle(page)
    for what, title, key, name in (
        ("classes", "Classes most changed", "offset", lambda one: one["label"]),
        ("slices", "Slices most changed", "slice_offset", name_of_slice),
    ):
        panel(page).get_by_role("button", name=f"Next {what}").click()
        asked: dict[str, Any] = {key: PAGE, "limit": PAGE, "slice_limit": PAGE}
        answer = versus(screen, **asked)
        expected = [name(one) for one in answer[what]]
        expect(panel(page).get_by_role("region", name=title).locator("tbody button")).to_have_text(expected)
        expect(panel(page)).to_contain_text(f"of {answer[f'{what}_total']} {what}")
        page.go_back()
    # One narrows the page to it.
    figure = tile(page, "TP")
    before = figure.inner_text()
    first = versus(screen)["classes"][0]
    panel(page).locator(f"[data-changed='{first['label']}'] button").click()
    expect(figure).to_have_text(f"{first['a']['tp']:,}")
    expect(panel(page).locator("[data-cell=only_a] .number").first).to_have_text(f"{first['right']['only_a']:,}")
    page.get_by_role("button", name=f"Remove filter class {first['label']}").click()
    expect(figure).to_have_text(before)

    part = next(one for one in versus(screen)["slices"] if one["key"])
    panel(page).locator(f"[data-changed='{name_of_slice(part)}'] button").click()
    narrowed = screen.headline(metadata=f"{part['key']}={part['value']}")
    expect(figure).to_have_text(shown(narrowed["tp"]))
    expect(tile(page, "Rows")).to_have_text(f"{part['rows']:,}")
    page.get_by_role("button", name=f"Remove filter {part['key']}={part['value']}").click()
    expect(figure).to_have_text(before)


def test_nothing_to_compare_says_what_to_do(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm", b="logreg", f="no such class")
    expect(panel(page)).to_contain_text("No annotation counts here")
    assert "NaN" not in panel(page).inner_text()


@pytest.mark.parametrize(("dataset", "run", "other"), [("digits", "svm", "logreg"), ("notes", "tagger", "rules")])
def test_nothing_is_wider_than_the_screen(screen: Screen, dataset: str, run: str, other: str) -> None:
    page = screen.open(d=dataset, a=run, b=other)
    expect(cards(page).first).to_be_visible()
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        settle(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        unfold(page, "Comparison")
        settle(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        inner = panel(page).bounding_box()
        assert inner is not None
        for card in cards(page).all()[: 1 if width == 390 else PAGE]:
            box = card.bounding_box()
            assert box is not None
            assert box["x"] + box["width"] <= inner["x"] + inner["width"]
