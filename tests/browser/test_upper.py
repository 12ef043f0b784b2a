"""The upper half of the page: header, thresholds, filters, tiles, confusion matrix, curves."""

from __future__ import annotations

import csv
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from evalstream_query.page import PAGE
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import SCENES, Screen
from tests.faults.service import Service, running

PATIENCE = 20_000
MANY_CLASSES = 3_000


def shown(value: float | None) -> str:
    return "n/a" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:.4f}"


def signed(value: float) -> str:
    text = f"{abs(value):,}" if isinstance(value, int) else f"{abs(value):.4f}"
    return f"+{text}" if value > 0 else f"\N{MINUS SIGN}{text}" if value < 0 else f"±{0}"


def tile(page: Page, name: str) -> Locator:
    return page.locator(f"[data-figure='{name}'] .number").first


def suggestions(page: Page) -> Locator:
    return page.get_by_role("listbox", name="Suggestions").get_by_role("option")


def box(name: str, at: int, confidence: float | None = None) -> dict[str, Any]:
    """One of a row of boxes that do not touch each other."""
    found: dict[str, Any] = {"type": "bbox", "id": str(at), "feature": name, "bbox": [20 * at, 0, 10, 10]}
    return found if confidence is None else found | {"confidence": confidence}


def send(
    http: httpx.Client,
    dataset: str,
    annotations: dict[str, list[dict[str, Any]]],
    predictions: dict[str, list[dict[str, Any]]],
    run: str = "one",
) -> None:
    """Upload, and wait until everything is matched."""
    base = f"/v1/datasets/{dataset}"
    sides = (("annotations", annotations, "annotations"), ("predictions", predictions, f"runs/{run}/predictions"))
    for side, objects, route in sides:
        lines = [json.dumps({"data_row": row, "operation": "replace", side: own}) for row, own in objects.items()]
        assert http.post(f"{base}/{route}", content="\n".join(lines)).raise_for_status().json()["rejected"] == 0
    while http.get(f"{base}/runs/{run}/progress").json()["pending"]:
        time.sleep(0.05)


BROKEN: dict[str, list[dict[str, Any]]] = {  # masks of one row must be of one size
    "annotations": [{"type": "mask", "id": "1", "feature": "ink", "mask": {"size": [4, 4], "counts": [0, 16]}}],
    "predictions": [
        {"type": "mask", "id": "1", "feature": "ink", "confidence": 0.9, "mask": {"size": [5, 5], "counts": [0, 25]}}
    ],
}


def send_broken(http: httpx.Client) -> None:
    send(
        http,
        "x-broken",
        {"bad": BROKEN["annotations"], "good": [box("ink", 0)]},
        {"bad": BROKEN["predictions"], "good": [box("ink", 0, 0.9)]},
    )


@pytest.fixture(scope="module")
def more(service: Service) -> Iterator[httpx.Client]:
    """Data sets of our own beside the demo's: with a hierarchy, with thousands of classes, with a row that fails."""
    with httpx.Client(base_url=service.url, timeout=120) as http:
        kinds = [("animal", None), ("dog", "animal"), ("cat", "animal"), ("poodle", "dog"), ("car", None)]
        classes = [{"name": name} | ({"parent": parent} if parent else {}) for name, parent in kinds]
        http.put("/v1/datasets/x-families/ontology", json={"classes": classes}).raise_for_status()
        truth = ["poodle", "dog", "cat", "car"]
        said = ["dog", "cat", "cat", "car"]
        send(
            http,
            "x-families",
            {"r": [box(name, at) for at, name in enumerate(truth)]},
            {"r": [box(name, at, 0.9) for at, name in enumerate(said)]},
        )
        rng = np.random.default_rng(5)
        names = [f"species {i:04}" for i in range(MANY_CLASSES)]
        annotations, predictions = {}, {}
        for row in range(120):
            own = rng.integers(0, MANY_CLASSES, 60)
            found = np.where(rng.random(60) < 0.6, own, rng.integers(0, 40, 60))
            annotations[f"r{row}"] = [box(names[one], at) for at, one in enumerate(own)]
            predictions[f"r{row}"] = [box(names[one], at, 0.9) for at, one in enumerate(found)]
        send(http, "x-many", annotations, predictions)
        send_broken(http)
        yield http


