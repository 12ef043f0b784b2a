"""What the page says where there is nothing to show, or not what was asked for."""

from __future__ import annotations

import json

import httpx
from playwright.sync_api import Route, expect

from tests.browser.conftest import Screen
from tests.browser.helpers import PATIENCE, box, send, shown, split_button, stays, tile, upload
from tests.conftest import DEMO_SCENES


def test_an_unknown_dataset_or_run_shows_nothing_else_in_its_place(screen: Screen) -> None:
    page = screen.go(d="nope")
    expect(page.get_by_text("There is no dataset nope.")).to_be_visible()
    expect(tile(page, "TP")).to_have_count(0)
    page.get_by_role("button", name="digits").click()
    newest = next(
        one for one in httpx.get(f"{screen.url}/v1/datasets").json()["datasets"] if one["dataset"] == "digits"
    )
    expect(page.get_by_role("combobox", name="Run", exact=True)).to_have_value(newest["newest_run"])

    screen.go(d="digits", a="nope")
    expect(page.get_by_text("There is no run nope in digits.")).to_be_visible()
    expect(tile(page, "TP")).to_have_count(0)
    page.get_by_role("button", name="svm").click()
    expect(tile(page, "TP")).to_have_text(shown(screen.headline()["tp"]))

    screen.go(d="digits", a="svm", b="nope")
    expect(page.get_by_text("There is no run nope in digits to compare with.")).to_be_visible()
    page.get_by_role("button", name="logreg", exact=True).click()
    expect(page.get_by_label("Compare with")).to_have_value("logreg")


