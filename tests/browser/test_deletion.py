"""Deleting from the page: offered where the key may, it says what is lost, wants the name, and leads on."""

from __future__ import annotations

from pathlib import Path

import httpx
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import with_page
from tests.browser.helpers import box, send, tile
from tests.faults.service import running

KEYS = "reader=read,all=read+write+admin"


def test_a_run_and_then_its_dataset_are_deleted(browser: Browser, tmp_path: Path) -> None:
    admin = {"Authorization": "Bearer all"}
    with (
        running(tmp_path, EVALSTREAM_API_KEYS=KEYS, **with_page()) as service,
        httpx.Client(base_url=service.url, headers=admin, timeout=60) as http,
    ):
        for run in ("one", "two"):
            send(http, "doomed", {"r": [box("dog", 0)]}, {"r": [box("dog", 0, 0.9)]}, run=run)
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"{service.url}/?d=doomed&a=one&b=two")
        button = page.get_by_role("button", name="Delete…")
        give(page, "reader")
        expect(tile(page, "TP")).to_have_text("1")
        expect(button).to_have_count(0)
        page.get_by_role("button", name="API key in use").click()
        give(page, "all")
        button.click()

        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("every prediction of one, on 1 data row")
        expect(dialog).to_contain_text("Annotations belong to the dataset and stay.")
        name = dialog.get_by_role("textbox")
        sure = dialog.get_by_role("button", name="Delete run one")
        name.fill("two")
        expect(sure).to_be_disabled()
        name.fill("one")
        # Until it is done it says so, and cannot be left by mistake.
        held = []
        page.route(lambda url: url.endswith("/runs/one?dry_run=false"), lambda route: held.append(route))
        sure.click()
        expect(dialog.get_by_role("progressbar", name="Deleting run one")).to_be_visible()
        page.keyboard.press("Escape")
        expect(dialog).to_be_visible()
        assert http.get("/v1/datasets/doomed/runs/one/summary").status_code == 200
        held[0].continue_()
        expect(dialog.get_by_role("heading", name="Deleted run one")).to_be_visible()
        dialog.get_by_role("button", name="Close").click()
        assert http.get("/v1/datasets/doomed/runs/one/summary").status_code == 404
        # What is left takes its place.
        expect(page.get_by_role("combobox", name="Run", exact=True)).to_have_value("two")
        expect(tile(page, "TP")).to_have_text("1")

        button.click()
        dialog.get_by_role("button", name="the whole dataset").click()
        expect(dialog).to_contain_text("every annotation, on 1 data row")
        expect(dialog).to_contain_text("every prediction of 1 run: two")
        name.fill("doomed")
        dialog.get_by_role("button", name="Delete dataset doomed").click()
        expect(dialog.get_by_role("heading", name="Deleted dataset doomed")).to_be_visible()
        dialog.get_by_role("button", name="Close").click()
        expect(page.get_by_text("No events yet.")).to_be_visible()
        assert http.get("/v1/datasets").json()["datasets"] == []
        context.close()


def give(page: Page, key: str) -> None:
    page.get_by_role("textbox", name="API key").fill(key)
    page.get_by_role("button", name="Use key").click()
