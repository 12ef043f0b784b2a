"""Scores of counts against scikit-learn: random scenes of boxes, answers and what is nested in them, matched by hand.

What was matched to nothing is, to scikit-learn, one more label: "nothing".
"""

from __future__ import annotations

import math
import random
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np
import pytest
from clickhouse_connect.driver.client import Client
from evalstream.matching import POLICIES
from evalstream.metrics.scores import ZeroDivision
from evalstream.queries.classifications import classifications
from evalstream.queries.confusion_matrix import classes, confusion_matrix
from evalstream.queries.summary import summary
from evalstream.selection import Selection
from evalstream.stored.label_counts import AverageScores, Scoring
from sklearn import metrics as sk

from tests.feeding import feed
from tests.oracles import nested as oracle
from tests.oracles.nested import Node
from tests.parity.conftest import Agree

SKLEARN = "scikit-learn 1.9"
DATA = "60 random scenes, nested answers"
NOTHING = "∅"
THRESHOLDS = ((0.0, 0.5), (0.25, 0.3), (0.5, 0.8), (0.9, 0.0), (1.0, 0.5))
MODES: dict[ZeroDivision, float] = {"exclude": math.nan, "zero": 0.0, "one": 1.0}

Labels = list[tuple[str, str]]  # (actual, predicted) of each case
OfThresholds = Callable[[str, float, float], Labels]


class Scene(NamedTuple):
    predictions: list[Node]
    annotations: list[Node]


@pytest.fixture(scope="module")
def scenes(client: Client) -> list[Scene]:
    rng = random.Random(3)
    found = [Scene(oracle.random_side(rng, "predictions"), oracle.random_side(rng, "annotations")) for _ in range(60)]
    events = {
        side: {str(k): [oracle.as_object(node, side) for node in getattr(scene, side)] for k, scene in enumerate(found)}
        for side in ("predictions", "annotations")
    }
    feed(client, "scenes", events["annotations"], {"m": events["predictions"]})
    return found


def labels_of(scenes: Sequence[Scene], policy: str, c: float, t: float) -> Labels:
    """The labels of each pair, and of what was matched to nothing."""
    found: Labels = []
    for scene in scenes:
        actual, predicted, pairs = oracle.counts(policy, scene.predictions, scene.annotations, c, t)
        found += pairs.elements()
        found += [(label, NOTHING) for label in (actual - Counter(a for a, _ in pairs.elements())).elements()]
        found += [(NOTHING, label) for label in (predicted - Counter(p for _, p in pairs.elements())).elements()]
    return found


@pytest.fixture(scope="module")
def labels(scenes: list[Scene]) -> OfThresholds:
    """Give the labels under a policy and thresholds, worked out once for all tests."""
    return cache(partial(labels_of, scenes))


def questions_of(scenes: Sequence[Scene]) -> dict[str, str]:
    """Which question each answer to a radio question answers."""
    return {
        part.label: part.label.removesuffix(f"={part.node.answer}")
        for scene in scenes
        for side in scene
        for part in oracle.parts(side)
        if part.node.type == "radio"
    }


def quiet(function: Callable[..., Any], *given: Any, **named: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*given, **named)


@pytest.mark.parametrize("policy", list(POLICIES))
def test_scores_of_labels_and_their_averages(
    client: Client, scenes: list[Scene], labels: OfThresholds, agree: Agree, policy: str
) -> None:
    questions = questions_of(scenes)
    for c, t in THRESHOLDS:
        found = labels(policy, c, t)
        actual, predicted = zip(*found, strict=True)
        names = sorted(set(actual + predicted) - {NOTHING})
        numbers = {name: i for i, name in enumerate([*names, NOTHING])}  # scikit-learn takes longer over texts
        codes = range(len(names))
        true, said = (np.array([numbers[name] for name in side]) for side in (actual, predicted))
        selection = Selection(dataset="scenes", run="m", policy=policy, confidence=c, iou=t)
        for mode, stand_in in MODES.items():
            beta = {"exclude": 1.0, "zero": 2.0, "one": 0.5}[mode]
            ours = classes(client, selection, scoring=Scoring(beta=beta, zero_division=mode))
            assert [own.label for own in ours.classes] == names
            per_class = quiet(
                sk.precision_recall_fscore_support,
                true,
                said,
                labels=codes,
                beta=beta,
                zero_division=math.nan,
            )
            for name, theirs in zip(("precision", "recall", "f_beta"), per_class, strict=False):
                agree(f"{name}, per class", SKLEARN, DATA, [getattr(own, name) for own in ours.classes], list(theirs))
            whole = summary(client, selection, Scoring(beta=beta, zero_division=mode))
            assert whole.averages == ours.averages
            agree_averages(agree, ours.averages, true, said, codes, mode, stand_in, beta)
        jaccard = sk.jaccard_score(true, said, labels=codes, average=None)
        agree("Jaccard, per class", SKLEARN, DATA, [own.jaccard for own in ours.classes], list(jaccard))
        agree_true_negatives(agree, {own.label: own for own in ours.classes}, found, questions)


