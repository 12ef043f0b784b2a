"""Answers to questions, from events to figures, against scikit-learn: on real classifiers and on random answers."""

from __future__ import annotations

import csv
import json
import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clickhouse_connect.driver.client import Client
from evalstream.queries.calibration import calibration
from evalstream.queries.classifications import QuestionScores, classifications
from evalstream.queries.roc_curve import QuestionRoc, roc_curve
from evalstream.selection import QuestionError, Selection
from sklearn import metrics as sk

from tests.feeding import feed, feed_all
from tests.parity.conftest import Agree

SKLEARN = "scikit-learn 1.9"
PROBABILITIES = [f"{data}_{model}" for data in ("iris", "digits", "wine") for model in ("logreg", "gnb", "knn5")]
BINARY = [f"breast_cancer_{model}" for model in ("logreg", "gnb", "knn5")]
PHONES = ("result", "8n", "8s", "8x", "11n", "11s", "11m", "11x")


@pytest.fixture(scope="module")
def expected(real_data: Path) -> dict[str, Any]:
    return json.loads((real_data / "classifier_probabilities" / "expected.json").read_text())  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def tables(client: Client, real_data: Path) -> dict[str, tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]:
    """True answers and scores by name, all of them in the engine too."""
    found, sent = {}, {}
    for name in PROBABILITIES + BINARY:
        with (real_data / "classifier_probabilities" / f"{name}.csv").open() as file:
            table = np.array(list(csv.reader(file))[1:], np.float64)
        truth, scores = found[name] = table[:, 0].astype(int), table[:, 1:]
        said = {str(i): [scored_radio(row)] for i, row in enumerate(scores)}
        sent[name] = {str(i): [radio(str(label))] for i, label in enumerate(truth)}, {"m": said}
    feed_all(client, sent, policies=["iou-greedy"])
    return found


@pytest.fixture(scope="module")
def phones(client: Client, real_data: Path) -> dict[str, list[tuple[str, str]]]:
    """Answers by file, each file a run in the engine too; of two to one image the last one holds."""
    found = {name: labels(real_data / "phone_use_classifiers" / f"{name}.csv") for name in ("label", *PHONES)}
    objects = {name: {image: [radio(label)] for image, label in own} for name, own in found.items()}
    feed(client, "phones", objects.pop("label"), objects, policies=["iou-greedy"])
    return found


@pytest.mark.parametrize("name", PROBABILITIES + BINARY)
def test_classifiers_with_probabilities(
    client: Client,
    tables: dict[str, tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]],
    expected: dict[str, Any],
    agree: Agree,
    name: str,
) -> None:
    truth, scores = tables[name]
    selection = Selection(dataset=name, run="m")
    figures = expected[name]
    data = f"classifier_probabilities: {name.rsplit('_', 1)[0]}"
    (found,) = classifications(client, selection).questions
    assert (found.cases, found.asked, found.missing, found.unasked) == (len(truth), len(truth), 0, 0)
    agree_with_report(agree, data, found, figures)
    agree("log loss", SKLEARN, data, found.log_loss, figures["log_loss"])
    (roc,) = roc_curve(client, selection, per_class=True).questions
    if name in BINARY:
        of_one = next(own for own in roc.options if own.option == "1")
        agree("ROC AUC, binary", SKLEARN, data, of_one.auc, figures["roc_auc"])
        agree("average precision (scikit-learn), binary", SKLEARN, data, of_one.average_precision, figures["ap"])
        (own,) = calibration(client, selection).questions
        # Brier's sum over both options; scikit-learn halves it for two.
        agree("Brier score", SKLEARN, data, (own.brier or math.nan) / 2, figures["brier"])
        return
    agree("top-2 accuracy", SKLEARN, data, found.top_k_accuracy, figures["top2"])
    agree_with_areas(agree, data, roc, figures)
    for k, curve in enumerate(roc.curves):
        fpr, tpr, at = sk.roc_curve(truth == k, scores[:, k], drop_intermediate=False)
        assert curve.option == str(k)
        assert curve.threshold[1:] == at[1:].tolist()
        agree("ROC curve, each against the rest", SKLEARN, data, curve.fpr + curve.tpr, [*fpr, *tpr])


