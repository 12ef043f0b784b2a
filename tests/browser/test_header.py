"""The header: what the policies mean, the theme, the API key."""

from __future__ import annotations

import httpx
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Screen
from tests.browser.helpers import send_broken, tile
from tests.faults.service import Service


def test_the_policys_meaning_shows_on_focus_and_on_hover_and_the_theme_is_remembered(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm", p="coco")
    page.get_by_label("Policy").focus()
    expect(page.get_by_role("tooltip")).to_contain_text("pycocotools")
    page.get_by_label("Confidence threshold, exactly").focus()
    expect(page.get_by_role("tooltip")).to_have_count(0)
    page.get_by_label("Policy").hover()
    expect(page.get_by_role("tooltip")).to_contain_text("most confident first")
    # The theme is remembered.
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_role("button", name="Use dark colours").click()
    dark = page.evaluate(ground)
    assert dark != light
    page.reload()
    expect(page.get_by_role("button", name="Use light colours")).to_be_visible()
    assert page.evaluate(ground) == dark


def test_an_api_key_is_asked_for_and_kept(browser: Browser, guarded: Service, writing: httpx.Client) -> None:
    send_broken(writing)
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{guarded.url}/?d=x-broken")
    expect(page.get_by_role("alert")).to_contain_text("This service wants an API key.")

    def give(key: str) -> None:
        page.get_by_label("API key", exact=True).fill(key)
        page.get_by_role("button", name="Use key").click()

    give("guess")
    expect(page.get_by_role("alert")).to_contain_text("this API key is not known")
    give("reader")
    expect(tile(page, "TP")).to_have_text("1")
    page.reload()  # kept as long as the tab
    expect(tile(page, "TP")).to_have_text("1")
    page.get_by_role("button", name="Retry").click()
    page.get_by_role("button", name="Why not?").click()
    expect(page.get_by_role("dialog")).to_contain_text("does not have the scope `admin`")
    give("writer")
    with page.expect_response("**/v1/reconcile") as answer:
        page.get_by_role("button", name="Retry").click()
    assert answer.value.status == 200
    page.get_by_role("button", name="API key in use").click()
    page.get_by_role("button", name="Forget this key").click()
    expect(page.get_by_role("alert").first).to_contain_text("This service wants an API key.")
    context.close()
