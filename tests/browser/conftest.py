"""The page in a real browser, before a service that holds the demo's data."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import httpx
import numpy as np
import pytest
from evalstream_api.page import PAGE
from evalstream_chromium import NO_CHROMIUM, find_chromium
from evalstream_demo.workload import Workload
from PIL import Image
from playwright.sync_api import Browser, ConsoleMessage, Error, Page, Request, Route, expect, sync_playwright

from tests.browser import zoo
from tests.browser.helpers import (
    OBJECTS,
    PATIENCE,
    STAYING,
    box,
    send,
    settle,
    stays,
    tile,
    upload,
    wait_until_matched,
)
from tests.browser.remembering import remembering
from tests.faults.service import Service, running

MANY_CLASSES = 3_000
MANY = "x-many"
STAYING[zoo.DATASET] = zoo.feed
expect.set_options(timeout=PATIENCE)


def needed(there: bool, what: str) -> None:
    """Skip, and say why; where nothing may be missing, fail."""
    if not there:
        assert "CI" not in os.environ, what
        pytest.skip(what)


def with_page() -> dict[str, str]:
    """Give what a service must be told to serve the page: nothing where it is built into its usual place.

    Who is told nothing can be forked (``tests/prefork.py``), and starts with a quarter of the CPU.
    """
    return {name: os.environ[name] for name in ("EVALSTREAM_PAGE",) if name in os.environ}


@pytest.fixture(scope="package")
def chromium() -> str:
    """The browser's program; without it, or without a page to show, there is nothing to test here."""
    program = find_chromium()
    needed(program is not None, NO_CHROMIUM)
    needed((PAGE / "index.html").is_file(), "the page is not built: make page (it needs Node 20)")
    return str(program)