@pytest.mark.parametrize("name", PHONES)
def test_phone_use_classifiers(
    client: Client, real_data: Path, phones: dict[str, list[tuple[str, str]]], agree: Agree, name: str
) -> None:
    """Real answers without scores; one file names images twice and leaves out others."""
    said = phones[name]
    figures = json.loads((real_data / "phone_use_classifiers" / "expected.json").read_text())[name]
    selection = Selection(dataset="phones", run=name)
    data = "phone_use_classifiers"
    (found,) = classifications(client, selection, unanswered="ignore").questions
    assert found.cases == figures["n"]
    agree_with_report(agree, data, found, figures)
    one = next(own for own in found.classes if own.label == "q=1")
    for figure in ("precision", "recall", "f1"):
        agree(f"{figure}, binary", SKLEARN, data, getattr(one, figure), figures[figure])
    (whole,) = classifications(client, selection).questions
    assert (whole.asked, whole.answered, whole.missing) == (figures["n"], figures["n"], 0)
    assert len(said) - len(dict(said)) == figures["dup"]


def agree_with_report(agree: Agree, data: str, found: QuestionScores, figures: dict[str, Any]) -> None:
    for name in ("accuracy", "balanced_accuracy", "kappa", "mcc"):
        agree(name.replace("_", " ").replace("mcc", "MCC"), SKLEARN, data, getattr(found, name), figures[name])
    report = figures["report"]
    names = {"precision": "precision", "recall": "recall", "f1": "f1-score"}
    for own in found.classes:
        theirs = report[own.label.removeprefix("q=")]
        assert own.annotations == theirs["support"]
        for mine, name in names.items():
            agree(f"{mine}, per class", SKLEARN, data, getattr(own, mine), theirs[name])
    for average in ("macro", "weighted"):
        for mine, name in names.items():
            ours = getattr(getattr(found.averages, average), mine)
            agree(f"{mine}, {average}", SKLEARN, data, ours, report[f"{average} avg"][name])
    cells = {(cell.actual, cell.predicted): cell.count for cell in found.confusion}
    theirs = {(f"q={i}", f"q={j}"): n for i, row in enumerate(figures["confusion"]) for j, n in enumerate(row) if n}
    assert cells == theirs
    agree("confusion matrix", SKLEARN, data, *([float(own[key]) for key in theirs] for own in (cells, theirs)))


def agree_with_areas(agree: Agree, data: str, roc: QuestionRoc, figures: dict[str, Any]) -> None:
    for average in ("macro", "weighted", "micro"):
        ours = getattr(roc, f"auc_{average}"), getattr(roc, f"average_precision_{average}")
        agree(f"ROC AUC, one-vs-rest, {average}", SKLEARN, data, ours[0], figures[f"roc_auc_ovr_{average}"])
        agree(f"average precision (scikit-learn), {average}", SKLEARN, data, ours[1], figures[f"ap_{average}"])
    for average in ("macro", "weighted"):
        ours_ovo = getattr(roc, f"auc_ovo_{average}")
        agree(f"ROC AUC, one-vs-one, {average}", SKLEARN, data, ours_ovo, figures[f"roc_auc_ovo_{average}"])


def labels(file: Path) -> list[tuple[str, str]]:
    with file.open() as lines:
        return [(row["image_name"], str(int(float(row["class_id"])))) for row in csv.DictReader(lines)]


def radio(answer: str, **more: Any) -> dict[str, Any]:
    return {"type": "radio", "feature": "q", "answer": answer, **more}


def scored_radio(scores: np.ndarray[Any, Any]) -> dict[str, Any]:
    best = int(np.argmax(scores))
    return radio(str(best), confidence=min(float(scores[best]), 1.0), scores={str(k): s for k, s in enumerate(scores)})


