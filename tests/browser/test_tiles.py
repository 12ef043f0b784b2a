"""The headline figures."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Screen
from tests.browser.helpers import shown, signed, tile
from tests.conftest import DEMO_SCENES


@pytest.mark.parametrize(
    ("dataset", "run", "policy"),
    [("digits", "svm", "coco"), ("strokes", "logreg", "best-candidate"), ("notes", "tagger", "iou-greedy")],
)
def test_the_tiles_say_what_the_api_says(screen: Screen, dataset: str, run: str, policy: str) -> None:
    screen.open(d=dataset, a=run, p=policy, c=0.3, t=0.6)
    query = {"policy": policy, "confidence": 0.3, "iou": 0.6}
    summary = screen.ask("summary", dataset=dataset, run=run, **query)
    names = {"Precision": "precision", "Recall": "recall", "F1": "f1", "Mean IoU": "mean_iou", "TP": "tp", "FP": "fp"}
    assert {name: screen.figure(name) for name in names} == {name: shown(summary[key]) for name, key in names.items()}
    assert screen.figure("mAP") == shown(screen.ask("average-precision", dataset=dataset, run=run, **query)["ap"])
    assert summary["tp"] > 0


def test_a_second_run_shows_the_difference(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm", b="logreg")
    difference = screen.ask("summary")["recall"] - screen.ask("summary", run="logreg")["recall"]
    expect(page.locator("[data-figure=Recall] [data-change]")).to_have_text(signed(difference))
    for name, key in (("Recall", "recall"), ("FP", "fp")):
        theirs = shown(screen.ask("summary", run="logreg")[key])
        expect(page.locator(f"[data-other='{name}']")).to_have_text(f"logreg {theirs}")


def test_tiles_have_intervals_and_say_what_is_significant(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm", b="logreg")
    found = screen.ask("intervals", group=["counts", "average_precision"], versus="logreg")["figures"]
    by_name = {one["figure"]: one for one in found}
    names = {"Precision": "precision", "Recall": "recall", "F1": "f1", "mAP": "ap", "Mean IoU": "mean_iou"}
    for name, figure in names.items():
        one = by_name[figure]
        interval = page.locator(f"[data-interval='{name}']")
        expect(interval).to_have_text(f"{one['low']:.3f} \N{EN DASH} {one['high']:.3f}")
        verdict = page.locator(f"[data-figure='{name}'] [data-significant]")
        assert verdict.get_attribute("data-significant") == str(one["difference"]["significant"]).lower()
    for name in ("TP", "FP", "FN"):
        one = by_name[name.lower()]
        low, high = (f"{int(bound + 0.5):,}" for bound in (one["low"], one["high"]))
        expect(page.locator(f"[data-interval={name}]")).to_have_text(f"{low} \N{EN DASH} {high}")
    page.locator("[data-figure=Recall]").focus()
    difference = by_name["recall"]["difference"]
    hint = page.get_by_role("tooltip")
    expect(hint).to_contain_text(f"over the {DEMO_SCENES} data rows of both: {signed(difference['value'])}")
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
