"""Causes of errors, the thresholds at which a match holds, and what is said beside an answer."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from evalstream.matching import POLICIES
from evalstream.queries.average_precision import ApOptions, average_precisions
from evalstream.queries.confusion_matrix import confusion_matrix
from evalstream.queries.errors import errors
from evalstream.queries.rows import Page, rows
from evalstream.queries.summary import summary
from evalstream.scoring.causes import CAUSES, ErrorOptions
from evalstream.selection import QuestionError, Selection
from evalstream.stored.notes import notes

from tests.feeding import feed

Thing = dict[str, Any]


def box(feature: str, left: float, confidence: float | None = None, **more: Any) -> Thing:
    """A box of side 10 somewhere along a line."""
    known = {"type": "bbox", "feature": feature, "bbox": [left, 0.0, 10.0, 10.0]} | more
    return known if confidence is None else known | {"confidence": confidence}


#: One error of each cause, and what it is.
SCENE = (
    [box("cat", 0), box("cat", 100), box("dog", 200), box("cat", 300), box("dog", 500)],
    [
        box("cat", 0, 0.9),  # right
        box("cat", 1, 0.8),  # duplicate
        box("cat", 106, 0.7),  # poor localisation: IoU .25
        box("cat", 201, 0.6),  # wrong class
        box("dog", 306, 0.5),  # both: IoU .25 with a cat
        box("cat", 400, 0.4),  # background
    ],
)
EXPECTED = [None, "duplicate", "poor localisation", "wrong class", "both", "background"]


@pytest.fixture(scope="module")
def one_of_each(client: Client) -> str:
    """The dataset ``causes``, with one such data row and one where everything is right."""
    feed(
        client,
        "causes",
        {"1": SCENE[0], "2": [box("cat", 0)]},
        {"m": {"1": SCENE[1], "2": [box("cat", 0, 0.9)]}},
    )
    return "causes"


@pytest.mark.parametrize("policy", ["coco", "best-candidate"])
def test_one_of_each_cause(client: Client, one_of_each: str, policy: str) -> None:
    selection = Selection(dataset=one_of_each, run="m", policy=policy)
    row = rows(client, selection, Page()).rows[0]
    assert [item.cause for item in row.predictions] == EXPECTED
    assert [item.cause for item in row.annotations] == [None, "poor localisation", "wrong class", "missed", "missed"]
    found = errors(client, selection)
    assert {cause: item.count for cause, item in found.causes.items()} == dict.fromkeys(CAUSES, 1) | {"missed": 2}
    assert found.per_class["cat"].count == {
        "wrong class": 1,
        "poor localisation": 1,
        "both": 0,
        "duplicate": 1,
        "background": 1,
        "missed": 1,
    }
    assert not found.undefined


def test_rows_with_an_error_of_some_cause(client: Client, one_of_each: str) -> None:
    selection = Selection(dataset=one_of_each, run="m", policy="coco")
    for cause in CAUSES:
        found = rows(client, selection, Page(cause=cause))
        assert [row.data_row for row in found.rows] == ["1"]
    above = selection.model_copy(update={"confidence": 0.85})
    assert rows(client, above, Page(cause="duplicate")).total == 0
    assert rows(client, above, Page(cause="missed")).total == 1


def test_an_answer_may_be_wrong_and_not_far_away(client: Client) -> None:
    said = [{"type": "radio", "feature": "weather", "answer": answer} for answer in ("rain", "sun")]
    feed(client, "answers", {"1": said[:1], "2": []}, {"m": {"1": said[1:], "2": said[1:]}})
    for policy in POLICIES:
        found = rows(client, Selection(dataset="answers", run="m", policy=policy), Page()).rows
        assert [row.predictions[0].cause for row in found] == ["wrong class", "background"]
        assert found[0].annotations[0].cause == "wrong class"


@pytest.mark.parametrize("policy", list(POLICIES))
def test_causes_sum_to_the_errors(client: Client, policy: str) -> None:
    rng = random.Random(4)
    images = {str(n): [random_box(rng) for _ in range(rng.choice([0, 3, 6]))] for n in range(20)}
    found = {name: [random_box(rng) | {"confidence": rng.choice([0.3, 0.6])} for _ in range(6)] for name in images}
    feed(client, f"sums-{policy}", images, {"m": found})
    for iou, confidence, feature in ((0.5, 0.0, []), (0.2, 0.5, []), (0.8, 0.0, ["a"])):
        selection = Selection(
            dataset=f"sums-{policy}", run="m", policy=policy, iou=iou, confidence=confidence, feature=feature
        )
        total = summary(client, selection)
        told = errors(client, selection, ErrorOptions(max_detections=None))
        assert sum(item.count for cause, item in told.causes.items() if cause != "missed") == total.fp > 0
        assert told.causes["missed"].count <= total.fn
        assert sum(sum(own.count.values()) for own in told.per_class.values()) == sum(
            item.count for item in told.causes.values()
        )
        assert sum(own.annotations for own in told.per_class.values()) == total.annotations


@pytest.mark.parametrize("policy", list(POLICIES))
def test_a_filter_of_classes_changes_no_cause(client: Client, policy: str) -> None:
    rng = random.Random(4)
    images = {str(n): [random_box(rng) for _ in range(rng.choice([0, 3, 6]))] for n in range(20)}
    found = {name: [random_box(rng) | {"confidence": rng.choice([0.3, 0.6])} for _ in range(6)] for name in images}
    feed(client, f"filtered-{policy}", images, {"m": found})
    for iou in (0.2, 0.5):
        for options in (ErrorOptions(), ErrorOptions(max_detections=4)):
            every = Selection(dataset=f"filtered-{policy}", run="m", policy=policy, iou=iou, confidence=0.1)
            whole = errors(client, every, options)
            for feature in "ab":
                own = every.model_copy(update={"feature": [feature]})
                told = errors(client, own, options)
                assert told.total == 1
                assert told.per_class[feature].count == whole.per_class[feature].count
                assert told.per_class[feature].ap == pytest.approx(whole.per_class[feature].ap, abs=1e-12)
                if options.max_detections != 4:  # what is beyond the limit is in the matrix, and takes nothing here
                    missed = sum(cell.count for cell in confusion_matrix(client, own).cells if cell.predicted is None)
                    assert told.causes["missed"].count <= missed
                    assert rows(client, own, Page(cause="missed")).total <= told.causes["missed"].count


def test_what_another_class_took_is_put_right_with_its_cause(client: Client) -> None:
    feed(client, "taken", {"1": [box("cat", 0)]}, {"m": {"1": [box("dog", 0, 0.9)]}})
    for policy in POLICIES:
        told = errors(client, Selection(dataset="taken", run="m", policy=policy, feature=["cat"]))
        assert told.ap == 0
        assert {cause: own.count for cause, own in told.causes.items()} == dict.fromkeys(CAUSES, 0)
        assert {cause: own.ignored for cause, own in told.causes.items()} == dict.fromkeys(CAUSES, 0)
        assert told.causes["wrong class"].dap == 1
        assert told.causes["missed"].dap == 0


def test_nothing_at_all_has_no_average(client: Client) -> None:
    feed(client, "nothing", {"1": []}, {"m": {"1": []}})
    found = errors(client, Selection(dataset="nothing", run="m"))
    assert found.ap is found.false_positives_dap is found.causes["missed"].dap is None
    assert set(found.undefined) >= {"ap", "causes.missed.dap"}
    figures = average_precisions(client, Selection(dataset="nothing", run="m"))
    assert figures.ap is None
    assert set(figures.undefined) >= {"ap", "ap_small", "ar_area"}
    assert "policy `coco`" in figures.undefined["ap_small"]


# --- the thresholds at which an outcome flips -----------------------------------------------------------------------


@pytest.mark.parametrize("policy", list(POLICIES))
def test_a_match_holds_exactly_within_its_bounds(client: Client, policy: str) -> None:
    rng = random.Random(9)
    images = {str(n): [random_box(rng) for _ in range(4)] for n in range(3)}
    found = {name: [random_box(rng) | {"confidence": rng.choice([0.3, 0.6, 0.8])} for _ in range(6)] for name in images}
    feed(client, f"bounds-{policy}", images, {"m": found})
    selection = Selection(dataset=f"bounds-{policy}", run="m", policy=policy, iou=0.3, confidence=0.5)

    def matches(**changed: float) -> dict[tuple[str, str], Any]:
        asked = rows(client, selection.model_copy(update=changed), Page())
        return {(row.data_row, item.id): item for row in asked.rows for item in row.predictions if item.matched}

    at = matches()
    assert len(at) >= 3
    for key, item in at.items():
        for name, bounds in (("confidence", item.matched_confidence), ("iou", item.matched_iou)):
            low, high = bounds
            inside, outside = [high or 1.0], [] if high is None else [math.nextafter(high, 2)]
            if low is not None:
                inside.append(math.nextafter(low, 2))
                outside.append(low)
            for value in inside:
                assert matches(**{name: value})[key].matched == item.matched, (name, bounds)
            for value in outside:
                other = matches(**{name: value}).get(key)
                assert other is None or other.matched != item.matched, (name, bounds)


# --- what is said beside an answer ----------------------------------------------------------------------------------


def test_notes_say_what_is_left_out(client: Client) -> None:
    true = [box("cat", 0), box("cat", 100, crowd=True), box("cat", 200, difficult=True)]
    found = [box("cat", 0, 0.9), box("cat", 100, 0.8), box("cat", 200, 0.7), box("cat", 300, -0.5)]
    many = [box("cat", 1000 + 20 * n, 0.5) for n in range(103)]
    feed(client, "notes", {"1": true}, {"m": {"1": [*found, *many]}})

    def said(policy: str, **more: Any) -> str:
        return " ".join(notes(client, Selection(dataset="notes", run="m", policy=policy, **more)).notes)

    assert said("coco").startswith("6 predictions beyond the 100 most confident")
    assert "1 prediction with a confidence below 0 is ignored." in said("coco")
    assert "1 annotation is not counted" in said("coco")
    assert "nor is the 1 prediction matched to them" in said("coco")
    assert "2 annotations are not counted" in said("best-candidate")
    assert "nor are the 2 predictions matched to them" in said("best-candidate")
    assert "beyond" not in said("best-candidate")
    assert "predictions upon them count as false alarms" in said("iou-greedy")
    assert "beyond" not in said("coco", confidence=0.6)
    assert said("coco", feature=["dog"]) == ""
    assert summary(client, Selection(dataset="notes", run="m", policy="coco")).notes
    assert average_precisions(client, Selection(dataset="notes", run="m", policy="coco")).notes


def test_what_is_ignored_is_neither_right_nor_wrong(client: Client) -> None:
    true = [box("cat", 0), box("cat", 100, difficult=True), {**box("cat", 200), "group_of": True}]
    true[2]["bbox"] = [200.0, 0.0, 100.0, 10.0]
    found = [box("cat", 0, 0.9), box("cat", 100, 0.8), box("cat", 101, 0.7), box("cat", 220, 0.6), box("cat", 240, 0.5)]
    feed(client, "ignored", {"1": true}, {"m": {"1": found}})
    selection = Selection(dataset="ignored", run="m", policy="best-candidate")
    total = summary(client, selection)
    assert (total.tp, total.fp, total.fn) == (1, 0, 0)
    outcomes = [item.outcome for item in rows(client, selection, Page()).rows[0].predictions]
    assert outcomes == ["tp", "ignored", "ignored", "ignored", "ignored"]
    assert average_precisions(client, selection, ApOptions(interpolation="all-point")).at_iou == 1
    counted = average_precisions(client, selection, ApOptions(interpolation="all-point", group_of="count"))
    assert (counted.at_iou, counted.recall_at_iou) == (1, 1)
    with pytest.raises(QuestionError):
        average_precisions(client, selection.model_copy(update={"policy": "coco"}), ApOptions(group_of="count"))


def test_rows_with_both_sides(client: Client) -> None:
    true, found = box("cat", 0), box("cat", 0, 0.9)
    images = {"both": [true], "missed": [true], "alarm": []}
    feed(client, "sides", images, {"m": {"both": [found], "missed": [], "alarm": [found]}})
    every = summary(client, Selection(dataset="sides", run="m"))
    assert (every.rows, every.tp, every.fp, every.fn) == (3, 1, 1, 1)
    some = summary(client, Selection(dataset="sides", run="m", both_sides=True))
    assert (some.rows, some.tp, some.fp, some.fn) == (1, 1, 0, 0)


def random_box(rng: random.Random) -> Thing:
    sides = [rng.choice([8.0, 10.0, 14.0]) for _ in range(2)]
    places = [rng.choice([0.0, 3.0, 6.0]) for _ in range(2)]
    return {"type": "bbox", "feature": rng.choice("ab"), "bbox": places + sides}