def test_an_unknown_slice_is_not_named_above_figures_of_everything(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm", slice="nope")
    expect(page.get_by_text("There is no slice nope in this browser")).to_be_visible()
    expect(page.get_by_role("button", name="Slice: nope")).to_have_count(0)
    page.get_by_role("button", name="All data rows").click()
    expect(page.get_by_text("There is no slice nope")).to_have_count(0)
    assert "slice" not in page.url
    # Where it is kept is said before anything is given a name.
    split_button(page, "test").click()
    page.get_by_role("button", name="Slices", exact=True).click()
    expect(page.get_by_text("A slice is kept in this browser only.")).to_be_visible()


def test_an_address_says_what_the_page_shows(own_screen: Screen, http: httpx.Client) -> None:
    """Also what was left open when the page was opened: with a run that comes later it would mean something else."""
    screen = own_screen
    for run in ("z", "a"):
        send(http, "x-said", {"r": [box("dog", 0)]}, {"r": [box("dog", 0, 0.9)]}, run=run)
    page = screen.open(d="x-said", c=7, t="abc", split="nope")
    page.wait_for_url(lambda url: "nope" not in url)
    assert set(page.url.partition("?")[2].split("&")) == {"d=x-said", "a=a", "c=1"}
    expect(page.get_by_role("combobox", name="Run", exact=True)).to_have_value("a")
    expect(tile(page, "FN")).to_have_text("1")
    send(http, "x-said", {}, {"r": [box("cat", 0, 0.9)]}, run="newer")
    page.reload()
    expect(page.get_by_role("combobox", name="Run", exact=True)).to_have_value("a")
    expect(page.get_by_role("combobox", name="Run", exact=True).locator("option")).to_have_text(["a", "newer", "z"])
    # It is no step of its own that one would have to go back over.
    page.goto(screen.url)
    page.wait_for_url("**/?d=*&a=*")
    page.go_back()
    assert "a=a" in page.url
    page.evaluate("() => { navigator.clipboard.writeText = async (text) => { window.shared = text; }; }")
    page.get_by_role("button", name="Share").click()
    expect(page.get_by_role("button", name="Link copied")).to_be_visible()
    assert {"d=x-said", "a=a"} <= set(page.evaluate("window.shared").partition("?")[2].split("&"))


def test_the_last_figures_stay_while_the_service_is_away(screen: Screen) -> None:
    screen.may_complain = True
    page = screen.open(d="digits", a="svm")
    before = screen.figure("TP")
    screen.instead("**/v1/**", lambda route: route.abort())
    banner = page.get_by_text("No answer from the service since")
    expect(banner).to_be_visible(timeout=PATIENCE)
    # What was asked meanwhile has no answer, and says so neither with an error nor with another view's figures.
    page.get_by_role("button", name="0.75", exact=True).click()
    expect(page.locator("[data-figure=TP]")).to_have_attribute("data-stale", "true")
    expect(tile(page, "TP")).to_have_text(before)
    expect(page.get_by_text("could not be loaded")).to_have_count(0)
    page.unroute("**/v1/**")
    expect(banner).to_have_count(0, timeout=PATIENCE)
    expect(page.locator("[data-figure=TP]")).to_have_attribute("data-stale", "false", timeout=PATIENCE)
    expect(tile(page, "TP")).not_to_have_text(before)


def test_a_service_that_hangs_is_away_too(separate_screen: Screen) -> None:
    separate_screen.may_complain = True
    page = separate_screen.page
    page.clock.install()
    separate_screen.go(d="digits", a="svm")
    expect(tile(page, "TP")).not_to_have_text("…")
    held: list[Route] = []
    page.route("**/v1/**", lambda route: held.append(route))
    banner = page.get_by_text("No answer from the service since")
    page.clock.run_for(10_000)
    expect(banner).to_have_count(0)  # not yet: it may be slow
    assert held
    page.clock.run_for(10_000)
    expect(banner).to_be_visible()
    page.unroute("**/v1/**")
    page.clock.run_for(20_000)
    expect(banner).to_have_count(0)


def test_a_class_that_is_not_there_is_said_not_to_be(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm", f="eight|ninety")
    notice = page.get_by_text("There is no class ninety in digits.")
    expect(notice).to_be_visible()
    page.get_by_role("button", name="Remove from the filters").click()
    expect(notice).to_have_count(0)
    expect(tile(page, "TP")).to_have_text(shown(screen.headline(feature="eight")["tp"]))


def test_nothing_was_sent_yet(screen: Screen) -> None:
    page = screen.page
    screen.instead("**/v1/datasets", lambda route: route.fulfill(json={"datasets": []}))
    page.goto(screen.url)
    expect(page.get_by_text("No events yet.")).to_be_visible()
    expect(page.get_by_text("evalstream upload")).to_be_visible()
    expect(page.get_by_role("heading", name="evalstream")).to_be_visible()
    expect(page.get_by_role("link", name="the API")).to_have_attribute("href", "docs")


@stays("x-unpredicted")
def unpredicted(http: httpx.Client, dataset: str) -> None:
    lines = [
        json.dumps({"data_row": f"r{i}", "operation": "replace", "annotations": [box("dog", 0)]}) for i in range(3)
    ]
    upload(http, f"/v1/datasets/{dataset}/annotations", "\n".join(lines))


def test_annotations_wait_for_predictions(screen: Screen) -> None:
    page = screen.go(d=unpredicted)
    expect(page.get_by_text("No predictions yet. 3 rows annotated.")).to_be_visible()
    expect(page.get_by_text("evalstream upload --dataset x-unpredicted")).to_be_visible()
    expect(page.get_by_text("Loading")).to_have_count(0)


@stays("x-unannotated")
def unannotated(http: httpx.Client, dataset: str) -> None:
    send(http, dataset, {}, {"r": [box("dog", 0, 0.9), box("cat", 1, 0.8)]})


def test_predictions_wait_for_annotations(screen: Screen) -> None:
    page = screen.open(d=unannotated, a="one")
    expect(page.get_by_text("No annotations yet on the data rows of this run")).to_be_visible()
    expect(page.get_by_text("No annotations here.")).to_be_visible()
    expect(tile(page, "FP")).to_have_text("2")


def test_filters_that_nothing_passes_are_named_with_a_way_out(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm", f="eight")
    field = page.get_by_label("Filter rows by metadata")
    field.fill("noise>=99")
    field.press("Enter")
    expect(page.get_by_text("No row has noise>=99.")).to_be_visible()
    expect(page.get_by_role("listbox", name="Suggestions")).to_have_count(0)
    noise = screen.ask("metadata", key="noise")
    expect(page.get_by_text(f"noise goes from {noise['minimum']:g} to {noise['maximum']:g}.")).to_be_visible()
    expect(page.get_by_role("region", name="Confusion matrix")).to_have_count(0)
    split_button(page, "test").click()
    expect(page.get_by_text("No row has all of these: noise>=99, test.")).to_be_visible()
    page.get_by_role("button", name="Remove noise>=99").click()
    expect(tile(page, "Rows")).to_have_text(shown(screen.headline(split="test")["rows"]))
    page.go_back()
    page.get_by_role("button", name="Clear all").click()
    expect(tile(page, "Rows")).to_have_text(str(DEMO_SCENES))
    assert page.url.partition("?")[2] == "d=digits&a=svm"


def test_a_key_that_no_row_has_is_said_not_to_be_there(screen: Screen) -> None:
    page = screen.go(d="digits", a="svm", m="foo>=3")
    keys = next(one for one in httpx.get(f"{screen.url}/v1/datasets").json()["datasets"] if one["dataset"] == "digits")
    expect(page.get_by_role("region", name="No data rows")).to_contain_text(
        f"No row has foo>=3.No row has foo. There are {', '.join(keys['metadata'])}."
    )


@stays("x-one-row")
def one_row(http: httpx.Client, dataset: str) -> None:
    send(http, dataset, {"r": [box("dog", 0)]}, {"r": [box("dog", 0, 0.9)]})


def test_a_figure_without_interval_says_why(own_screen: Screen) -> None:
    own_screen.may_complain = True
    page = own_screen.go(d=one_row, a="one")
    expect(page.locator("[data-interval=TP]")).to_have_text("interval n/a", timeout=PATIENCE)
    page.locator("[data-figure=TP]").focus()
    expect(page.get_by_role("tooltip")).to_contain_text("No interval: one data row does not tell")
    refused = {"detail": "9 predictions are too many"}
    own_screen.instead("**/intervals?*", lambda route: route.fulfill(status=422, json=refused))
    own_screen.go(d="digits", a="svm")
    expect(page.locator("[data-interval=F1]")).to_have_text("interval n/a", timeout=PATIENCE)
    page.locator("[data-figure=F1]").focus()
    expect(page.get_by_role("tooltip")).to_contain_text("No interval: 9 predictions are too many.")
