"""The run by parts of its data rows."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import expect

from tests.browser.conftest import Screen
from tests.browser.helpers import OBJECTS, see, settle, shown, tile

SPLITS = ("train", "validation", "test")


def test_slices_are_asked_for_when_seen_have_their_size_and_scores_and_are_a_click_away(own_screen: Screen) -> None:
    screen = own_screen
    asked: list[str] = []
    screen.hear(lambda one: asked.append(one.url) if "/slices?" in one.url else None)
    page = screen.open(d="digits", a="svm")
    # Just below the screen, where other parts ask already what they are about to show.
    table = page.get_by_role("region", name="Scores by slice", exact=True)
    table.evaluate("own => scrollBy(0, own.getBoundingClientRect().top - innerHeight - 100)")
    settle(page)
    assert asked == []
    panel = see(page, "Scores by slice")
    expect(table.locator("[data-slice=test] [data-score=f1]")).not_to_have_text("…")
    # All of them at once.
    (url,) = asked
    assert parse_qs(urlsplit(url).query)["slice"] == [f"split={split}" for split in SPLITS]
    rows = 0
    for split in SPLITS:
        answer = screen.ask("intervals", group="counts", type=OBJECTS, split=split)
        by_name = {one["figure"]: one for one in answer["figures"]}
        rows += answer["rows"]
        line = panel.locator(f"[data-slice={split}]")
        cells = line.locator("td")
        expect(cells.nth(0)).to_have_text(shown(answer["rows"]))
        expect(cells.nth(1)).to_have_text(shown(int(by_name["tp"]["value"] + by_name["fn"]["value"])))
        for name in ("f1", "precision", "recall"):
            score = line.locator(f"[data-score={name}]")
            one = by_name[name]
            expect(score).to_contain_text(shown(one["value"]))
            expect(score).to_contain_text(f"{shown(one['low'], 3)} \N{EN DASH} {shown(one['high'], 3)}")
    expect(panel.locator("[data-slice=''] td").first).to_have_text(shown(rows))
    expect(panel.locator("[data-figure=rows-in-no-slice]")).to_have_count(0)
    # A click narrows the page to the slice, another one widens it again.
    panel.get_by_role("button", name="validation").click()
    page.wait_for_url(lambda url: "split=validation" in url)
    expect(tile(page, "TP")).to_have_text(shown(screen.headline(split="validation")["tp"]))
    see(page, "Scores by slice")
    expect(panel.locator("[data-slice]")).to_have_count(2)
    panel.get_by_role("button", name="validation").click()
    page.wait_for_url(lambda url: "split=" not in url)


def test_slices_by_metadata_and_those_that_are_kept(screen: Screen) -> None:
    kept = [{"name": "loud", "split": [], "f": [], "m": ["noise>=0.1"], "roll": None}]
    page = screen.open(d="digits", a="svm", parted="metadata.noise")
    page.evaluate(
        "kept => { localStorage.setItem('evalstream-slices-digits', kept); dispatchEvent(new Event('storage')); }",
        json.dumps(kept),
    )
    panel = see(page, "Scores by slice")
    answer = screen.ask("metadata", key="noise")
    for one in answer["values"]:
        expect(panel.locator(f"[data-slice='{one['value']}'] td").first).to_have_text(shown(one["rows"]))
    assert answer["known"] == answer["rows"]
    panel.get_by_role("combobox", name="Slices by").select_option("slice")
    loud = panel.locator("[data-slice=loud] td")
    expect(loud.first).to_have_text(shown(screen.headline(metadata="noise>=0.1")["rows"]))
    panel.get_by_role("button", name="loud").click()
    page.wait_for_url(lambda url: "slice=loud" in url and "noise" in url)
