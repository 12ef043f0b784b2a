"""More than two runs beside each other: in the headline, and in the curves."""

from __future__ import annotations

import json
import re
from collections import Counter
from urllib.parse import urlsplit

import httpx
from playwright.sync_api import Locator, Page, Request, expect

from tests.browser.conftest import Screen
from tests.browser.helpers import box, send, settle, shown, signed, stays, upload, wait_until_matched
from tests.browser.test_accessibility import look, serious

ROWS = ["r0", "r1", "r2", "r3"]
#: How many of the four boxes each run finds on each row, and on which rows it has been.
RUNS = {
    "first": (3, ROWS),
    "second": (2, ROWS),
    "left|right=1": (4, ROWS),
    "short": (1, ROWS[:2]),
    "apart": (1, ["r9"]),
    "fifth": (4, ROWS),
    "sixth": (0, ROWS),
}


@stays("x-beside")
def beside(http: httpx.Client, dataset: str) -> None:
    annotations = {row: [box("ship", at) for at in range(4)] for row in ROWS}
    send(http, dataset, annotations, {row: [] for row in ROWS}, "sixth")
    for run, (found, rows) in RUNS.items():
        lines = [
            {"data_row": row, "operation": "replace", "predictions": [box("ship", at, 0.9) for at in range(found)]}
            for row in rows
        ]
        upload(http, f"/v1/datasets/{dataset}/runs/{run}/predictions", "\n".join(map(json.dumps, lines)))
        wait_until_matched(http, dataset, run)


def row_of(page: Page, run: str) -> Locator:
    return page.locator(f"[data-run-line='{run}']")


def choose(page: Page, *runs: str) -> None:
    page.get_by_role("button", name=re.compile(r"^\+ .*runs?$")).click()
    for run in runs:
        page.get_by_role("checkbox", name=run).check()


def test_runs_are_measured_by_the_first_over_the_rows_of_both(screen: Screen) -> None:
    page = screen.open(d=beside, a="first", b="second")
    choose(page, "left|right=1", "short", "apart")
    page.keyboard.press("Escape")
    settle(page)
    assert "also=" in page.url
    for run in ("second", "left|right=1", "short"):
        theirs = screen.ask("summary", dataset=beside, run=run, shared_with="first")
        own = screen.ask("summary", dataset=beside, run="first", shared_with=run)
        for column, figure in (("Recall", "recall"), ("F1", "f1"), ("TP", "tp"), ("FN", "fn")):
            cell = row_of(page, run).locator(f"[data-column={column}]")
            expect(cell).to_have_text(re.compile(f"^{re.escape(shown(theirs[figure]))}"))
            expect(cell.locator("[data-change]")).to_have_text(signed(theirs[figure] - own[figure]))
    expect(row_of(page, "short").get_by_role("cell").last).to_have_text("2of 4")
    # Of fewer false negatives there are more that are better.
    expect(row_of(page, "left|right=1").locator("[data-column=FN] [data-change]")).to_have_attribute(
        "data-change", "better"
    )
    # What shares nothing is refused, not shown beside the others.
    expect(row_of(page, "apart")).to_contain_text("no data row in common with first")
    expect(row_of(page, "apart").locator("[data-column]")).to_have_count(0)
    curves = page.get_by_role("region", name="Precision and recall")
    for run in ("first", "second", "left|right=1", "short"):
        expect(curves.get_by_text(run, exact=True)).to_be_visible()
    said = curves.locator("[data-figure=rows-of-curves]")
    expect(said).to_contain_text("Of 4 data rows each curve has those that its run shares with first: short 2.")
    expect(said).to_contain_text("No curve, for no data row is shared: apart.")


