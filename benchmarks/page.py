"""The page in a real browser: from a step of the confidence slider to new figures and to all settled, and its requests.

Starts a service of its own with made-up data, unless it is given one that runs. There is no peer: the times are of this
machine and whatever else it does, the number of requests is not.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlencode, urlsplit

import httpx
import numpy as np
from evalstream_api.page import PAGE
from evalstream_chromium import NO_CHROMIUM, find_chromium
from playwright.sync_api import Page, Request, sync_playwright

from tests.browser.helpers import send
from tests.faults.service import running

#: Rows in one request: a request is bounded.
_AT_ONCE: Final = 1000
#: What is asked now and then, whatever is on the screen.
_SIGNS: Final = {"progress", "datasets"}
#: Of a step with an arrow key: until the headline is that of the new threshold; until no question has been under way,
#: and no part has been busy, for a while, which is taken off again. In milliseconds.
_STEP: Final = """(quiet) => new Promise((done) => {
    const root = document.documentElement;
    const exact = document.querySelector("[aria-label='Confidence threshold, exactly']");
    const figure = document.querySelector("[data-figure=TP]");
    const before = exact.value, start = performance.now();
    let fresh = null, since = start;
    const look = () => {
        const now = performance.now();
        if (fresh === null && exact.value !== before && figure.dataset.stale === "false") fresh = now - start;
        if (root.dataset.asking !== "0" || document.querySelector("[aria-busy=true]")) since = now;
        if (fresh !== null && now - since > quiet) done([fresh, Math.max(fresh, since - start)]);
        else requestAnimationFrame(look);
    };
    const thumb = document.querySelector("[role=slider][aria-label='Confidence threshold']");
    thumb.focus();
    thumb.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true }));
    requestAnimationFrame(look);
})"""
_SETTLED: Final = """(quiet) => new Promise((done) => {
    let since = performance.now();
    const look = () => {
        const busy = document.documentElement.dataset.asking !== "0" || document.querySelector("[aria-busy=true]");
        if (busy) since = performance.now();
        if (performance.now() - since > quiet) done();
        else requestAnimationFrame(look);
    };
    look();
})"""
_QUIET_MS: Final = 800


class Step(NamedTuple):
    """One step of the slider."""

    fresh_ms: float
    settled_ms: float
    requests: int
    repeated: int  # of these, what had been asked in the same step already


def measure(page: Page, steps: int) -> list[Step]:
    """Move the confidence slider of an open, settled page so many steps."""
    found = []
    for _ in range(steps):
        asked: Counter[str] = Counter()

        def note(request: Request, asked: Counter[str] = asked) -> None:
            path = urlsplit(request.url).path
            if "/v1/" in path and path.rpartition("/")[2] not in _SIGNS:
                asked[request.url] += 1

        page.on("request", note)
        fresh, settled = page.evaluate(_STEP, _QUIET_MS)
        page.remove_listener("request", note)
        found.append(Step(fresh, settled, asked.total(), asked.total() - len(asked)))
    return found


def table(name: str, steps: list[Step]) -> str:
    """Say in Markdown what the steps took: the median, and what nine of ten do not exceed."""
    fresh, settled, requests, repeated = (np.array(column) for column in zip(*steps, strict=True))
    lines = [
        f"{name}: {len(steps)} steps",
        "",
        "| of a step | median | 90 % |",
        "| --- | --- | --- |",
        *(
            f"| {what} | {np.median(values):,.0f} ms | {np.quantile(values, 0.9):,.0f} ms |"
            for what, values in (("new figures", fresh), ("all settled", settled))
        ),
        f"| requests | {np.median(requests):.0f} | {np.quantile(requests, 0.9):.0f} |",
        f"| asked twice | {np.median(repeated):.0f} | {np.max(repeated):.0f} at most |",
    ]
    return "\n".join(lines)


def feed(http: httpx.Client, rows: int, classes: int, objects: int, dataset: str = "page") -> str:
    """Send a dataset of so many rows, classes and annotations, of which a run finds most."""
    rng = np.random.default_rng(3)
    names = [f"class {i:03}" for i in range(classes)]
    each = max(1, objects // rows)
    for start in range(0, rows, _AT_ONCE):
        annotations, predictions = {}, {}
        for row in range(start, min(rows, start + _AT_ONCE)):
            own = rng.integers(0, classes, each)
            said = np.where(rng.random(each) < 0.85, own, rng.integers(0, classes, each))
            sure = rng.uniform(0.2, 1, each).round(3)
            boxes = [[30 * at, 0, 20, 20] for at in range(each)]
            annotations[f"r{row}"] = [
                {"type": "bbox", "id": str(at), "feature": names[own[at]], "bbox": boxes[at]} for at in range(each)
            ]
            predictions[f"r{row}"] = [
                {"type": "bbox", "id": str(at), "feature": names[said[at]], "bbox": boxes[at], "confidence": sure[at]}
                for at in range(each)
            ]
        send(http, dataset, annotations, predictions)
    return urlencode({"d": dataset, "a": "one"})


def opened(page: Page, url: str, view: str) -> None:
    """Open a view and wait until it has settled."""
    page.goto(f"{url}/?{view}")
    page.locator("[data-figure=Precision]").wait_for(timeout=120_000)
    page.evaluate(_SETTLED, _QUIET_MS)


def pages() -> Iterator[Page]:
    """Give a page of a browser of its own."""
    program = find_chromium()
    if program is None:
        raise SystemExit(NO_CHROMIUM)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser.new_page(viewport={"width": 1280, "height": 900})
        browser.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="of a service that runs, with --view; without it, one is started and fed")
    parser.add_argument("--view", help="what is behind the question mark of the address: d=digits&a=svm&b=logreg")
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--classes", type=int, default=500)
    parser.add_argument("--objects", type=int, default=180_000)
    parser.add_argument("--steps", type=int, default=20)
    asked = parser.parse_args()
    for page in pages():
        if asked.url:
            opened(page, asked.url, asked.view or "")
            print(table(asked.view or asked.url, measure(page, asked.steps)))
            return
        with (
            tempfile.TemporaryDirectory() as folder,
            running(Path(folder), EVALSTREAM_PAGE=str(PAGE)) as service,
            httpx.Client(base_url=service.url, timeout=600) as http,
        ):
            view = feed(http, asked.rows, asked.classes, asked.objects)
            opened(page, service.url, view)
            name = f"{asked.rows:,} rows, {asked.classes:,} classes, {asked.objects:,} objects"
            print(table(name, measure(page, asked.steps)))


if __name__ == "__main__":
    main()
