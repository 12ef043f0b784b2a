"""The curves, and the dot on them that is the present threshold."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Screen
from tests.browser.helpers import OBJECTS, move, settle, shown, suggestions, tile


def curve_tab(page: Page, name: str) -> Locator:
    return page.get_by_role("group", name="Which curve").get_by_role("button", name=name, exact=True)


def dot(page: Page) -> Locator:
    return page.get_by_role("slider", name="Confidence, on the curve")


def test_the_dot_is_the_present_threshold_on_every_curve(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm", c=0.6)
    curve = screen.ask("pr-curve", confidence=0, max_points=500, type=OBJECTS)["curves"][0]
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
    calibration = screen.ask("calibration", confidence=0, bins=10, type=OBJECTS)
    expect(page.get_by_text(f"calibration error of objects {calibration['ece']:.4f}")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("combobox", name="Question", exact=True)).to_be_visible()


@pytest.mark.parametrize("kind", ["pr", "f1"])
def test_the_dot_is_dragged_along_the_curve(screen: Screen, kind: str) -> None:
    page = screen.open(d="digits", a="svm", c=0.9, curve=kind)
    before = screen.figure("TP")
    dot(page).scroll_into_view_if_needed()
    place = dot(page).bounding_box()
    assert place
    x, y = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
    step = 12 if kind == "pr" else -18
    page.mouse.move(x, y)
    page.mouse.down()
    for i in range(1, 9):
        move(page, x + i * step, y)
    page.mouse.up()
    field = page.get_by_label("Confidence threshold, exactly")
    expect(field).not_to_have_value("0.9")
    settle(page)
    confidence = float(field.input_value())
    assert 0.1 < confidence < 0.85
    if kind == "pr":  # it stays on the curve
        assert (
            confidence in screen.ask("pr-curve", confidence=0, max_points=500, type=OBJECTS)["curves"][0]["confidence"]
        )
    expect(tile(page, "TP")).to_have_text(shown(screen.headline(confidence=confidence)["tp"]))
    page.go_back()
    expect(tile(page, "TP")).to_have_text(before)


def test_the_dot_moves_by_keys_and_to_where_the_chart_is_clicked(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm", curve="f1", c=0.5)
    dot(page).focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_label("Confidence threshold, exactly")).to_have_value("0.51")
    page.keyboard.press("PageDown")
    expect(tile(page, "TP")).to_have_text(shown(screen.headline(confidence=0.41)["tp"]))
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


def test_options_have_roc_curves_of_their_own(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm", curve="roc")
    question = screen.ask("roc-curve", confidence=0)["questions"][0]
    one, *_ = question["options"]
    said = page.get_by_text(f"AUC {question['auc_micro']:.4f} over all options together")
    expect(said).to_contain_text(f"{question['auc_macro']:.4f} the mean over options")
    expect(said).to_contain_text(f"{question['auc_ovo_macro']:.4f} over pairs of options")
    field = page.get_by_label("Add the curve of an option")
    field.fill(one["option"].upper())
    expect(suggestions(page)).to_have_text([one["option"]])
    with page.expect_request(lambda one: "/roc-curve?" in one.url and "per_class=true" in one.url) as asked:
        field.press("Enter")
    curves = httpx.get(asked.value.url).json()["questions"][0]["curves"]
    assert [curve["option"] for curve in curves] == [one["option"]]
    label = f"{question['question']}={one['option']}"
    chip = page.get_by_role("button", name=f"Remove the curve of {label}")
    expect(chip).to_contain_text(f"AUC {one['auc']:.4f}")
    expect(field).to_have_value("")
    field.fill(one["option"])
    expect(page.get_by_text("No other option has such a name.")).to_be_visible()
    page.keyboard.press("Escape")
    # Among the curves of classes it is an answer like any other.
    curve_tab(page, "PR").click()
    expect(chip).to_be_visible()
    chip.click()
    expect(chip).to_have_count(0)


def test_where_there_is_no_roc_it_says_why(screen: Screen) -> None:
    page = screen.open(d="strokes", a="svm", curve="roc")
    expect(page.get_by_text("Detection has no ROC")).to_be_visible()
