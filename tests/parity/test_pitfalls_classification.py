"""Pitfalls 8, 20 and 21 of docs/pitfalls.md, of answers and thresholds: what evalstream does, and how it says so."""

from __future__ import annotations

import csv
import json
import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clickhouse_connect.driver.client import Client
from evalstream.events import AnnotationEvent, PredictionEvent, Reader, Record
from evalstream.matching import POLICIES
from evalstream.pipeline.ingest import ingest
from evalstream.pipeline.reconcile import reconcile
from evalstream.queries.classifications import classifications
from evalstream.queries.confusion_matrix import classes
from evalstream.queries.pr_curve import pr_curve
from evalstream.queries.summary import summary
from evalstream.queries.thresholds import thresholds
from evalstream.selection import Selection
from evalstream.stored.label_counts import Scoring
from sklearn import metrics as sk

from tests.feeding import feed


def radio(answer: str, **more: Any) -> dict[str, Any]:
    return {"type": "radio", "feature": "q", "answer": answer, **more}


def test_pitfall_8_a_class_without_annotations_is_left_out_of_means_or_counts_as_0_as_asked(client: Client) -> None:
    """Truth [0, 0, 1], predicted [0, 2, 1]: nobody annotated 2, so its recall is 0/0."""
    truth, said = ["0", "0", "1"], ["0", "2", "1"]
    feed(
        client,
        "p8",
        {str(k): [radio(answer)] for k, answer in enumerate(truth)},
        {"m": {str(k): [radio(answer)] for k, answer in enumerate(said)}},
    )
    selection = Selection(dataset="p8", run="m")
    two = classes(client, selection).classes[2]
    assert (two.label, two.annotations, two.precision, two.recall) == ("q=2", 0, 0.0, None)
    by_mode = {
        mode: classes(client, selection, scoring=Scoring(zero_division=mode)) for mode in ("exclude", "zero", "one")
    }
    recall = {mode: answer.averages.macro.recall for mode, answer in by_mode.items()}
    assert recall == {"exclude": 0.75, "zero": 0.5, "one": pytest.approx(2.5 / 3)}
    for mode, stand_in in (("exclude", math.nan), ("zero", 0.0), ("one", 1.0)):
        assert recall[mode] == sk.recall_score(truth, said, average="macro", zero_division=stand_in)
    # Balanced accuracy is over the classes that occur in the truth, whatever is asked for.
    whole = summary(client, selection, Scoring(zero_division="zero"))
    assert whole.balanced_accuracy == sk.balanced_accuracy_score(truth, said) == 0.75
    assert by_mode["zero"].undefined["recall"] == "no annotation of the label counts"


def test_pitfall_8_a_degenerate_agreement_is_null_and_not_0(client: Client) -> None:
    """Everybody always says the same: scikit-learn's MCC is 0, its kappa NaN."""
    answers = {str(k): [radio("yes")] for k in range(3)}
    feed(client, "p8 constant", answers, {"m": answers})
    (own,) = classifications(client, Selection(dataset="p8 constant", run="m")).questions
    assert (own.accuracy, own.kappa, own.mcc) == (1.0, None, None)
    assert {"kappa", "mcc"} <= own.undefined.keys()
    assert sk.matthews_corrcoef(["yes"] * 3, ["yes"] * 3) == 0


@pytest.mark.parametrize("policy", list(POLICIES))
def test_pitfall_20_a_confidence_at_the_threshold_counts_and_none_is_rounded(client: Client, policy: str) -> None:
    stored = 0.1 + 0.2  # 0.30000000000000004
    box = {"type": "bbox", "feature": "car", "bbox": [0, 0, 8, 8]}
    feed(client, "p20", {"1": [box]}, {"m": {"1": [box | {"confidence": stored}]}})

    def tp(c: float) -> int:
        return summary(client, Selection(dataset="p20", run="m", policy=policy, confidence=c)).tp

    assert tp(stored) == 1
    assert tp(0.3) == 1
    assert tp(math.nextafter(stored, 1)) == 0
    # Single precision would have moved it above the threshold that it came from, or below it.
    assert float(np.float32(stored)) != stored
    assert tp(float(np.float32(stored))) == 0
    (curve,) = pr_curve(client, Selection(dataset="p20", run="m", policy=policy)).curves
    best = thresholds(client, Selection(dataset="p20", run="m", policy=policy)).overall.best_f_beta
    assert curve.confidence == [stored]
    assert best
    assert best.confidence == stored