def agree_averages(
    agree: Agree,
    ours: AverageScores,
    actual: np.ndarray[Any, Any],
    predicted: np.ndarray[Any, Any],
    codes: range,
    mode: ZeroDivision,
    stand_in: float,
    beta: float,
) -> None:
    for average in ("micro", "macro", "weighted"):
        for own_beta, third in ((beta, "f_beta"), (1.0, "f1")):
            theirs = quiet(
                sk.precision_recall_fscore_support,
                actual,
                predicted,
                labels=codes,
                beta=own_beta,
                average=average,
                zero_division=stand_in,
            )
            figures = getattr(ours, average)
            for name, value in zip(("precision", "recall", third), theirs, strict=False):
                metric = f"{name}, {average}, zero_division={mode}"
                agree(metric, SKLEARN, DATA, getattr(figures, name), float(value))
        theirs = sk.jaccard_score(actual, predicted, labels=codes, average=average)
        agree(f"Jaccard, {average}", SKLEARN, DATA, getattr(ours, average).jaccard, theirs)


def agree_true_negatives(agree: Agree, ours: dict[str, Any], found: Labels, questions: dict[str, str]) -> None:
    """One against the rest, over the cases of the question; objects have none."""
    for label, own in ours.items():
        if label not in questions:
            assert own.tn is own.specificity is own.accuracy_one_vs_rest is None
            continue
        cases = [pair for pair in found if {questions.get(name) for name in pair} & {questions[label]}]
        ((tn, fp), (fn, tp)) = sk.multilabel_confusion_matrix(*zip(*cases, strict=True), labels=[label])[0].tolist()
        assert (own.tn, own.fp, own.fn, own.tp) == (tn, fp, fn, tp)
        true, said = ([name == label for name in side] for side in zip(*cases, strict=True))
        specificity = quiet(sk.recall_score, true, said, pos_label=False, zero_division=math.nan)
        agree("specificity, per class", SKLEARN, DATA, own.specificity, specificity)
        agree("accuracy, one against the rest", SKLEARN, DATA, own.accuracy_one_vs_rest, sk.accuracy_score(true, said))


@pytest.mark.parametrize("unanswered", ["wrong", "ignore"])
@pytest.mark.parametrize("policy", list(POLICIES))
def test_agreement_of_each_question(
    client: Client, scenes: list[Scene], labels: OfThresholds, agree: Agree, policy: str, unanswered: Any
) -> None:
    of_label = questions_of(scenes)
    for c, t in THRESHOLDS:
        found = labels(policy, c, t)
        selection = Selection(dataset="scenes", run="m", policy=policy, confidence=c, iou=t)
        ours = {own.question: own for own in classifications(client, selection, unanswered=unanswered).questions}
        asked = {of_label[name] for pair in found for name in pair if name in of_label}
        assert set(ours) == asked
        for question, own in ours.items():
            everything = [pair for pair in found if question in {of_label.get(name) for name in pair}]
            answered = [pair for pair in everything if NOTHING not in pair]
            cases = everything if unanswered == "wrong" else answered
            assert (own.cases, own.answered) == (len(cases), len(answered))
            assert own.missing == sum(predicted == NOTHING for _, predicted in everything)
            assert own.unasked == sum(actual == NOTHING for actual, _ in everything)
            cells = Counter({(cell.actual or NOTHING, cell.predicted or NOTHING): cell.count for cell in own.confusion})
            assert cells == Counter(cases)
            if not cases:
                assert own.accuracy is own.balanced_accuracy is own.kappa is own.mcc is None
                continue
            actual, predicted = zip(*cases, strict=True)
            numbers = {name: i for i, name in enumerate(sorted({*actual, *predicted}))}
            true, said = (np.array([numbers[name] for name in side]) for side in (actual, predicted))
            data = f"{DATA}: unanswered={unanswered}"
            agree("accuracy", SKLEARN, data, own.accuracy, sk.accuracy_score(true, said))
            there = sorted(set(actual) - {NOTHING})
            if there:
                labels_there = [numbers[name] for name in there]
                recall = quiet(sk.recall_score, true, said, labels=labels_there, average="macro")
                agree("balanced accuracy", SKLEARN, data, own.balanced_accuracy, recall)
            agree("kappa", SKLEARN, data, own.kappa, quiet(sk.cohen_kappa_score, true, said))
            if len(set(actual)) > 1 and len(set(predicted)) > 1:
                agree("MCC", SKLEARN, data, own.mcc, sk.matthews_corrcoef(true, said))
            else:  # scikit-learn gives 0
                assert own.mcc is None
                assert "mcc" in own.undefined
            names = sorted(set(actual + predicted) - {NOTHING})
            assert [score.label for score in own.classes] == names