def test_options_without_a_score_count_as_0(client: Client, agree: Agree) -> None:
    """Scores of some options only, that sum to anything; answers without scores, without a truth, without an answer."""
    rng = np.random.default_rng(6)
    options = [f"o{k}" for k in range(5)]
    truth = rng.integers(0, 4, 200)  # the last one is never true
    scores = rng.choice([0.0, 0.1, 0.1 + 0.2, 0.5, 0.9, 1.0], (200, 5))
    listed = rng.random((200, 5)) < 0.7
    said = rng.integers(0, 5, 200)
    annotated, answered, scored = (rng.random(200) < 0.9 for _ in range(3))
    scored &= listed.any(1)

    def prediction(k: int) -> dict[str, Any]:
        own = {options[j]: float(scores[k, j]) for j in range(5) if listed[k, j]}
        return radio(options[said[k]], **({"scores": own} if scored[k] else {}))

    feed(
        client,
        "sparse",
        {str(k): [radio(options[truth[k]])] if annotated[k] else [] for k in range(200)},
        {"m": {str(k): [prediction(k)] if answered[k] else [] for k in range(200)}},
    )
    both = annotated & answered
    cases = both & scored
    true, full = truth[cases], np.where(listed, scores, 0.0)[cases]
    selection = Selection(dataset="sparse", run="m")
    (roc,) = roc_curve(client, selection, per_class=True, option=["o1"], zero_division="zero").questions
    assert (roc.cases, roc.unscored) == (int(cases.sum()), int((both & ~scored).sum()))
    assert roc.filled == int((~listed[cases]).sum())
    data, hot = "200 random answers, scores of some options", true[:, None] == np.arange(5)
    for average in ("macro", "weighted", "micro"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = sk.average_precision_score(hot, full, average=average)
        ours = getattr(roc, f"average_precision_{average}")
        agree(f"average precision (scikit-learn), {average}, zero_division=zero", SKLEARN, data, ours, theirs)
        if average != "micro":
            theirs = sk.roc_auc_score(hot[:, :4], full[:, :4], average=average)
            agree(f"ROC AUC, one-vs-rest, {average}", SKLEARN, data, getattr(roc, f"auc_{average}"), theirs)
    agree("ROC AUC, one-vs-rest, micro", SKLEARN, data, roc.auc_micro, sk.roc_auc_score(hot.ravel(), full.ravel()))
    (curve,) = roc.curves
    fpr, tpr, at = sk.roc_curve(true == 1, full[:, 1], drop_intermediate=False)
    assert (curve.fpr, curve.tpr, curve.threshold[1:]) == (fpr.tolist(), tpr.tolist(), at[1:].tolist())
    never = roc.options[4]
    assert (never.positives, never.auc, never.average_precision) == (0, None, None)
    assert {"auc", "average_precision"} <= roc.undefined.keys()
    (own,) = classifications(client, selection, top_k=3).questions
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        top = sk.top_k_accuracy_score(true, full, k=3, labels=range(5))
        loss = sk.log_loss(true, full, labels=range(5))
        brier = sk.brier_score_loss(true, full, labels=range(5), scale_by_half=False)
    agree("top-3 accuracy", SKLEARN, data, own.top_k_accuracy, top)
    agree("log loss", SKLEARN, data, own.log_loss, loss)
    (found,) = calibration(client, selection).questions
    agree("Brier score, multi-class", SKLEARN, data, found.brier, brier)
    (thin,) = roc_curve(client, selection, max_points=10).questions
    assert thin.curves[0].points >= len(thin.curves[0].fpr)


def test_without_scores_there_is_no_roc_and_the_answer_says_why(client: Client) -> None:
    feed(client, "plain", {"1": [radio("a")]}, {"m": {"1": [radio("a")]}})
    found = roc_curve(client, Selection(dataset="plain", run="m"))
    assert found.questions == []
    assert "Detection has no ROC" in found.undefined["questions"]
    (own,) = classifications(client, Selection(dataset="plain", run="m")).questions
    assert (own.scored, own.log_loss, own.top_k_accuracy) == (0, None, None)
    assert {"log_loss", "top_k_accuracy"} <= own.undefined.keys()


def test_filters_apply_to_rankings(client: Client) -> None:
    """Split, metadata, type, feature and confidence choose cases; labels of scores cannot be rolled up."""
    rows = {str(k): {"split": "test" if k % 2 else "train", "metadata": {"k": k}} for k in range(8)}
    feed(
        client,
        "filters",
        {str(k): [radio("ab"[k % 3 % 2])] for k in range(8)},
        {"m": {str(k): [radio("a", confidence=k / 8, scores={"a": k / 8, "b": 0.5})] for k in range(8)}},
        rows=rows,
    )

    def cases(**filters: Any) -> int:
        found = roc_curve(client, Selection(dataset="filters", run="m", **filters)).questions
        return sum(own.cases for own in found)

    assert cases() == cases(type=["radio"]) == cases(feature=["q"]) == 8
    assert cases(split=["test"]) == 4
    assert cases(metadata=["k>=6"]) == 2
    assert cases(confidence=0.5) == 4
    assert cases(type=["bbox"]) == cases(feature=["other"]) == 0
    with pytest.raises(QuestionError, match="roll_up"):
        cases(roll_up=1)