def test_pitfall_20_thresholds_come_from_all_stored_confidences(client: Client) -> None:
    """Confidences closer together than any grid: the best threshold lies between two of them."""
    confidences = [0.5 + k * 2**-50 for k in range(8)]
    row = {str(k): [radio("yes" if k >= 4 else "no")] for k in range(8)}
    found = {str(k): [radio("yes", confidence=c)] for k, c in enumerate(confidences)}
    feed(client, "p20 close", row, {"m": found})
    best = thresholds(client, Selection(dataset="p20 close", run="m", feature=["q"]), precision=1.0).overall.best_recall
    assert best
    assert (best.confidence, best.precision, best.tp) == (confidences[4], 1.0, 4)


def send(client: Client, dataset: str, run: str, events: list[dict[str, Any]]) -> tuple[int, int]:
    reader = Reader(PredictionEvent) if run else Reader(AnnotationEvent)
    key = {"dataset": dataset} | ({"run": run} if run else {})
    # As the services do: every line is a little later than the one before.
    records = [Record(json.dumps(key | event).encode(), k, k + 1) for k, event in enumerate(events)]
    done = ingest(client, records, reader, "test")
    return done.accepted, len(done.rejected)


def test_pitfall_21_of_two_answers_to_one_row_the_later_one_holds(client: Client) -> None:
    def answer(row: str, value: str, **more: Any) -> dict[str, Any]:
        return {"data_row": row, "operation": "replace", "predictions": [radio(value)], **more}

    truth = [{"data_row": row, "operation": "replace", "annotations": [radio("yes")]} for row in "ab"]
    send(client, "p21", "", truth)
    events = [answer("a", "no"), answer("b", "yes"), answer("a", "yes"), answer("b", "no")]
    assert send(client, "p21", "m", events) == (4, 0)
    # Versions, where given, decide, and not the order of arrival.
    versioned = [answer("a", "yes", version=2), answer("a", "no", version=1), answer("b", "yes", version=1)]
    send(client, "p21", "v", versioned)
    reconcile(client, ["iou-greedy"])
    (own,) = classifications(client, Selection(dataset="p21", run="m")).questions
    assert (own.cases, own.correct) == (2, 1), "each row once, with its last answer: a is right, b is wrong"
    (own,) = classifications(client, Selection(dataset="p21", run="v")).questions
    assert (own.cases, own.correct) == (2, 2)


def test_pitfall_21_real_duplicates_and_missing_rows_are_counted_and_told(client: Client, real_data: Path) -> None:
    folder = real_data / "phone_use_classifiers"
    expected = json.loads((folder / "expected.json").read_text())["11x"]
    truth, said = (_lines(folder / f"{name}.csv") for name in ("label", "11x"))
    send(client, "phones", "", [event("annotations", *line) for line in truth])
    assert send(client, "phones", "m", [event("predictions", *line) for line in said]) == (len(said), 0)
    # Sent once more, shuffled: the same events, the same figures.
    shuffled = random.Random(1).sample(said, len(said))
    send(client, "again", "", [event("annotations", *line) for line in truth])
    send(client, "again", "m", [event("predictions", *line) for line in shuffled])
    reconcile(client, ["iou-greedy"])
    (own,) = classifications(client, Selection(dataset="phones", run="m")).questions
    assert (own.cases, own.missing) == (expected["n"], 0), "rows that the run has not spoken of are not selected"
    assert own.accuracy == pytest.approx(expected["accuracy"], abs=1e-12)
    (other,) = classifications(client, Selection(dataset="again", run="m")).questions
    assert other.confusion == own.confusion


def event(side: str, row: str, answer: str) -> dict[str, Any]:
    return {"data_row": row, "operation": "replace", side: [radio(answer)]}


def _lines(file: Path) -> list[tuple[str, str]]:
    with file.open() as lines:
        return [(row["image_name"], str(int(float(row["class_id"])))) for row in csv.DictReader(lines)]