# For this folder: while Playwright runs, no other test of the process can have an event loop of its own.
@pytest.fixture(scope="package")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def service(chromium: str, demo: dict[str, Workload], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service with the data of all tests of the page: who writes, writes to a dataset of its own."""
    media = demo["digits"].annotations.parents[1] / "media"
    with (
        running(tmp_path_factory.mktemp("page"), EVALSTREAM_MEDIA=str(media), **with_page()) as service,
        httpx.Client(base_url=service.url, timeout=60) as http,
    ):
        for dataset, workload in demo.items():
            base = f"/v1/datasets/{dataset}"
            upload(http, f"{base}/annotations", workload.annotations.read_bytes())
            for run, predictions in workload.predictions.items():
                upload(http, f"{base}/runs/{run}/predictions", predictions.read_bytes())
            for run in workload.predictions:
                wait_until_matched(http, dataset, run)
        for feed in STAYING.values():
            feed(http)
        yield service


@pytest.fixture(scope="package")
def http(service: Service) -> Iterator[httpx.Client]:
    """For those who send data of their own."""
    with httpx.Client(base_url=service.url, timeout=120) as http:
        yield http


@pytest.fixture(scope="package")
def guarded(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that wants a key for all it has, its pictures too."""
    folder = tmp_path_factory.mktemp("guarded")
    media = folder / "media"
    media.mkdir()
    Image.new("RGB", (64, 48), "teal").save(media / "here.png")
    keys = {"EVALSTREAM_API_KEYS": "reader=read,writer=read+write+admin"}
    with running(folder, EVALSTREAM_MEDIA=str(media), **with_page(), **keys) as service:
        yield service


@pytest.fixture(scope="package")
def writing(guarded: Service) -> Iterator[httpx.Client]:
    """For those who send data there."""
    with httpx.Client(base_url=guarded.url, headers={"Authorization": "Bearer writer"}, timeout=60) as http:
        yield http


@pytest.fixture(scope="package")
def address(service: Service, demo: dict[str, Workload]) -> Iterator[str]:
    """Where the page is: before a service that computes once what many tests ask of data that stay."""
    with remembering(service.url, {*demo, *STAYING}) as address:
        yield address


@pytest.fixture(scope="package")
def asking(address: str) -> Iterator[httpx.Client]:
    """For those who ask what the page must say: one for all, for to make it takes 20 ms of CPU."""
    with httpx.Client(base_url=address, timeout=60) as http:
        yield http


@stays(MANY)
def _many(http: httpx.Client, dataset: str) -> None:
    """A dataset with thousands of classes, of which some forty are what others are taken for."""
    rng = np.random.default_rng(5)
    names = [f"species {i:04}" for i in range(MANY_CLASSES)]
    annotations, predictions = {}, {}
    for row in range(120):
        own = rng.integers(0, MANY_CLASSES, 60)
        found = np.where(rng.random(60) < 0.6, own, rng.integers(0, 40, 60))
        annotations[f"r{row}"] = [box(names[one], at) for at, one in enumerate(own)]
        predictions[f"r{row}"] = [box(names[one], at, 0.9) for at, one in enumerate(found)]
    send(http, dataset, annotations, predictions)


@pytest.fixture
def many() -> str:
    """A dataset with thousands of classes."""
    return MANY


@pytest.fixture
def zoo_dataset() -> str:
    """A small dataset with every kind of shape and answer."""
    return zoo.DATASET


#: Go to a view as the browser's back button does, by way of one without figures: so no part keeps what was folded,
#: typed or chosen in it. Says whether the page knows the dataset. The page draws what follows from a step only once the
#: script that made it has ended.
_GO = """async ([dataset, link]) => {
    if (!document.getElementById("root")?.children.length) return false;
    const go = (to) => {
        history.pushState(null, "", to);
        dispatchEvent(new PopStateEvent("popstate"));
    };
    const known = () => [...document.querySelectorAll("section[aria-label='No figures'] button")]
        .some((one) => one.textContent === dataset);
    go("?d=nowhere");
    for (let i = 0; i < 20 && !known(); i++) await new Promise((drawn) => setTimeout(drawn));
    if (!known()) return false;
    go(link);
    return true;
}"""

#: As nobody had ever been there.
_FORGET = """() => {
    localStorage.clear();
    sessionStorage.clear();
    delete document.documentElement.dataset.theme;
    dispatchEvent(new Event("storage"));
    document.activeElement?.blur();
    history.pushState(null, "", "?d=nowhere");
    dispatchEvent(new PopStateEvent("popstate"));
}"""


class Screen:
    """The page, and the API that it must agree with."""

    def __init__(self, page: Page, url: str, http: httpx.Client, kept: Collection[str] = ()) -> None:
        self.page = page
        self.url = url
        self._http = http
        self._kept = kept
        self._hearing: list[Callable[[Request], None]] = []
        self._spoiled = False
        #: Whether the page may complain on its console: Chromium does so of every answer that it does not get.
        self.may_complain = False

    def open(self, **view: Any) -> Page:
        """Open a view; wait until its figures are there."""
        self.go(**view)
        self.page.locator("[data-figure=Precision]").wait_for()
        # Idle alone may come before the first question: then figures still are "…".
        expect(self.page.get_by_label("Headline figures").get_by_text("…", exact=True)).to_have_count(0)
        settle(self.page)
        return self.page

    def go(self, **view: Any) -> Page:
        """Go to a view, which need not have figures.

        A page that is there already goes to a view of data that stay as they are: to load it anew, with none of its
        code compiled, takes three times as much CPU. Whoever counts what it asks must have a screen of their own.
        """
        link, dataset = f"/?{urlencode(view)}", view.get("d")
        if dataset not in self._kept or not self.page.evaluate(_GO, [dataset, link]):
            self.page.goto(self.url + link)
        return self.page

    def hear(self, note: Callable[[Request], None]) -> None:
        """Tell of each question of the page, until the test ends."""
        self.page.on("request", note)
        self._hearing.append(note)

    def instead(self, pattern: str, answer: Callable[[Route], object]) -> None:
        """Answer in the service's place, until the test ends; the page knows false answers by then."""
        self.page.route(pattern, answer)
        self._spoiled = True

    @contextmanager
    def beginning(self, script: str) -> Iterator[None]:
        """Run a script before those of the page, in each that is loaded meanwhile."""
        self._spoiled = True
        with self.page.add_init_script(script):
            yield

    def end(self, *, failed: bool) -> None:
        """Leave the page to the next test, as somebody finds it who has never been there."""
        for note in self._hearing:
            self.page.remove_listener("request", note)
        self.page.unroute_all(behavior="ignoreErrors")
        self.page.evaluate(_FORGET)
        if failed or self._spoiled:
            self.page.goto("about:blank")

    def ask(self, question: str, *, dataset: str = "digits", run: str = "svm", **query: Any) -> Any:
        """What the API says."""
        route = f"/v1/datasets/{dataset}/runs/{run}/{question}"
        return self._http.get(route, params={"confidence": 0.5, "iou": 0.5} | query).raise_for_status().json()

    def headline(self, **query: Any) -> Any:
        """What the tiles must say: of objects, where there are objects."""
        return self.ask("summary", **{"type": OBJECTS} | query)

    def figure(self, name: str) -> str:
        """What a tile says."""
        return tile(self.page, name).inner_text()


#: What the tests' page begins with. One that was open before has the page's code compiled: it opens in half the time.
VIEWPORT: Final = {"width": 1280, "height": 900}


@pytest.fixture(scope="package")
def shared_page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    yield context.new_page()
    context.close()


@pytest.fixture
def screen(
    shared_page: Page,
    address: str,
    asking: httpx.Client,
    demo: dict[str, Workload],
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> Iterator[Screen]:
    """The page as somebody finds it who has never been there."""
    screen = Screen(shared_page, address, asking, {*demo, *STAYING})
    yield from _watched(screen, request, tmp_path)
    screen.end(failed=request.node.stash.get(_FAILED, False))


@pytest.fixture
def own_screen(
    shared_page: Page, address: str, asking: httpx.Client, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Screen]:
    """The same, loaded anew for each view: for who changes the answers there, or counts what is asked."""
    screen = Screen(shared_page, address, asking)
    yield from _watched(screen, request, tmp_path)
    screen.end(failed=request.node.stash.get(_FAILED, False))


@pytest.fixture
def separate_screen(
    browser: Browser, address: str, asking: httpx.Client, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Screen]:
    """The same in a browser of its own, which has no history yet: for who holds its clock, or looks at its history."""
    context = browser.new_context()
    yield from _watched(Screen(context.new_page(), address, asking), request, tmp_path)
    context.close()


def _watched(screen: Screen, request: pytest.FixtureRequest, folder: Path) -> Iterator[Screen]:
    """Give a screen; keep a picture of it where the test fails; fail where the page has complained."""
    page = screen.page
    page.set_viewport_size(VIEWPORT)  # type: ignore[arg-type]
    page.emulate_media(color_scheme="light", reduced_motion="no-preference")
    page.mouse.move(0, 0)
    problems: list[str] = []

    def complain(message: ConsoleMessage) -> None:
        if message.type == "error":
            problems.append(message.text)

    def fail(error: Error) -> None:
        problems.append(str(error))

    page.on("pageerror", fail)
    page.on("console", complain)
    yield screen
    page.remove_listener("pageerror", fail)
    page.remove_listener("console", complain)
    if request.node.stash.get(_FAILED, False):
        page.screenshot(path=folder / "page.png")
    assert problems == [] or screen.may_complain


_FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note of each test whether it failed, before its fixtures end."""
    report = yield
    item.stash[_FAILED] = item.stash.get(_FAILED, False) or report.failed
    return report
