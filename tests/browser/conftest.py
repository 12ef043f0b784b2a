"""The page in a real browser, before a service that holds the demo's data."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import numpy as np
import pytest
from evalstream_demo.workload import make_workloads
from evalstream_query.page import PAGE
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser import zoo
from tests.browser.helpers import PATIENCE, box, send, tile, upload, wait_until_matched
from tests.faults.service import Service, running

SCENES = 60
MANY_CLASSES = 3_000
expect.set_options(timeout=PATIENCE)


def needed(there: bool, what: str) -> None:
    """Skip, and say why; where nothing may be missing, fail."""
    if not there:
        assert "CI" not in os.environ, what
        pytest.skip(what)


@pytest.fixture(scope="package")
def chromium() -> str:
    """The browser's program; without it, or without a page to show, there is nothing to test here."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    needed(program is not None, "no Chromium on this machine (Debian: apt install chromium)")
    needed((PAGE / "index.html").is_file(), "the page is not built: make page (it needs Node 20)")
    return str(program)


# For one module: while Playwright runs, no other test of the process can have an event loop of its own.
@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def service(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service with the demo's data for all tests of the page: who writes, writes to a dataset of its own."""
    folder = tmp_path_factory.mktemp("page")
    workloads = make_workloads(folder / "demo", scenes=SCENES)
    with (
        running(folder, EVALSTREAM_MEDIA=str(folder / "demo" / "media"), EVALSTREAM_PAGE=str(PAGE)) as service,
        httpx.Client(base_url=service.url, timeout=60) as http,
    ):
        for dataset, workload in workloads.items():
            base = f"/v1/datasets/{dataset}"
            upload(http, f"{base}/annotations", workload.annotations.read_bytes())
            for run, predictions in workload.predictions.items():
                upload(http, f"{base}/runs/{run}/predictions", predictions.read_bytes())
            for run in workload.predictions:
                wait_until_matched(http, dataset, run)
        yield service


@pytest.fixture(scope="package")
def http(service: Service) -> Iterator[httpx.Client]:
    """For those who send data of their own."""
    with httpx.Client(base_url=service.url, timeout=120) as http:
        yield http


@pytest.fixture(scope="package")
def many(http: httpx.Client) -> str:
    """A dataset with thousands of classes, of which some forty are what others are taken for."""
    rng = np.random.default_rng(5)
    names = [f"species {i:04}" for i in range(MANY_CLASSES)]
    annotations, predictions = {}, {}
    for row in range(120):
        own = rng.integers(0, MANY_CLASSES, 60)
        found = np.where(rng.random(60) < 0.6, own, rng.integers(0, 40, 60))
        annotations[f"r{row}"] = [box(names[one], at) for at, one in enumerate(own)]
        predictions[f"r{row}"] = [box(names[one], at, 0.9) for at, one in enumerate(found)]
    send(http, "x-many", annotations, predictions)
    return "x-many"


@pytest.fixture(scope="package")
def zoo_dataset(http: httpx.Client) -> str:
    """A small dataset with every kind of shape and answer."""
    zoo.feed(http)
    return zoo.DATASET


class Screen:
    """The page, and the API that it must agree with."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url

    def open(self, **view: Any) -> Page:
        """Open a view; wait until its figures are there."""
        self.page.goto(f"{self.url}/?{urlencode(view)}")
        self.page.locator("[data-figure=Precision]").wait_for()
        # Idle alone may come before the first question: then figures still are "…".
        expect(self.page.get_by_label("Headline figures").get_by_text("…", exact=True)).to_have_count(0)
        self.page.wait_for_load_state("networkidle")
        return self.page

    def ask(self, question: str, *, dataset: str = "digits", run: str = "svm", **query: Any) -> Any:
        """What the API says."""
        route = f"{self.url}/v1/datasets/{dataset}/runs/{run}/{question}"
        return httpx.get(route, params={"confidence": 0.5, "iou": 0.5} | query, timeout=60).raise_for_status().json()

    def figure(self, name: str) -> str:
        """What a tile says."""
        return tile(self.page, name).inner_text()


@pytest.fixture
def screen(browser: Browser, service: Service) -> Iterator[Screen]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    yield Screen(page, service.url)
    context.close()
    assert problems == []


_FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note of each test whether it failed, before its fixtures end."""
    report = yield
    item.stash[_FAILED] = item.stash.get(_FAILED, False) or report.failed
    return report


@pytest.fixture(autouse=True)
def _keep_a_picture(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[None]:
    """Where a test fails, what the page looked like: to be found in the folder that pytest names."""
    yield
    screen = request.node.funcargs.get("screen")
    if request.node.stash.get(_FAILED, False) and screen is not None and not screen.page.is_closed():
        screen.page.screenshot(path=tmp_path / "page.png")