def test_no_more_runs_than_can_be_told_apart(screen: Screen) -> None:
    page = screen.open(d=beside, a="first", b="second", also="left%7Cright=1|short|apart|fifth|sixth")
    expect(page.locator("[data-run-line]")).to_have_count(6)
    page.get_by_role("button", name="+ 4 runs").click()
    expect(page.get_by_role("checkbox", name="sixth")).to_be_disabled()
    for scheme, width in (("light", 1280), ("dark", 390)):
        look(screen, scheme, width)
        settle(page)
        assert serious(screen) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    look(screen, "light", 1280)
    page.get_by_role("checkbox", name="fifth").uncheck()
    expect(page.get_by_role("checkbox", name="sixth")).to_be_enabled()
    page.keyboard.press("Escape")
    expect(row_of(page, "fifth")).to_have_count(0)
    page.go_back()
    expect(row_of(page, "fifth")).to_have_count(1)


def test_a_run_takes_the_place_of_the_compared_one_and_leaves(screen: Screen) -> None:
    page = screen.open(d=beside, a="first", b="second", also="gone|fifth")
    expect(page.get_by_text("There is no run gone in x-beside to put beside the others.")).to_be_visible()
    page.get_by_role("button", name="Remove from the link").click()
    expect(page.get_by_text("There is no run gone")).to_have_count(0)
    expect(row_of(page, "fifth")).to_have_count(1)
    row_of(page, "fifth").get_by_role("button", name="Compare with fifth").click()
    expect(page.get_by_role("combobox", name="Compare with")).to_have_value("fifth")
    expect(row_of(page, "second")).to_have_count(1)
    expect(page.get_by_role("region", name="first vs fifth")).to_have_count(1)
    row_of(page, "second").get_by_role("button", name="Remove second").click()
    expect(page.locator("[data-run-line]")).to_have_count(0)
    assert "also=" not in page.url


def test_each_further_run_costs_three_questions_and_a_step_of_a_slider_one(own_screen: Screen) -> None:
    screen = own_screen
    # By their addresses: now and then the page asks the same again, for data may have changed.
    asked: set[str] = set()

    def note(request: Request) -> None:
        asked.add(request.url)

    def questions(run: str) -> Counter[str]:
        parts = [urlsplit(url).path.split("/") for url in asked]
        return Counter(path[-1] for path in parts if path[-2] == run)

    screen.hear(note)
    page = screen.open(d=beside, a="first", b="second", also="fifth|sixth")
    for run in ("fifth", "sixth"):
        assert questions(run) == {"summary": 1, "average-precision": 1, "pr-curve": 1}
    asked.clear()
    field = page.get_by_label("Confidence threshold, exactly")
    field.fill("0.95")
    field.press("Enter")
    expect(row_of(page, "fifth").locator("[data-column=TP]")).to_have_text(re.compile("^0"))
    settle(page)
    # Average precision and curves are of all detections: at another threshold they are the same.
    assert questions("fifth")["summary"] == 1
    assert len({url for url in asked if "/runs/fifth/" in url and "confidence=0.95" in url}) == 1


def test_further_runs_are_asked_once_the_hand_rests(separate_screen: Screen) -> None:
    page = separate_screen.page
    page.clock.install(time="2026-01-01")
    separate_screen.open(d=beside, a="first", b="second", also="fifth|sixth")
    page.clock.pause_at("2026-01-02")  # from here on no time passes but what is said
    for _ in range(300):
        page.clock.run_for(50)
        if page.locator("[aria-busy=true]").count() == 0:
            break
    asked: list[str] = []

    def note(request: Request) -> None:
        if re.search("/runs/(fifth|sixth)/", request.url) and "confidence=0.5&" not in request.url:
            asked.append(re.sub(r".*/runs/(\w+)/.*confidence=([\d.]+).*", r"\1 \2", request.url))

    page.on("request", note)
    slider = page.get_by_role("slider", name="Confidence threshold")
    for _ in range(4):
        slider.press("ArrowRight")
        page.clock.run_for(150)
    assert asked == []
    expect(row_of(page, "fifth")).to_have_attribute("data-stale", "true")
    last = page.get_by_label("Confidence threshold, exactly").input_value()
    with page.expect_request(lambda one: "/runs/sixth/summary?" in one.url and f"confidence={last}&" in one.url):
        page.clock.resume()
    expect(row_of(page, "fifth")).to_have_attribute("data-stale", "false")
    assert set(asked) == {f"{run} {last}" for run in ("fifth", "sixth")}