@pytest.mark.parametrize("policy", list(POLICIES))
def test_matrices_sum_to_the_objects_with_nested_answers(client: Client, labels: OfThresholds, policy: str) -> None:
    rng = random.Random(8)
    for _ in range(15):
        c, t = rng.choice((0.0, 0.25, 0.5, 0.7, 1.0)), rng.random()
        selection = Selection(dataset="scenes", run="m", policy=policy, confidence=c, iou=t)
        cells = {
            (cell.actual or NOTHING, cell.predicted or NOTHING): cell.count
            for cell in confusion_matrix(client, selection).cells
        }
        assert cells == Counter(labels(policy, c, t))
        rows, columns = Counter[str](), Counter[str]()
        for (actual, predicted), count in cells.items():
            rows[actual] += count
            columns[predicted] += count
        for own in classes(client, selection).classes:
            assert (rows[own.label], columns[own.label]) == (own.annotations, own.predictions)


def test_figures_that_are_null_say_why(client: Client, scenes: list[Scene]) -> None:
    for c, t in THRESHOLDS:
        selection = Selection(dataset="scenes", run="m", confidence=c, iou=t)
        for answer in (summary(client, selection), classes(client, selection), classifications(client, selection)):
            assert_reasons(answer.model_dump(), {})
    whole = summary(client, Selection(dataset="scenes", run="m", feature=["colour"]))
    (own,) = classifications(client, Selection(dataset="scenes", run="m", feature=["colour"])).questions
    for name in ("accuracy", "balanced_accuracy", "kappa", "mcc"):
        assert getattr(whole, name) == getattr(own, name) is not None


def assert_reasons(answer: Any, reasons: dict[str, str]) -> None:
    """Every null stands for a reason, given where it stands or above; cells and names apart."""
    if isinstance(answer, dict):
        reasons = reasons | answer.get("undefined", {})
        for name, value in answer.items():
            assert value is not None or name in reasons or name in ("actual", "predicted"), name
            assert_reasons(value, reasons)
    elif isinstance(answer, list):
        for item in answer:
            assert_reasons(item, reasons)


def test_dice_is_that_of_the_overlaps(client: Client) -> None:
    box = {"type": "bbox", "feature": "car"}
    true = [box | {"bbox": [10.0 * k, 0, 8, 8]} for k in range(3)]
    found = [box | {"bbox": [10.0 * k, 0, 8, 8 - k]} for k in range(3)]
    feed(client, "dice", {"1": true}, {"m": {"1": found}})
    ious = np.array([1, 7 / 8, 6 / 8])
    (own,) = classes(client, Selection(dataset="dice", run="m", iou=0.1)).classes
    assert own.mean_iou == pytest.approx(ious.mean(), abs=1e-15)
    assert own.dice == pytest.approx((2 * ious / (1 + ious)).mean(), abs=1e-15)
    assert own.dice == pytest.approx(np.mean([2 * 8 * h / (64 + 8 * h) for h in (8, 7, 6)]), abs=1e-15)
    assert summary(client, Selection(dataset="dice", run="m", iou=0.1)).dice == own.dice
