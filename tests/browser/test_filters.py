"""What narrows the page: splits, classes, metadata, levels of the hierarchy, and slices that hold them."""

from __future__ import annotations

import re

import httpx
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Screen
from tests.browser.helpers import box, send, shown, split_button, stays, suggestions, tile, total
from tests.conftest import DEMO_SCENES


def test_splits_and_metadata_narrow_everything(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm")
    split_button(page, "test").click()
    field = page.get_by_label("Filter rows by metadata")
    field.fill("noise>=0.09")
    field.press("Enter")
    expected = screen.headline(split="test", metadata="noise>=0.09")
    assert 0 < expected["rows"] < DEMO_SCENES
    expect(tile(page, "Rows")).to_have_text(shown(expected["rows"]))
    expect(tile(page, "TP")).to_have_text(shown(expected["tp"]))
    expect(total(page)).to_have_text(str(expected["rows"]))


def test_classes_metadata_keys_and_their_values_are_completed(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm")
    page.get_by_label("Show only a class").click()
    expect(suggestions(page).filter(has_text="sharpness")).to_have_text(f"sharpnessquestion · {DEMO_SCENES}")
    # What is not counted is not offered.
    offered = {text.partition("\n")[0] for text in suggestions(page).all_inner_texts()}
    cells = screen.ask("confusion-matrix", confidence=0)["cells"]
    assert offered == {cell["actual"].partition("=")[0] for cell in cells if cell["actual"]}
    page.keyboard.press("Escape")
    field = page.get_by_label("Filter rows by metadata")
    field.fill("surf")
    field.press("ArrowDown")
    field.press("Enter")
    words = screen.ask("metadata", key="surface")["values"]
    assert len(words) > 1
    options = suggestions(page)
    expect(options).to_have_text([f"surface={word['value']}{word['rows']}" for word in words])
    # The service searches: there may be more values than are offered at once.
    part = words[1]["value"][1:]
    field.fill(f"surface={part.upper()}")
    expect(options).to_have_text([f"surface={word['value']}{word['rows']}" for word in words if part in word["value"]])
    options.first.click()
    expect(tile(page, "Rows")).to_have_text(shown(words[1]["rows"]))
    expect(page.get_by_role("listbox", name="Suggestions")).to_have_count(0)
    # Numbers have a range instead.
    field.fill("noise")
    values = [float(row["metadata"]["noise"]) for row in screen.ask("rows", limit=500)["rows"]]
    expect(page.get_by_text(f"from {min(values):g} to {max(values):g}")).to_be_visible()
    suggestions(page).get_by_text("noise>=").click()
    expect(field).to_have_value("noise>=")
    field.press("Enter")
    expect(page.get_by_text("And which value?")).to_be_visible()
    field.fill("mood=good")
    field.press("Enter")
    expect(page.get_by_text("No row has mood.")).to_be_visible()
    assert page.get_by_role("button", name="Remove filter").count() == 1


def test_a_class_is_found_among_thousands(screen: Screen, http: httpx.Client, many: str) -> None:
    page = screen.open(d=many, a="one")
    used = http.get(f"/v1/datasets/{many}/classes", params={"search": "species 00", "run": "one"}).json()["classes"]
    name = next(one["name"] for one in used if one["annotations"])
    field = page.get_by_label("Show only a class")
    field.fill(name.upper())
    expect(suggestions(page)).to_have_count(1)
    field.press("Enter")
    expect(page.get_by_role("button", name=f"Remove filter class {name}")).to_be_visible()
    expected = screen.headline(dataset=many, run="one", feature=name)
    expect(tile(page, "FP")).to_have_text(shown(expected["fp"]))
    page.get_by_role("button", name=f"Remove filter class {name}").click()
    expect(tile(page, "FP")).to_have_text(shown(screen.headline(dataset=many, run="one")["fp"]))


def test_a_slice_is_kept_and_a_link_holds_it(screen: Screen, browser: Browser) -> None:
    page = screen.open(d="digits", a="svm")
    everything = screen.figure("TP")
    split_button(page, "test").click()
    page.get_by_role("button", name="Slices", exact=True).click()
    page.get_by_label("Name of the slice").fill("noisy nights")
    page.get_by_role("button", name="Keep this filter").click()
    page.keyboard.press("Escape")
    expected = shown(screen.headline(split="test")["tp"])
    expect(tile(page, "TP")).to_have_text(expected)
    link = page.url
    page.get_by_role("button", name="all splits").click()
    expect(tile(page, "TP")).to_have_text(everything)
    page.get_by_role("button", name="Slice: noisy nights, changed").click()
    page.get_by_role("dialog").get_by_role("button", name=re.compile("^noisy nights")).click()
    expect(tile(page, "TP")).to_have_text(expected)

    # Somebody else, who has not got it.
    context = browser.new_context()
    theirs = context.new_page()
    theirs.goto(link)
    expect(tile(theirs, "TP")).to_have_text(expected)
    theirs.get_by_role("button", name="Slice: noisy nights").click()
    theirs.get_by_role("button", name="from this link").click()
    expect(theirs.get_by_role("button", name="Delete slice noisy nights")).to_be_visible()
    context.close()


@stays("x-families")
def families(http: httpx.Client, dataset: str) -> None:
    kinds = [("animal", None), ("dog", "animal"), ("cat", "animal"), ("poodle", "dog"), ("car", None)]
    classes = [{"name": name} | ({"parent": parent} if parent else {}) for name, parent in kinds]
    http.put(f"/v1/datasets/{dataset}/ontology", json={"classes": classes}).raise_for_status()
    send(
        http,
        dataset,
        {"r": [box(name, at) for at, name in enumerate(["poodle", "dog", "cat", "car"])]},
        {"r": [box(name, at, 0.9) for at, name in enumerate(["dog", "cat", "cat", "car"])]},
    )


def test_classes_roll_up(screen: Screen) -> None:
    page = screen.open(d=families, a="one")
    expect(tile(page, "TP")).to_have_text("2")
    page.get_by_label("Level of classes").select_option("1")
    expected = screen.headline(dataset=families, run="one", roll_up=1)
    assert expected["tp"] == 4
    expect(tile(page, "TP")).to_have_text("4")
    expect(page.get_by_role("button", name="animal, correct: 3", exact=True)).to_be_visible()
    page.get_by_role("button", name="Remove filter classes at level 1").click()
    expect(tile(page, "TP")).to_have_text("2")
