"""What tests of the page share: how it words figures, where it shows them, and how to send data of one's own."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

import httpx
from playwright.sync_api import Locator, Page

#: How long the page may take for what is expected of it, in milliseconds: there may be much else to do.
PATIENCE = 20_000


#: What the headline is of where there are answers to questions besides.
OBJECTS = ("bbox", "rotated_box", "polygon", "mask", "polyline", "point", "keypoints", "span")


# How the page words figures


def shown(value: float | None, digits: int = 4) -> str:
    """Counts with commas, ratios to four decimals; what lies in the middle is rounded up, as JavaScript does it."""
    if value is None:
        return "n/a"
    if isinstance(value, int):
        return f"{value:,}"
    return str(Decimal(value).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))


def signed(value: float | None) -> str:
    if value is None:
        return "n/a"
    sign = "+" if value > 0 else "\N{MINUS SIGN}"
    return f"{sign}{shown(abs(value))}" if value else "±0"


# Whether it has settled

#: The page asks a moment after something has moved, so that nothing may be asked for longer than that.
_QUIET = """() => new Promise((settled) => {
    let since = performance.now();
    const look = () => {
        const root = document.documentElement;
        if (root.dataset.asking !== "0") since = performance.now();
        if (performance.now() - since > 160) settled(true);
        else setTimeout(look, 20);
    };
    look();
})"""


def settle(page: Page) -> None:
    """Wait until every question of the page is answered and drawn."""
    page.evaluate(_QUIET)


def move(page: Page, x: float, y: float) -> None:
    """Move the mouse, and wait until the page has drawn what follows from it at once."""
    page.mouse.move(x, y)
    page.evaluate("() => new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn)))")


# Where the page shows them


def split_button(page: Page, name: str) -> Locator:
    """The filter of a split; the table of slices names it, too."""
    return page.get_by_role("region", name="Filters").get_by_role("button", name=name, exact=True)


def tile(page: Page, name: str) -> Locator:
    """The number on a tile."""
    return page.locator(f"[data-figure='{name}'] .number").first


def total(page: Page) -> Locator:
    """How many the gallery shows."""
    return page.locator("[data-figure=gallery-total]")


def suggestions(page: Page) -> Locator:
    return page.get_by_role("listbox", name="Suggestions").get_by_role("option")


def unfold(page: Page, title: str) -> None:
    """Open a part where the screen is so narrow that it is folded."""
    closed = page.get_by_role("button", name=title, exact=True, expanded=False)
    if closed.count():
        closed.click()


def see(page: Page, heading: str) -> Locator:
    """Scroll to a panel, so that it asks for what it shows."""
    unfold(page, heading)
    panel = page.get_by_role("region", name=heading, exact=True)
    panel.scroll_into_view_if_needed()
    return panel


def press(button: Locator) -> None:
    """Click what may lie far down: scroll to it first, and wait until all that comes into sight there is drawn.

    A click scrolls too, and then presses the mouse at once: what is drawn meanwhile might come between.
    """
    button.scroll_into_view_if_needed()
    settle(button.page)
    button.click()


# Data of one's own


def box(name: str, at: int, confidence: float | None = None) -> dict[str, Any]:
    """One of a row of boxes that do not touch each other."""
    found: dict[str, Any] = {"type": "bbox", "id": str(at), "feature": name, "bbox": [20 * at, 0, 10, 10]}
    return found if confidence is None else found | {"confidence": confidence}


def upload(http: httpx.Client, route: str, lines: bytes | str) -> None:
    answer = http.post(route, content=lines).raise_for_status().json()
    assert answer["rejected"] == 0, answer


def wait_until_matched(http: httpx.Client, dataset: str, run: str) -> None:
    while http.get(f"/v1/datasets/{dataset}/runs/{run}/progress").raise_for_status().json()["pending"]:
        time.sleep(0.05)


def send(
    http: httpx.Client,
    dataset: str,
    annotations: dict[str, list[dict[str, Any]]],
    predictions: dict[str, list[dict[str, Any]]],
    run: str = "one",
) -> None:
    """Upload the objects of some data rows, and wait until they are matched."""
    sides = (("annotations", annotations, "annotations"), ("predictions", predictions, f"runs/{run}/predictions"))
    for side, objects, route in sides:
        lines = [json.dumps({"data_row": row, "operation": "replace", side: own}) for row, own in objects.items()]
        upload(http, f"/v1/datasets/{dataset}/{route}", "\n".join(lines))
    wait_until_matched(http, dataset, run)


#: By dataset, what sends one that stays as it is: all of them are sent before the first test, for whatever is written
#: makes the service read anew what it has been asked about before.
STAYING: Final[dict[str, Callable[[httpx.Client], None]]] = {}


def stays(dataset: str) -> Callable[[Callable[[httpx.Client, str], None]], str]:
    """Have a dataset sent before the first test, by the function that this stands on; give its name."""

    def keep(feed: Callable[[httpx.Client, str], None]) -> str:
        STAYING[dataset] = lambda http: feed(http, dataset)
        return dataset

    return keep


def send_broken(http: httpx.Client, dataset: str = "x-broken") -> None:
    """A data row that cannot be matched, for masks of one row must be of one size; and one that can."""
    mask = {"type": "mask", "id": "1", "feature": "ink"}
    annotation = mask | {"mask": {"size": [4, 4], "counts": [0, 16]}}
    prediction = mask | {"mask": {"size": [5, 5], "counts": [0, 25]}, "confidence": 0.9}
    send(
        http,
        dataset,
        {"bad": [annotation], "good": [box("ink", 0)]},
        {"bad": [prediction], "good": [box("ink", 0, 0.9)]},
    )