# Header


def test_the_policys_meaning_shows_on_focus_and_on_hover(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm", p="coco")
    page.get_by_label("Policy").focus()
    expect(page.get_by_role("tooltip")).to_contain_text("pycocotools")
    page.get_by_label("Confidence threshold, exactly").focus()
    expect(page.get_by_role("tooltip")).to_have_count(0)
    page.get_by_label("Policy").hover()
    expect(page.get_by_role("tooltip")).to_contain_text("most confident first")


def test_freshness_says_what_is_pending(screen: Screen) -> None:
    answer = {"rows": 1400, "done": 1395, "pending": 3, "failed": 2, "state": "running"}
    screen.page.route("**/progress", lambda route: route.fulfill(json=answer))
    page = screen.open(d="digits", a="svm")
    expect(page.get_by_text("1,400 rows · 3 pending · 2 failed")).to_be_visible()
    expect(page.get_by_role("button", name="Retry")).to_be_visible()


def test_rows_that_failed_are_tried_again(screen: Screen, more: httpx.Client) -> None:
    page = screen.open(d="x-broken", a="one")
    progress = screen.ask("progress", dataset="x-broken", run="one", confidence=None, iou=None)
    assert (progress["rows"], progress["failed"]) == (2, 1)
    expect(page.get_by_text("2 rows · 1 failed")).to_be_visible()
    expect(page.locator("[data-figure=notes]")).to_contain_text("1 data row could not be matched")
    with page.expect_response("**/v1/reconcile") as answer:
        page.get_by_role("button", name="Retry").click()
    assert answer.value.ok
    assert json.loads(answer.value.request.post_data or "") == {"dataset": "x-broken", "which": "failed"}
    # Mended, it is counted; and the page says so by itself.
    send(more, "x-broken", {"bad": [box("ink", 0)]}, {"bad": [box("ink", 0, 0.8)]})
    try:
        expect(page.get_by_role("button", name="Retry")).to_have_count(0, timeout=PATIENCE)
        expect(tile(page, "Rows")).to_have_text("2", timeout=PATIENCE)
    finally:
        send_broken(more)


def test_figures_follow_while_events_arrive(screen: Screen, more: httpx.Client) -> None:
    send(more, "x-live", {"r1": [box("dog", 0)]}, {"r1": [box("dog", 0, 0.9)]})
    page = screen.open(d="x-live", a="one")
    expect(tile(page, "TP")).to_have_text("1")
    send(more, "x-live", {"r2": [box("dog", 0), box("cat", 1)]}, {"r2": [box("dog", 0, 0.9)]})
    expect(tile(page, "Rows")).to_have_text("2", timeout=PATIENCE)
    expect(tile(page, "TP")).to_have_text("2")
    expect(tile(page, "FN")).to_have_text("1")
    expect(page.get_by_role("button", name="cat, missed: 1", exact=True)).to_be_visible()
    # An edit that leaves the number of rows as it is, shows too.
    send(more, "x-live", {}, {"r2": [box("dog", 0, 0.9), box("cat", 1, 0.9)]})
    expect(tile(page, "TP")).to_have_text("3", timeout=PATIENCE)


def downloaded(page: Page, name: str, folder: Path) -> str:
    page.get_by_role("button", name=re.compile("^Export")).click()
    with page.expect_download() as download:
        page.get_by_role("button", name=name).click()
    page.keyboard.press("Escape")
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path.read_text(encoding="utf-8")


def test_exports_hold_what_the_api_says(screen: Screen, tmp_path: Path) -> None:
    page = screen.open(d="digits", a="svm", c=0.4, split="test")
    query: dict[str, Any] = {"confidence": 0.4, "split": "test"}

    classes = screen.ask("classes", **query)["classes"]
    lines = list(csv.DictReader(downloaded(page, "Classes, CSV", tmp_path).splitlines()))
    assert [line["label"] for line in lines] == [one["label"] for one in classes]
    for name in ("tp", "fp", "precision", "mean_iou"):
        assert [float(line[name]) if line[name] else None for line in lines] == [one[name] for one in classes]
    assert any(one["mean_iou"] is None for one in classes)  # an empty field, and not 0

    rows = screen.ask("rows", limit=500, **query)["rows"]
    lines = list(csv.DictReader(downloaded(page, "Labels, CSV", tmp_path).splitlines()))
    assert len(lines) == sum(len(row["annotations"]) + len(row["predictions"]) for row in rows)
    counted = [line for line in lines if line["side"] == "prediction" and line["outcome"] == "tp"]
    assert len(counted) == screen.ask("summary", **query)["tp"] > 0
    one = rows[0]["predictions"][0]
    line = next(line for line in lines if line["data_row"] == rows[0]["data_row"] and line["side"] == "prediction")
    assert (line["id"], line["label"], float(line["confidence"])) == (one["id"], one["label"], one["confidence"])

    figures = json.loads(downloaded(page, "Figures, JSON", tmp_path))
    answers = {one["question"]: one for one in figures["answers"]}
    assert answers["summary"]["answer"] == screen.ask("summary", **query)
    assert answers["summary"]["query"]["confidence"] == figures["view"]["c"] == 0.4
    assert {"average-precision", "confusion-matrix", "classes", "pr-curve"} <= answers.keys()


def test_the_theme_is_remembered(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_role("button", name="Use dark colours").click()
    dark = page.evaluate(ground)
    assert dark != light
    page.reload()
    expect(page.get_by_role("button", name="Use light colours")).to_be_visible()
    assert page.evaluate(ground) == dark


def test_an_api_key_is_asked_for_and_kept(browser: Browser, tmp_path: Path) -> None:
    keys = "reader=read,writer=read+write"
    with running(tmp_path, EVALSTREAM_API_KEYS=keys, EVALSTREAM_PAGE=str(PAGE)) as service:
        with httpx.Client(base_url=service.url, headers={"Authorization": "Bearer writer"}, timeout=60) as http:
            send_broken(http)
        context = browser.new_context()
        page = context.new_page()
        page.goto(service.url)
        expect(page.get_by_role("alert")).to_contain_text("This service wants an API key.", timeout=PATIENCE)

        def give(key: str) -> None:
            page.get_by_label("API key", exact=True).fill(key)
            page.get_by_role("button", name="Use key").click()

        give("guess")
        expect(page.get_by_role("alert")).to_contain_text("this API key is not known")
        give("reader")
        expect(tile(page, "TP")).to_have_text("1", timeout=PATIENCE)
        page.reload()  # kept as long as the tab
        expect(tile(page, "TP")).to_have_text("1", timeout=PATIENCE)
        page.get_by_role("button", name="Retry").click()
        page.get_by_role("button", name="Why not?").click()
        expect(page.get_by_role("dialog")).to_contain_text("does not have the scope `write`")
        give("writer")
        with page.expect_response("**/v1/reconcile") as answer:
            page.get_by_role("button", name="Retry").click()
        assert answer.value.status == 200
        page.get_by_role("button", name="API key in use").click()
        page.get_by_role("button", name="Forget this key").click()
        expect(page.get_by_role("alert").first).to_contain_text("This service wants an API key.")
        context.close()


# Thresholds


def test_a_drag_is_followed_and_is_one_step_back(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm", c=0.3)
    before = screen.figure("TP")
    thumb = page.get_by_role("slider", name="Confidence threshold")
    place = thumb.bounding_box()
    assert place
    x, y = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(1, 9):
        page.mouse.move(x + 8 * step, y)
        page.wait_for_timeout(60)
    # It is followed before it is let go.
    expect(tile(page, "TP")).not_to_have_text(before)
    page.mouse.up()
    confidence = float(thumb.get_attribute("aria-valuenow") or "nan")
    assert confidence > 0.5
    expect(tile(page, "TP")).to_have_text(shown(screen.ask("summary", confidence=confidence)["tp"]))
    page.go_back()
    expect(tile(page, "TP")).to_have_text(before)
    expect(page.get_by_label("Confidence threshold, exactly")).to_have_value("0.3")


def test_presets_set_a_threshold_and_can_be_changed(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm")
    page.get_by_role("button", name="Confidence values to choose from").click()
    dialog = page.get_by_role("dialog")
    assert dialog.get_by_role("button", pressed=True).all_inner_texts() == ["0.5"]
    dialog.get_by_role("button", name="0.8", exact=True).click()
    expect(tile(page, "TP")).to_have_text(shown(screen.ask("summary", confidence=0.8)["tp"]))
    dialog.get_by_role("button", name="Edit").click()
    dialog.get_by_label("Value 1", exact=True).fill("0.4")
    dialog.get_by_label("Value 11").fill("0.6")
    dialog.get_by_role("button", name="Spread evenly").click()
    expect(dialog.get_by_label("Value 3")).to_have_value("0.44")
    dialog.get_by_label("Value 3").fill("1.5")
    expect(dialog.get_by_role("button", name="Save")).to_be_disabled()
    dialog.get_by_label("Value 3").fill("0.4375")
    dialog.get_by_role("button", name="Save").click()
    dialog.get_by_role("button", name="0.4375").click()
    expect(tile(page, "TP")).to_have_text(shown(screen.ask("summary", confidence=0.4375)["tp"]))
    page.reload()
    page.get_by_role("button", name="Confidence values to choose from").click()
    expect(page.get_by_role("dialog").get_by_role("button", name="0.4375")).to_be_visible()


@pytest.mark.parametrize(("kept", "best"), [("recall", "best_precision"), ("precision", "best_recall")])
def test_a_threshold_for_at_least_so_much(screen: Screen, kept: str, best: str) -> None:
    page = screen.open(d="digits", a="svm")
    page.get_by_role("button", name="At least…").click()
    field = page.get_by_label(f"{kept.capitalize()} at least")
    wanted = {"recall": 0.7, "precision": 0.92}[kept]
    at_least: dict[str, Any] = {kept: wanted}
    field.fill("1.2")
    expect(page.get_by_role("dialog")).to_contain_text("A number from 0 to 1.")
    field.fill(str(wanted))
    choice = screen.ask("thresholds", confidence=0, per_class=False, **at_least)["overall"][best]
    expect(page.get_by_role("dialog")).to_contain_text(f"Confidence {choice['confidence']:.4f}")
    field.press("Enter")
    expect(page.get_by_label("Confidence threshold, exactly")).to_have_value(str(choice["confidence"]))
    expect(tile(page, "TP")).to_have_text(shown(choice["tp"]))
    assert choice[kept] >= wanted


# Tiles


def test_tiles_have_intervals_and_say_what_is_significant(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm", b="logreg")
    found = screen.ask("intervals", group=["counts", "average_precision"], versus="logreg")["figures"]
    by_name = {one["figure"]: one for one in found}
    names = {"Precision": "precision", "Recall": "recall", "F1": "f1", "mAP": "ap", "Mean IoU": "mean_iou"}
    for name, figure in names.items():
        one = by_name[figure]
        interval = page.locator(f"[data-interval='{name}']")
        expect(interval).to_have_text(f"{one['low']:.3f} \N{EN DASH} {one['high']:.3f}", timeout=PATIENCE)
        verdict = page.locator(f"[data-figure='{name}'] [data-significant]")
        assert verdict.get_attribute("data-significant") == str(one["difference"]["significant"]).lower()
    page.locator("[data-figure=Recall]").focus()
    difference = by_name["recall"]["difference"]
    hint = page.get_by_role("tooltip")
    expect(hint).to_contain_text(f"over the {SCENES} data rows of both: {signed(difference['value'])}")
    expect(hint).to_contain_text(f"{signed(difference['low'])} to {signed(difference['high'])}; significant")


def test_what_is_not_defined_is_na_with_its_reason(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm", c=1)
    summary = screen.ask("summary", confidence=1)
    assert summary["precision"] is None
    for name, figure in (("Precision", "precision"), ("Mean IoU", "mean_iou")):
        expect(tile(page, name)).to_have_text("n/a")
        page.locator(f"[data-figure='{name}']").focus()
        expect(page.get_by_role("tooltip")).to_contain_text(f"n/a: {summary['undefined'][figure]}")
    expect(tile(page, "Recall")).to_have_text("0.0000")


# Filters


def test_metadata_keys_and_values_are_completed(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm")
    field = page.get_by_label("Filter rows by metadata")
    field.fill("surf")
    field.press("ArrowDown")
    field.press("Enter")
    words = {row["metadata"]["surface"] for row in screen.ask("rows", limit=500)["rows"]}
    options = suggestions(page)
    expect(options).to_have_text(sorted(f"surface={word}" for word in words))
    options.first.click()
    expected = screen.ask("summary", metadata=f"surface={min(words)}")
    expect(tile(page, "Rows")).to_have_text(shown(expected["rows"]))
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


def test_a_class_is_found_among_thousands(screen: Screen, more: httpx.Client) -> None:
    page = screen.open(d="x-many", a="one")
    used = more.get("/v1/datasets/x-many/classes", params={"search": "species 00", "run": "one"}).json()["classes"]
    name = next(one["name"] for one in used if one["annotations"])
    field = page.get_by_label("Show only a class")
    field.fill(name.upper())
    expect(suggestions(page)).to_have_count(1)
    field.press("Enter")
    expect(page.get_by_role("button", name=f"Remove filter class {name}")).to_be_visible()
    expected = screen.ask("summary", dataset="x-many", run="one", feature=name)
    expect(tile(page, "FP")).to_have_text(shown(expected["fp"]))
    page.get_by_role("button", name=f"Remove filter class {name}").click()
    expect(tile(page, "FP")).to_have_text(shown(screen.ask("summary", dataset="x-many", run="one")["fp"]))


def test_a_slice_is_kept_and_a_link_holds_it(screen: Screen, browser: Browser) -> None:
    page = screen.open(d="digits", a="svm")
    everything = screen.figure("TP")
    page.get_by_role("button", name="test", exact=True).click()
    page.get_by_role("button", name="Slices", exact=True).click()
    page.get_by_label("Name of the slice").fill("noisy nights")
    page.get_by_role("button", name="Keep this filter").click()
    page.keyboard.press("Escape")
    expected = shown(screen.ask("summary", split="test")["tp"])
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
    expect(tile(theirs, "TP")).to_have_text(expected, timeout=PATIENCE)
    theirs.get_by_role("button", name="Slice: noisy nights").click()
    theirs.get_by_role("button", name="from this link").click()
    expect(theirs.get_by_role("button", name="Delete slice noisy nights")).to_be_visible()
    context.close()


def test_classes_roll_up(screen: Screen, more: httpx.Client) -> None:
    page = screen.open(d="x-families", a="one")
    expect(tile(page, "TP")).to_have_text("2")
    page.get_by_label("Level of classes").select_option("1")
    expected = screen.ask("summary", dataset="x-families", run="one", roll_up=1)
    assert expected["tp"] == 4
    expect(tile(page, "TP")).to_have_text("4")
    expect(page.get_by_role("button", name="animal, right: 3", exact=True)).to_be_visible()
    page.get_by_role("button", name="Remove filter classes at level 1").click()
    expect(tile(page, "TP")).to_have_text("2")


# Confusion matrix


def matrix(page: Page) -> Locator:
    return page.locator("section[aria-labelledby=confusion]")


def row_labels(page: Page) -> list[str]:
    return matrix(page).locator("tbody th[scope=row]").all_inner_texts()[1:-1]  # less `false alarm` and `all`


def test_classes_stand_in_the_order_asked_for(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm")
    answer = screen.ask("confusion-matrix")
    wrong = [one for one in answer["cells"] if one["actual"] != one["predicted"]]
    errors = {
        name: sum(one["count"] for one in wrong if name in (one["actual"], one["predicted"]))
        for name in answer["labels"]
    }
    expect(matrix(page).locator("table")).to_be_visible()
    assert [errors[name] for name in row_labels(page)] == sorted(errors.values(), reverse=True)[:12]
    order = page.get_by_label("Order of classes")
    order.select_option("name")
    expect(matrix(page).locator("tbody th").nth(1)).to_have_text(min(answer["labels"]))
    assert row_labels(page) == sorted(answer["labels"])[:12]
    order.select_option("count")
    sums = [answer["actual_sums"][name] for name in row_labels(page)]
    assert sums == sorted(answer["actual_sums"].values(), reverse=True)[:12]
    page.get_by_label("Find a class in the confusion matrix").fill("SE")
    expect(matrix(page).locator("tbody th[scope=row]")).to_have_text(["false alarm", "seven", "all"])
    assert "find=SE" in page.url
    page.get_by_label("Find a class in the confusion matrix").fill("nothing like it")
    expect(matrix(page)).to_contain_text("No such class.")


def test_cells_are_counts_or_shares(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm")
    answer = screen.ask("confusion-matrix")
    cell = next(one for one in answer["cells"] if one["actual"] == "eight" and one["predicted"] == "eight")
    button = page.get_by_role("button", name=re.compile(f"^eight, right: {cell['count']}"))
    expect(button).to_have_text(str(cell["count"]))
    for unit, sums in (("row", "actual_sums"), ("column", "predicted_sums")):
        page.get_by_label("What the cells say").select_option(unit)
        expect(button).to_have_text(f"{100 * cell['count'] / answer[sums]['eight']:.1f}")
    page.get_by_label("What the cells say").select_option("count")
    missed = next(one for one in answer["cells"] if one["actual"] == "eight" and one["predicted"] is None)
    small = page.get_by_role("button", name=f"eight, missed: {missed['count']}", exact=True)
    colour = "element => getComputedStyle(element).backgroundColor"
    logarithmic = small.evaluate(colour)
    page.get_by_role("button", name="log", exact=True).click()
    assert small.evaluate(colour) != logarithmic
    assert "shade=linear" in page.url


def test_sums_of_the_matrix_are_the_objects(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm")
    answer = screen.ask("confusion-matrix")
    for name in row_labels(page):
        expect(matrix(page).locator(f"[data-sum-of-actual='{name}']")).to_have_text(shown(answer["actual_sums"][name]))
        predicted = matrix(page).locator(f"[data-sum-of-predicted='{name}']")
        expect(predicted).to_have_text(shown(answer["predicted_sums"][name]))


def test_one_run_less_the_other(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm", b="logreg")
    page.get_by_role("button", name="A \N{MINUS SIGN} B").click()
    own, their = (screen.ask("confusion-matrix", run=run) for run in ("svm", "logreg"))
    mine, theirs = (
        {(one["actual"], one["predicted"]): one["count"] for one in answer["cells"]} for answer in (own, their)
    )
    for name in ("eight", "one"):
        for pair, said in (((name, name), f"{name}, right"), ((name, None), f"{name}, missed")):
            a, b = mine.get(pair, 0), theirs.get(pair, 0)
            button = page.get_by_role("button", name=f"{said}: {a} less {b} is {signed(a - b)}", exact=True)
            expect(button).to_have_text(signed(a - b).replace("±", ""))
            assert button.get_attribute("data-kind") == ("fewer" if a < b else "more")
        total = own["predicted_sums"][name] - their["predicted_sums"][name]
        expect(matrix(page).locator(f"[data-sum-of-predicted='{name}']")).to_have_text(signed(total))
        cells = matrix(page).locator(f"tbody tr:has([data-sum-of-actual='{name}']) button").all_inner_texts()
        changes = [int(text.replace("\N{MINUS SIGN}", "-").replace(",", "")) for text in cells]
        assert sum(changes) == own["actual_sums"][name] - their["actual_sums"][name]
    page.go_back()
    expect(page.get_by_role("button", name=f"eight, right: {mine['eight', 'eight']}", exact=True)).to_be_visible()


def test_arrow_keys_lead_through_the_matrix(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm")
    cells = matrix(page).locator("table button")
    assert sum(cells.nth(i).get_attribute("tabindex") == "0" for i in range(cells.count())) == 1
    first = row_labels(page)[0]
    right = page.get_by_role("button", name=re.compile(f"^{first}, right"))
    right.focus()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("button", name=re.compile(f"^{first}, missed"))).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name=f"Remove filter {first} → missed")).to_be_visible()


def test_thousands_of_classes_are_never_fetched_whole(screen: Screen, more: httpx.Client) -> None:
    asked: list[str] = []
    screen.page.on("request", lambda one: asked.append(one.url) if "/confusion-matrix?" in one.url else None)
    began = time.monotonic()
    page = screen.open(d="x-many", a="one")
    expect(matrix(page).locator("table")).to_be_visible(timeout=PATIENCE)
    assert time.monotonic() - began < 15
    assert len(row_labels(page)) == 12
    query: dict[str, Any] = {"dataset": "x-many", "run": "one"}
    whole = screen.ask("confusion-matrix", limit=100_000, **query)
    assert whole["total"] > 3_000
    assert all("limit=" in url and len(httpx.get(url, timeout=60).json()["cells"]) <= 2_000 for url in asked)
    total = screen.ask("classes", limit=1, **query)["total"]
    expect(matrix(page).locator("[data-figure=matrix-classes]")).to_contain_text(f"12 of {total:,} classes")
    # What is shown is exact all the same.
    name = row_labels(page)[0]
    expect(matrix(page).locator(f"[data-sum-of-actual='{name}']")).to_have_text(shown(whole["actual_sums"][name]))
    assert name < "species 0040"  # those that others are taken for
    missed = next(one for one in whole["cells"] if one["actual"] != one["predicted"] and one["actual"])
    field = page.get_by_label("Find a class in the confusion matrix")
    field.fill(missed["actual"])
    expect(matrix(page).locator("tbody th[scope=row]").nth(1)).to_have_text(missed["actual"])
    field.fill("")
    expect(matrix(page).locator("tbody th[scope=row]")).to_have_count(14)
    matrix(page).get_by_role("button", name="Show more").click()
    expect(matrix(page).locator("tbody th[scope=row]")).to_have_count(26)
    page.get_by_label("Order of classes").select_option("count")
    largest = max(whole["actual_sums"].values())
    expect(matrix(page).locator("[data-sum-of-actual]").nth(1)).to_have_text(shown(largest))


# Curves


def curve_tab(page: Page, name: str) -> Locator:
    return page.get_by_role("group", name="Which curve").get_by_role("button", name=name, exact=True)


def dot(page: Page) -> Locator:
    return page.get_by_role("slider", name="Confidence, on the curve")


def test_the_dot_is_the_present_threshold_on_every_curve(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm", c=0.6)
    curve = screen.ask("pr-curve", confidence=0, max_points=500)["curves"][0]
    at = max(i for i, confidence in enumerate(curve["confidence"]) if confidence >= 0.6)
    expected = f"recall {curve['recall'][at]:.4f}, precision {curve['precision'][at]:.4f}"
    expect(dot(page)).to_have_attribute("aria-valuetext", f"confidence 0.6000, {expected}")
    curve_tab(page, "F1").click()
    said = f"confidence 0.6000, confidence threshold 0.6000, F1 {curve['f1'][at]:.4f}"
    expect(dot(page)).to_have_attribute("aria-valuetext", said)
    assert "curve=f1" in page.url
    curve_tab(page, "ROC").click()
    question = screen.ask("roc-curve", confidence=0)["questions"][0]
    expect(page.get_by_role("combobox", name="Question", exact=True)).to_have_value(question["question"])
    expect(page.get_by_text(f"AUC {question['auc_micro']:.4f}")).to_be_visible()
    roc = screen.ask("roc-curve", confidence=0, max_points=500)["questions"][0]["curves"][0]
    at = max(i for i, score in enumerate(roc["threshold"]) if score is None or score >= 0.6)
    expected = f"false positive rate {roc['fpr'][at]:.4f}, true positive rate {roc['tpr'][at]:.4f}"
    expect(dot(page)).to_have_attribute("aria-valuetext", f"confidence 0.6000, {expected}")
    curve_tab(page, "Calibration").click()
    calibration = screen.ask("calibration", confidence=0, bins=10)
    expect(page.get_by_text(f"calibration error {calibration['ece']:.4f}")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("combobox", name="Question", exact=True)).to_be_visible()


@pytest.mark.parametrize("kind", ["pr", "f1"])
def test_the_dot_is_dragged_along_the_curve(screen: Screen, kind: str) -> None:
    page = screen.open(d="digits", a="svm", c=0.9, curve=kind)
    before = screen.figure("TP")
    place = dot(page).bounding_box()
    assert place
    x, y = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
    step = 12 if kind == "pr" else -18
    page.mouse.move(x, y)
    page.mouse.down()
    for i in range(1, 9):
        page.mouse.move(x + i * step, y)
        page.wait_for_timeout(40)
    page.mouse.up()
    field = page.get_by_label("Confidence threshold, exactly")
    expect(field).not_to_have_value("0.9")
    page.wait_for_timeout(500)  # until the last step of the drag has settled
    confidence = float(field.input_value())
    assert 0.1 < confidence < 0.85
    if kind == "pr":  # it stays on the curve
        assert confidence in screen.ask("pr-curve", confidence=0, max_points=500)["curves"][0]["confidence"]
    expect(tile(page, "TP")).to_have_text(shown(screen.ask("summary", confidence=confidence)["tp"]))
    page.go_back()
    expect(tile(page, "TP")).to_have_text(before)


def test_the_dot_moves_by_keys(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm", c=0.5)
    dot(page).focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_label("Confidence threshold, exactly")).to_have_value("0.51")
    page.keyboard.press("PageDown")
    expect(tile(page, "TP")).to_have_text(shown(screen.ask("summary", confidence=0.41)["tp"]))


def test_a_click_on_the_chart_brings_the_dot_there(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm", curve="f1", c=0.5)
    chart = page.get_by_role("img", name="F1 against confidence threshold")
    size = chart.bounding_box()
    assert size
    x = 46 + 0.25 * (size["width"] - 46 - 16)
    chart.click(position={"x": x, "y": 200})
    expect(page.get_by_label("Confidence threshold, exactly")).to_have_value(re.compile(r"0\.2[45]\d?$"))


def test_classes_have_curves_of_their_own(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm")
    field = page.get_by_label("Add the curve of a class")
    for name in ("eight", "two"):
        field.fill(name)
        with page.expect_request(lambda one: "/pr-curve?" in one.url and "per_class=true" in one.url) as asked:
            suggestions(page).get_by_text(name, exact=True).click()
        assert httpx.URL(asked.value.url).params.get_list("label")[-1] == name
        assert name in [curve["label"] for curve in httpx.get(asked.value.url).json()["curves"]]
    assert "lines=eight" in page.url
    expect(page.get_by_role("button", name="Remove the curve of two")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("button", name="Remove the curve of two")).to_have_count(0)
    page.get_by_role("button", name="Remove the curve of eight").click()
    expect(page.get_by_role("button", name="Remove the curve of eight")).to_have_count(0)


def test_where_there_is_no_roc_it_says_why(screen: Screen) -> None:
    page = screen.open(d="strokes", a="svm", curve="roc")
    expect(page.get_by_text("Detection has no ROC")).to_be_visible()


@pytest.mark.parametrize("width", [1280, 390])
def test_what_opens_stays_on_the_screen(screen: Screen, width: int) -> None:
    page = screen.page
    page.set_viewport_size({"width": width, "height": 900})
    screen.open(d="digits", a="svm", b="logreg")
    for name in ("Export", "Slices", "At least…", "IoU values to choose from"):
        page.get_by_role("button", name=name, exact=True).click()
        place = page.get_by_role("dialog").bounding_box()
        assert place
        assert place["x"] >= 0
        assert place["x"] + place["width"] <= width
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
