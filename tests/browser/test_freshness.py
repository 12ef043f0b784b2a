"""How far the run has come: what is pending, what failed, and figures that follow while events arrive."""

from __future__ import annotations

import json

import httpx
from playwright.sync_api import expect

from tests.browser.conftest import Screen
from tests.browser.helpers import box, send, send_broken, tile


def test_freshness_says_what_is_pending(own_screen: Screen) -> None:
    screen = own_screen
    answer = {"rows": 1400, "done": 1395, "pending": 3, "failed": 2, "state": "running"}
    screen.instead("**/progress", lambda route: route.fulfill(json=answer))
    page = screen.open(d="digits", a="svm")
    expect(page.get_by_text("1,400 rows · 3 pending · 2 failed")).to_be_visible()
    expect(page.get_by_role("button", name="Retry")).to_be_visible()


def test_rows_that_failed_are_tried_again(screen: Screen, http: httpx.Client) -> None:
    send_broken(http)
    page = screen.open(d="x-broken", a="one")
    progress = screen.ask("progress", dataset="x-broken", run="one", confidence=None, iou=None)
    assert (progress["rows"], progress["failed"]) == (2, 1)
    expect(page.get_by_text("2 rows · 1 failed")).to_be_visible()
    expect(page.locator("[data-figure=notes]")).to_contain_text("1 data row could not be matched")
    with page.expect_response("**/v1/reconcile") as answer:
        page.get_by_role("button", name="Retry").click()
    assert answer.value.ok
    assert json.loads(answer.value.request.post_data or "") == {"dataset": "x-broken", "which": "failed"}
    # Mended, it is counted; and the page says so by itself.
    send(http, "x-broken", {"bad": [box("ink", 0)]}, {"bad": [box("ink", 0, 0.8)]})
    expect(page.get_by_role("button", name="Retry")).to_have_count(0)
    expect(tile(page, "Rows")).to_have_text("2")


def test_figures_follow_while_events_arrive(screen: Screen, http: httpx.Client) -> None:
    send(http, "x-live", {"r1": [box("dog", 0)]}, {"r1": [box("dog", 0, 0.9)]})
    page = screen.open(d="x-live", a="one")
    expect(tile(page, "TP")).to_have_text("1")
    send(http, "x-live", {"r2": [box("dog", 0), box("cat", 1)]}, {"r2": [box("dog", 0, 0.9)]})
    expect(tile(page, "Rows")).to_have_text("2")
    expect(tile(page, "TP")).to_have_text("2")
    expect(tile(page, "FN")).to_have_text("1")
    expect(page.get_by_role("button", name="cat, missed: 1", exact=True)).to_be_visible()
    # An edit that leaves the number of rows as it is, shows too.
    send(http, "x-live", {}, {"r2": [box("dog", 0, 0.9), box("cat", 1, 0.9)]})
    expect(tile(page, "TP")).to_have_text("3")
