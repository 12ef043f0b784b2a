"""The confusion matrix."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import httpx
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Screen
from tests.browser.helpers import press, shown, signed, total
from tests.conftest import DEMO_SCENES


def matrix(page: Page) -> Locator:
    return page.locator("section[aria-labelledby=confusion]")


def row_labels(page: Page) -> list[str]:
    names = matrix(page).locator("tbody th[scope=row]").all_text_contents()[1:-1]  # less `false alarm` and `all`
    return [name for name in names if name != "other"]


def test_a_cell_leads_to_its_objects_and_rows_its_chip_back_and_keys_to_the_next_one(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm")
    expect(total(page)).to_have_text(str(DEMO_SCENES))
    cells = screen.ask("confusion-matrix")["cells"]
    cell = next(one for one in cells if one["actual"] and one["predicted"] is None)
    page.get_by_role("button", name=f"{cell['actual']}, missed: {cell['count']}", exact=True).click()
    expect(total(page)).to_have_text(str(cell["count"]))
    press(page.get_by_role("button", name="Data rows", exact=True))
    expected = screen.ask("rows", actual=cell["actual"], predicted="", limit=1)["total"]
    assert expected < DEMO_SCENES
    expect(total(page)).to_have_text(str(expected))
    press(page.get_by_role("button", name="Remove filter"))
    expect(total(page)).to_have_text(str(DEMO_SCENES))
    # By keys too.
    buttons = matrix(page).locator("table button")
    assert buttons.evaluate_all("all => all.filter((one) => one.getAttribute('tabindex') === '0').length") == 1
    first = row_labels(page)[0]
    page.get_by_role("button", name=re.compile(f"^{first}, correct")).focus()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("button", name=re.compile(f"^{first}, missed"))).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name=f"Remove filter {first} → missed")).to_be_visible()


def test_classes_stand_in_the_order_asked_for(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm")
    answer = screen.ask("confusion-matrix")
    # Those taken for each other first, side by side; what is never taken for anything last, and answers after objects.
    pairs = Counter[frozenset[str]]()
    for one in answer["cells"]:
        if one["actual"] and one["predicted"] and one["actual"] != one["predicted"]:
            pairs[frozenset((one["actual"], one["predicted"]))] += one["count"]
    expect(matrix(page).locator("table")).to_be_visible()
    confused = [name for name in row_labels(page) if any(name in pair for pair in pairs)]
    answers = [name for name in row_labels(page) if "=" in name]
    classes = [name for name in row_labels(page) if name not in answers]
    assert pairs[frozenset(classes[:2])] == max(n for pair, n in pairs.items() if not pair & set(answers))
    assert [name for name in classes if name in confused] == classes[: len(set(confused) - set(answers))]
    assert row_labels(page) == classes + answers
    assert len(answers) == 2
    order = page.get_by_label("Order of classes")
    order.select_option("name")
    expect(matrix(page).locator("tbody th").nth(1)).to_have_text(min(answer["labels"]))
    assert row_labels(page) == sorted(answer["labels"], key=lambda name: ("=" in name, name))[:12]
    order.select_option("count")
    sums = [answer["actual_sums"][name] for name in row_labels(page) if "=" not in name]
    assert sums == sorted((n for name, n in answer["actual_sums"].items() if "=" not in name), reverse=True)
    page.get_by_label("Find a class in the confusion matrix").fill("SE")
    expect(matrix(page).locator("tbody th[scope=row]")).to_have_text(["false alarm", "seven", "other", "all"])
    assert "find=SE" in page.url
    page.get_by_label("Find a class in the confusion matrix").fill("nothing like it")
    expect(matrix(page)).to_contain_text("No such class.")


def test_cells_are_counts_or_shares_and_their_sums_are_the_objects(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm")
    answer = screen.ask("confusion-matrix")
    for name in row_labels(page):
        expect(matrix(page).locator(f"[data-sum-of-actual='{name}']")).to_have_text(shown(answer["actual_sums"][name]))
        predicted = matrix(page).locator(f"[data-sum-of-predicted='{name}']")
        expect(predicted).to_have_text(shown(answer["predicted_sums"][name]))
    cell = next(one for one in answer["cells"] if one["actual"] == "eight" and one["predicted"] == "eight")
    button = page.get_by_role("button", name=re.compile(f"^eight, correct: {cell['count']}"))
    expect(button).to_have_text(str(cell["count"]))
    for unit, sums in (("row", "actual_sums"), ("column", "predicted_sums")):
        page.get_by_label("What the cells say").select_option(unit)
        expect(button).to_have_text(f"{100 * cell['count'] / answer[sums]['eight']:.1f}".replace("100.0", "100"))
    page.get_by_label("What the cells say").select_option("count")
    missed = next(one for one in answer["cells"] if one["actual"] == "eight" and one["predicted"] is None)
    small = page.get_by_role("button", name=f"eight, missed: {missed['count']}", exact=True)
    colour = "element => getComputedStyle(element).backgroundColor"
    logarithmic = small.evaluate(colour)
    page.get_by_role("button", name="log", exact=True).click()
    assert small.evaluate(colour) != logarithmic
    assert "shade=linear" in page.url


def test_one_run_less_the_other(screen: Screen) -> None:
    page = screen.open(d="digits", a="svm", b="logreg")
    page.get_by_role("button", name="A \N{MINUS SIGN} B").click()
    own, their = (screen.ask("confusion-matrix", run=run) for run in ("svm", "logreg"))
    mine, theirs = (
        {(one["actual"], one["predicted"]): one["count"] for one in answer["cells"]} for answer in (own, their)
    )
    for name in ("eight", "one"):
        for pair, said in (((name, name), f"{name}, correct"), ((name, None), f"{name}, missed")):
            a, b = mine.get(pair, 0), theirs.get(pair, 0)
            button = page.get_by_role("button", name=f"{said}: {a} less {b} is {signed(a - b)}", exact=True)
            expect(button).to_have_text(signed(a - b).replace("±", ""))
            more_is_better = pair[1] is not None
            change = "same" if a == b else "better" if (a > b) == more_is_better else "worse"
            assert button.get_attribute("data-kind") == change
        total = own["predicted_sums"][name] - their["predicted_sums"][name]
        expect(matrix(page).locator(f"[data-sum-of-predicted='{name}']")).to_have_text(signed(total))
        cells = matrix(page).locator(f"tbody tr:has([data-sum-of-actual='{name}']) button[data-kind]").all_inner_texts()
        changes = [int(text.replace("\N{MINUS SIGN}", "-").replace(",", "")) for text in cells]
        assert sum(changes) == own["actual_sums"][name] - their["actual_sums"][name]
    page.go_back()
    expect(page.get_by_role("button", name=f"eight, correct: {mine['eight', 'eight']}", exact=True)).to_be_visible()


def test_thousands_of_classes_are_never_fetched_whole(own_screen: Screen, many: str) -> None:
    screen = own_screen
    asked: list[str] = []
    questions = ("/overview?", "/confusion-matrix?")
    screen.hear(lambda one: asked.append(one.url) if any(q in one.url for q in questions) else None)
    page = screen.open(d=many, a="one")
    expect(matrix(page).locator("table")).to_be_visible()
    assert len(row_labels(page)) == 12
    query: dict[str, Any] = {"dataset": many, "run": "one"}
    whole = screen.ask("confusion-matrix", limit=100_000, **query)
    assert whole["total"] > 3_000
    answers = [httpx.get(url, timeout=60).json() for url in asked]
    assert len({"cells" in answer for answer in answers}) == 2  # the overview, and what it has not given
    assert all(len(answer.get("confusion_matrix", answer)["cells"]) <= 2_000 for answer in answers)
    total = screen.ask("classes", limit=1, **query)["total"]
    expect(matrix(page).locator("[data-figure=matrix-classes]")).to_contain_text(f"12 of {total:,} classes")
    # What is shown is exact all the same.
    name = row_labels(page)[0]
    expect(matrix(page).locator(f"[data-sum-of-actual='{name}']")).to_have_text(shown(whole["actual_sums"][name]))
    places = ["", *row_labels(page), "(other)"]
    for side, whole_side, nothing in (
        ("actual", "actual_sums", "false_alarms"),
        ("predicted", "predicted_sums", "missed"),
    ):
        sums = matrix(page).locator(f"[data-sum-of-{side}]").all_inner_texts()
        known = [whole[nothing], *(whole[whole_side].get(name, 0) for name in places[1:-1])]
        assert sums == [shown(number) for number in (*known, whole["objects"] - sum(known))]
    expect(matrix(page).locator("[data-figure=matrix-all]")).to_have_text(shown(whole["objects"]))
    # A row adds up to its sum, too.
    cells = matrix(page).locator(f"tr:has([data-sum-of-actual='{name}']) td").all_inner_texts()
    *parts, whole_row = [int(text.replace(",", "") or 0) for text in cells]
    assert sum(parts) == whole_row
    assert name < "species 0040"  # those that others are taken for
    missed = next(one for one in whole["cells"] if one["actual"] != one["predicted"] and one["actual"])
    field = page.get_by_label("Find a class in the confusion matrix")
    field.fill(missed["actual"])
    expect(matrix(page).locator("tbody th[scope=row]").nth(1)).to_have_text(missed["actual"])
    field.fill("")
    expect(matrix(page).locator("tbody th[scope=row]")).to_have_count(15)
    matrix(page).get_by_role("button", name="Show more").click()
    expect(matrix(page).locator("tbody th[scope=row]")).to_have_count(27)
    page.get_by_label("Order of classes").select_option("count")
    largest = max(whole["actual_sums"].values())
    expect(matrix(page).locator("[data-sum-of-actual]").nth(1)).to_have_text(shown(largest))
