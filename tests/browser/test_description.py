"""The description of the API works in a browser that reaches nothing but the service."""

from __future__ import annotations

from playwright.sync_api import Browser, expect

from tests.faults.service import Service


def test_the_description_shows_every_group_of_routes(browser: Browser, service: Service) -> None:
    page = browser.new_page()
    elsewhere: list[str] = []
    told: list[str] = []
    page.on(
        "request",
        lambda request: None if request.url.startswith((service.url, "data:")) else elsewhere.append(request.url),
    )
    page.on("console", lambda message: told.append(message.text) if message.type == "error" else None)
    page.goto(f"{service.url}/docs")
    for tag in ("events", "dead letters", "questions", "operation"):
        expect(page.locator(f"[data-tag='{tag}']")).to_be_visible()
    page.close()
    assert (elsewhere, told) == ([], [])
