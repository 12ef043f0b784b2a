"""The headline figures."""

from __future__ import annotations

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser import zoo
from tests.browser.conftest import Screen
from tests.browser.helpers import OBJECTS, box, press, see, send, settle, shown, signed, stays, tile, total
from tests.conftest import DEMO_SCENES


@pytest.mark.parametrize(
    ("dataset", "run", "policy"),
    # Those that the comparison of two runs is asked of, too: what the service has answered is remembered.
    [("digits", "svm", "coco"), ("strokes", "logreg", "iou-greedy"), ("notes", "tagger", "best-candidate")],
)
def test_the_tiles_say_what_the_api_says(screen: Screen, dataset: str, run: str, policy: str) -> None:
    screen.open(d=dataset, a=run, p=policy, c=0.3, t=0.6)
    query = {"policy": policy, "confidence": 0.3, "iou": 0.6}
    summary = screen.headline(dataset=dataset, run=run, **query)
    names = {"Precision": "precision", "Recall": "recall", "F1": "f1", "Mean IoU": "mean_iou", "TP": "tp", "FP": "fp"}
    assert {name: screen.figure(name) for name in names} == {name: shown(summary[key]) for name, key in names.items()}
    # Of all detections, whatever the threshold.
    average = screen.ask("average-precision", dataset=dataset, run=run, **query | {"confidence": 0})
    assert screen.figure("mAP") == shown(average["ap"])
    beside = screen.page.locator("[data-beside=mAP]")
    expect(beside).to_have_text(f"AP50 {shown(average['ap50'], 3)}AP75 {shown(average['ap75'], 3)}")
    expect(screen.page.locator("[data-figure=mAP]")).to_contain_text(policy)
    assert summary["tp"] > 0


