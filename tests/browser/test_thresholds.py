"""The thresholds: by slider, by number, by preset, and by what they are to reach."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import expect

from tests.browser.conftest import Screen
from tests.browser.helpers import OBJECTS, move, shown, tile


def test_a_threshold_is_typed_in_exactly_set_to_the_best_or_stepped_by_keys(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm", t=0.9)
    before = screen.figure("TP")
    field = page.get_by_label("Confidence threshold, exactly")
    field.fill("0.8765")
    field.press("Enter")
    expected = screen.headline(confidence=0.8765, iou=0.9)
    expect(tile(page, "TP")).to_have_text(shown(expected["tp"]))
    assert before != shown(expected["tp"])
    assert "c=0.8765" in page.url
    page.go_back()
    expect(tile(page, "TP")).to_have_text(before)
    page.get_by_role("button", name="Best F1").click()
    curve = screen.ask("pr-curve", confidence=0, iou=0.9, type=OBJECTS)["curves"][0]
    expect(field).to_have_value(str(curve["best_f1_confidence"]))
    expect(tile(page, "F1")).to_have_text(shown(curve["best_f1"]))
    page.go_back()
    expect(tile(page, "TP")).to_have_text(before)
    # Every figure follows each key.
    slider = page.get_by_role("slider", name="IoU threshold")
    for _ in range(5):
        slider.press("ArrowRight")
    expected = screen.headline(iou=0.95)
    assert before != shown(expected["tp"])
    expect(tile(page, "TP")).to_have_text(shown(expected["tp"]))


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
        move(page, x + 8 * step, y)
    # It is followed before it is let go.
    expect(tile(page, "TP")).not_to_have_text(before)
    page.mouse.up()
    confidence = float(thumb.get_attribute("aria-valuenow") or "nan")
    assert confidence > 0.5
    expect(tile(page, "TP")).to_have_text(shown(screen.headline(confidence=confidence)["tp"]))
    page.go_back()
    expect(tile(page, "TP")).to_have_text(before)
    expect(page.get_by_label("Confidence threshold, exactly")).to_have_value("0.3")


def test_presets_set_a_threshold_and_can_be_changed(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm")
    page.get_by_role("button", name="Confidence values to choose from").click()
    dialog = page.get_by_role("dialog")
    assert dialog.get_by_role("button", pressed=True).all_inner_texts() == ["0.5"]
    dialog.get_by_role("button", name="0.8", exact=True).click()
    expect(tile(page, "TP")).to_have_text(shown(screen.headline(confidence=0.8)["tp"]))
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
    expect(tile(page, "TP")).to_have_text(shown(screen.headline(confidence=0.4375)["tp"]))
    page.reload()
    page.get_by_role("button", name="Confidence values to choose from").click()
    expect(page.get_by_role("dialog").get_by_role("button", name="0.4375")).to_be_visible()


def test_a_threshold_for_at_least_so_much(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm")
    for kept, best, wanted in (("recall", "best_precision", 0.7), ("precision", "best_recall", 0.92)):
        page.get_by_role("button", name="At least…").click()
        field = page.get_by_label(f"{kept.capitalize()} at least")
        at_least: dict[str, Any] = {kept: wanted}
        field.fill("1.2")
        expect(page.get_by_role("dialog")).to_contain_text("A number from 0 to 1.")
        field.fill(str(wanted))
        choice = screen.ask("thresholds", type=OBJECTS, confidence=0, per_class=False, **at_least)["overall"][best]
        expect(page.get_by_role("dialog")).to_contain_text(f"Confidence {choice['confidence']:.4f}")
        field.press("Enter")
        expect(page.get_by_label("Confidence threshold, exactly")).to_have_value(str(choice["confidence"]))
        expect(tile(page, "TP")).to_have_text(shown(choice["tp"]))
        assert choice[kept] >= wanted
        page.keyboard.press("Escape")
