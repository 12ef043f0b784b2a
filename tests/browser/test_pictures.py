"""Pictures: with an API key, where there are none, and where only longitudes and latitudes are known."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import httpx
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Screen
from tests.browser.helpers import PATIENCE, press, stays, upload, wait_until_matched
from tests.faults.service import Service

LONG = "a-survey-of-the-harbour-with-a-name-that-is-longer-than-a-card/tile-000123.png"


def send_row(http: httpx.Client, dataset: str, name: str, **facts: object) -> None:
    """A data row with one square that is found and one that is not."""
    square = {"type": "polygon", "polygon": [[[13.401, 52.511], [13.405, 52.511], [13.405, 52.513], [13.401, 52.513]]]}
    other = {"type": "polygon", "polygon": [[[13.407, 52.516], [13.409, 52.516], [13.409, 52.519], [13.407, 52.519]]]}
    event = {"data_row": name, "operation": "replace"}
    annotations = [square | {"id": "a", "feature": "quay"}, other | {"id": "b", "feature": "shed"}]
    predictions = [square | {"id": "1", "feature": "quay", "confidence": 0.9}]
    upload(http, f"/v1/datasets/{dataset}/annotations", json.dumps(event | {"row": facts, "annotations": annotations}))
    upload(http, f"/v1/datasets/{dataset}/runs/one/predictions", json.dumps(event | {"predictions": predictions}))
    wait_until_matched(http, dataset, "one")


def test_pictures_are_fetched_with_the_key_and_forgotten(
    browser: Browser, guarded: Service, writing: httpx.Client
) -> None:
    for name in ("here", "gone"):
        send_row(writing, "x-guarded", name, width=64, height=48, media_url=f"/media/{name}.png")
    context = browser.new_context()
    context.add_init_script(
        "const revoke = URL.revokeObjectURL; window.revoked = [];"
        "URL.revokeObjectURL = (url) => { window.revoked.push(url); revoke.call(URL, url); };"
    )
    page = context.new_page()
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(urlsplit(request.url).path))
    page.goto(f"{guarded.url}/?d=x-guarded")
    page.get_by_label("API key", exact=True).fill("reader", timeout=PATIENCE)
    page.get_by_role("button", name="Use key").click()
    card = page.locator("[data-item=here]")
    card.scroll_into_view_if_needed(timeout=PATIENCE)
    picture = card.locator("image")
    href = str(picture.get_attribute("href"))
    assert href.startswith("blob:")
    assert picture.evaluate("async (own) => { const i = new Image(); i.src = own.href.baseVal; await i.decode();"
                            " return [i.naturalWidth, i.naturalHeight]; }") == [64, 48]  # fmt: skip
    # What is not there leaves a sign on its card, and its address above the cards.
    gone = page.locator("[data-item=gone]")
    expect(gone.locator("[data-lost='/media/gone.png']")).to_be_visible()
    expect(gone.locator("image")).to_have_count(0)
    expect(page.locator("[data-figure=lost-pictures]")).to_have_text("The picture could not be loaded: /media/gone.png")
    expect(card.locator("[data-lost]")).to_have_count(0)
    press(page.get_by_role("button", name="Objects", exact=True))
    expect(page.locator("[data-item='here prediction 1'] image")).to_be_attached()
    assert href in page.evaluate("window.revoked")
    # However many cards show it, it is fetched once.
    expect(page.locator("[data-item^='here '] image")).to_have_count(2)
    assert fetched.count("/media/here.png") == 1
    context.close()


@stays("x-coast")
def coast(http: httpx.Client, dataset: str) -> None:
    send_row(http, dataset, LONG, width=64, height=48, coordinates="lonlat")


def test_rows_in_degrees_have_lines_of_longitude_and_latitude(screen: Screen) -> None:
    page = screen.open(d=coast, a="one", row=LONG)
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Drawn by longitude and latitude, north up")
    expect(dialog.locator("svg [data-label]").first).to_be_attached()
    labels = dialog.locator("svg g text").all_text_contents()
    assert {"13.402°E", "13.404°E", "52.512°N", "52.514°N"} <= set(labels)
    # North is up: the line of the greater latitude is the higher one.
    lower, higher = (dialog.get_by_text(text, exact=True).bounding_box() for text in ("52.512°N", "52.514°N"))
    assert lower is not None
    assert higher is not None
    assert higher["y"] < lower["y"]


def test_a_long_name_is_cut_in_its_middle(screen: Screen) -> None:
    page = screen.open(d=coast, a="one")
    card = page.locator("[data-item]").first
    card.scroll_into_view_if_needed()
    start, end = card.locator(f"[title='{LONG}'] > span").all()
    assert start.evaluate("(own) => own.scrollWidth > own.clientWidth")
    expect(end).to_have_text("23.png")
    place, whole = end.bounding_box(), card.bounding_box()
    assert place is not None
    assert whole is not None
    assert place["x"] + place["width"] <= whole["x"] + whole["width"]