def test_a_second_run_shows_the_difference_its_interval_and_whether_it_is_significant(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm", b="logreg")
    difference = screen.headline()["recall"] - screen.headline(run="logreg")["recall"]
    expect(page.locator("[data-figure=Recall] [data-change]")).to_have_text(signed(difference))
    for name, key in (("Recall", "recall"), ("FP", "fp")):
        theirs = shown(screen.headline(run="logreg")[key])
        expect(page.locator(f"[data-other='{name}']")).to_have_text(f"logreg {theirs}")
    found = [
        *screen.ask("intervals", group="counts", versus="logreg", type=OBJECTS)["figures"],
        *screen.ask("intervals", group="average_precision", versus="logreg", confidence=0)["figures"],
    ]
    by_name = {one["figure"]: one for one in found}
    names = {"Precision": "precision", "Recall": "recall", "F1": "f1", "mAP": "ap", "Mean IoU": "mean_iou"}
    for name, figure in names.items():
        one = by_name[figure]
        interval = page.locator(f"[data-interval='{name}']")
        expect(interval).to_have_text(f"{shown(one['low'], 3)} \N{EN DASH} {shown(one['high'], 3)}")
        verdict = page.locator(f"[data-figure='{name}'] [data-significant]")
        assert verdict.get_attribute("data-significant") == str(one["difference"]["significant"]).lower()
    for name in ("TP", "FP", "FN"):
        one = by_name[name.lower()]
        low, high = (f"{int(bound + 0.5):,}" for bound in (one["low"], one["high"]))
        expect(page.locator(f"[data-interval={name}]")).to_have_text(f"{low} \N{EN DASH} {high}")
    # What stands beside a figure makes its tile no taller than the others.
    edges = [page.locator(f"[data-{part}=mAP]").bounding_box() for part in ("beside", "interval")]
    beside, below = (box["y"] + box["height"] for box in edges if box)
    assert beside <= below + 2
    page.locator("[data-figure=Recall]").focus()
    difference = by_name["recall"]["difference"]
    hint = page.get_by_role("tooltip")
    expect(hint).to_contain_text(f"over the {DEMO_SCENES} data rows of both: {signed(difference['value'])}")
    expect(hint).to_contain_text(f"{signed(difference['low'])} to {signed(difference['high'])}; significant")


def test_what_is_not_defined_is_na_with_its_reason(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm", c=1)
    summary = screen.headline(confidence=1)
    assert summary["precision"] is None
    for name, figure in (("Precision", "precision"), ("Mean IoU", "mean_iou")):
        expect(tile(page, name)).to_have_text("n/a")
        page.locator(f"[data-figure='{name}']").focus()
        expect(page.get_by_role("tooltip")).to_contain_text(f"n/a: {summary['undefined'][figure]}")
    expect(tile(page, "Recall")).to_have_text("0.0000")


@stays("x-parts")
def parts(http: httpx.Client, dataset: str) -> None:
    """Runs that know different data rows of eight. The first one is right on the even rows, the others on all."""
    truth = {f"r{i}": [box("dog", 0), box("cat", 1)] for i in range(8)}
    for run, rows in {"one": range(6), "two": range(4, 8), "last": range(6, 8)}.items():
        found = {f"r{i}": [box("dog", 0, 0.9)] + [box("cat", 1, 0.8)] * (run != "one" or i % 2 == 0) for i in rows}
        send(http, dataset, truth, found, run=run)
        truth = {}


def test_figures_curves_and_histograms_of_two_runs_are_over_the_rows_of_both(screen: Screen) -> None:
    asked: list[str] = []
    screen.hear(lambda request: asked.append(request.url))
    page = screen.open(d=parts, a="one", b="two", hist="confidence")
    expect(page.locator("[data-figure=shared-rows]")).to_have_text(
        "Differences to two are over the 2 data rows of both. 4 of one alone are left out of them."
    )
    # The figure is that of the run; its difference that of the two rows.
    expect(tile(page, "TP")).to_have_text("9")
    difference = screen.ask("comparison", dataset=parts, run="one", versus="two")
    assert (difference["a"]["tp"], difference["b"]["tp"]) == (3, 4)
    expect(page.locator("[data-other=TP]")).to_have_text("two 4")
    for name, key in (("TP", "tp"), ("FN", "fn"), ("Recall", "recall"), ("F1", "f1")):
        change = difference["a"][key] - difference["b"][key]
        expect(page.locator(f"[data-figure={name}] [data-change]")).to_have_text(signed(change))
    expect(page.locator("[data-figure=mAP] [data-change]")).not_to_have_text("±0")
    expect(page.locator("[data-figure=Rows] [data-change]")).to_have_count(0)
    # So are histograms, and curves.
    values = see(page, "Distribution").locator("[data-figure=histogram] td")
    expect(values.first).to_be_attached()
    settle(page)
    counts = [int(text) for text in values.all_inner_texts()]
    assert sum(counts[0::2]) == 3
    assert sum(counts[1::2]) == 4
    drawn = [url for url in asked if "/pr-curve?" in url and "max_points=500" in url]
    assert any("/runs/one/" in url and "shared_with=two" in url for url in drawn)
    assert all("shared_with=one" in url for url in drawn if "/runs/two/" in url)
    # So are those of the classes, and the matrix of one run less the other.
    see(page, "Classes")
    expect(page.locator("[data-class=cat] [data-column=tp] [data-change]")).to_have_text(signed(-1))
    page.get_by_role("button", name="A \N{MINUS SIGN} B").click()
    expect(page.get_by_role("button", name="cat, correct: 1 less 2 is \N{MINUS SIGN}1", exact=True)).to_be_visible()
    expect(page.get_by_role("region", name="Confusion matrix")).to_contain_text("over the 2 data rows of both")
    # And so are the objects of a cell, of each run; the curves too.
    page.get_by_role("button", name="cat, correct: 1 less 2 is \N{MINUS SIGN}1", exact=True).click()
    runs = page.get_by_role("group", name="Objects of which run")
    expect(runs.get_by_role("button")).to_have_text(["one 1", "two 2"])
    expect(total(page)).to_have_text("1")
    press(runs.get_by_role("button", name="two"))
    expect(total(page)).to_have_text("2")


def test_runs_without_a_common_row_have_no_difference(screen: Screen) -> None:
    page = screen.open(d=parts, a="last", b="one")
    expect(page.locator("[data-figure=shared-rows]")).to_have_text(
        "last and one have no data row in common here: there is no difference to tell."
    )
    expect(tile(page, "TP")).to_have_text("4")
    expect(page.get_by_label("Headline figures").locator("[data-change], [data-other]")).to_have_count(0)
    page.get_by_role("button", name="A \N{MINUS SIGN} B").click()
    expect(page.get_by_role("region", name="Confusion matrix")).to_contain_text("no data row in common here")
    # The run has found all that is on its rows: those that it has not been on are counted by a switch.
    expect(tile(page, "Recall")).to_have_text("1.0000")
    page.get_by_role("button", name="count them as missed").click()
    expect(tile(page, "Recall")).to_have_text("0.2500")
    expect(page.locator("[data-figure=notes]")).to_contain_text("6 annotated data rows have no prediction of this run")
    page.get_by_role("button", name="rows without predictions count").click()  # the filter that it is
    expect(tile(page, "Recall")).to_have_text("1.0000")


def test_average_precision_does_not_fall_with_the_confidence_threshold(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm", c=0.3)
    before = screen.figure("mAP")
    field = page.get_by_label("Confidence threshold, exactly")
    field.fill("0.9")
    field.press("Enter")
    expect(tile(page, "TP")).to_have_text(shown(screen.headline(confidence=0.9)["tp"]))
    assert screen.ask("average-precision", confidence=0.9)["ap"] < float(before)
    expect(tile(page, "mAP")).to_have_text(before)
    see(page, "Causes of errors")
    expect(page.get_by_text("AP at IoU 0.5, confidence ≥ 0.9")).to_be_visible()


def test_objects_and_answers_have_headlines_of_their_own(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm")
    objects, answers = screen.headline(), screen.ask("summary", type=["radio", "checklist"])
    assert objects["tp"] + answers["tp"] == screen.ask("summary")["tp"]
    expect(tile(page, "TP")).to_have_text(shown(objects["tp"]))
    expect(page.locator("[data-figure=headline-of]")).to_have_text("boxes")
    kinds = page.get_by_role("group", name="Headline figures of")
    kinds.get_by_role("button", name="answers").click()
    expect(tile(page, "TP")).to_have_text(shown(answers["tp"]))
    expect(tile(page, "F1")).to_have_text(shown(answers["f1"]))
    # Average precision is of objects, and says so.
    expect(tile(page, "mAP")).to_have_text("n/a")
    page.get_by_role("button", name="Best F1").click()
    curve = screen.ask("pr-curve", confidence=0, type=["radio", "checklist"])["curves"][0]
    expect(tile(page, "F1")).to_have_text(shown(curve["best_f1"]))
    assert "kind=answers" in page.url


def test_what_is_counted_together_is_named(screen: Screen, zoo_dataset: str) -> None:
    page = screen.open(d=zoo_dataset, a=zoo.RUN)
    words = page.locator("[data-figure=headline-of]")
    expect(words).to_contain_text("boxes")
    expect(words).to_contain_text("masks")
    expect(words).to_contain_text("counted together")
    page = screen.open(d="strokes", a="svm")
    expect(page.get_by_role("group", name="Headline figures of")).to_have_count(0)
