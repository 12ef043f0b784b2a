"""A report as one file: a browser without a network shows all of it, in either colour scheme and on a phone."""

from __future__ import annotations

from pathlib import Path

import pytest
from evalstream.client import Client
from evalstream.exporters.documents import html
from evalstream.exporters.report import gather
from playwright.sync_api import Browser

from tests.faults.service import Service


@pytest.fixture(scope="module")
def page_of_report(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    with Client(service.url) as client:
        first, second = client.runs("digits")[:2]
        path.write_text(html(gather(client, "digits", first, versus=second, confidence=0.5)), encoding="utf-8")
    return path


@pytest.mark.parametrize(("width", "scheme"), [(1200, "light"), (390, "dark")])
def test_it_opens_offline(browser: Browser, page_of_report: Path, width: int, scheme: str) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 800},
        color_scheme="dark" if scheme == "dark" else "light",
        offline=True,
        java_script_enabled=True,
    )
    page = context.new_page()
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.goto(page_of_report.as_uri())
    assert asked == [page_of_report.as_uri()]
    assert said == []  # the page's own policy allows its style
    assert page.locator("svg").count() == 3
    assert page.locator("svg").first.bounding_box() is not None
    assert page.evaluate("document.documentElement.scrollWidth") == width
    context.close()
