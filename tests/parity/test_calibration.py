"""Reliability bins and calibration errors against scikit-learn's bins and the definitions written out."""

from __future__ import annotations

import itertools
import math
import random
from typing import Any

import numpy as np
import pytest
from clickhouse_connect.driver.client import Client
from evalstream.matching import POLICIES
from evalstream.metrics.calibration import Strategy
from evalstream.queries.calibration import Calibration, calibration
from evalstream.selection import Selection
from sklearn.calibration import calibration_curve

from tests.feeding import feed
from tests.oracles import nested as oracle
from tests.parity.conftest import Agree

SKLEARN = "scikit-learn 1.9 calibration_curve"
WRITTEN_OUT = "the definition, written out"


def written_out(confidence: list[float], correct: list[bool], edges: list[float]) -> tuple[float, float]:
    """ECE and MCE, bin by bin."""
    expected, largest = 0.0, 0.0
    for i, (low, high) in enumerate(itertools.pairwise(edges)):
        own = [(c, ok) for c, ok in zip(confidence, correct, strict=True) if low < c <= high or (i == 0 and c == low)]
        if own:
            gap = abs(sum(ok for _, ok in own) / len(own) - math.fsum(c for c, _ in own) / len(own))
            expected += gap * len(own) / len(confidence)
            largest = max(largest, gap)
    return expected, largest


def compare(
    agree: Agree, data: str, found: Calibration, confidence: list[float], correct: list[bool], how: str
) -> None:
    assert (found.predictions, found.correct) == (len(confidence), sum(correct))
    if len(set(correct)) == 2:
        share, mean = calibration_curve(correct, confidence, n_bins=len(found.bins), strategy=how)
        held = [own for own in found.bins if own.count]
        agree(f"reliability bins, {how}", SKLEARN, data, [own.accuracy for own in held], list(share))
        agree(f"reliability bins, {how}", SKLEARN, data, [own.mean_confidence for own in held], list(mean))
    edges = [own.low for own in found.bins] + [found.bins[-1].high]
    ece, mce = written_out(confidence, correct, edges)
    agree(f"ECE, {how}", WRITTEN_OUT, data, found.ece, ece)
    agree(f"MCE, {how}", WRITTEN_OUT, data, found.mce, mce)


@pytest.mark.parametrize("policy", list(POLICIES))
def test_calibration_of_scenes(client: Client, agree: Agree, policy: str) -> None:
    rng = random.Random(12)
    scenes = [(oracle.random_side(rng, "predictions"), oracle.random_side(rng, "annotations")) for _ in range(40)]
    feed(
        client,
        "scenes",
        {str(k): [oracle.as_object(node, "annotations") for node in true] for k, (_, true) in enumerate(scenes)},
        {"m": {str(k): [oracle.as_object(n, "predictions") for n in said] for k, (said, _) in enumerate(scenes)}},
    )
    numbers = (1, 4, 10)  # of bins: confidences of 0.25, 0.5 and 1 lie on edges
    for place, (c, t) in enumerate(((0.0, 0.5), (0.25, 0.2), (0.9, 0.8)), list(POLICIES).index(policy)):
        confidence, correct = [], []
        for said, true in scenes:
            found, labels = oracle.parts(said), [part.label for part in oracle.parts(true)]
            pairs, ignored = oracle.matches(policy, said, true, c, t)
            right = {i for i, j in pairs if found[i].label == labels[j]}
            for i, part in enumerate(found):
                if part.counted and part.confidence >= c and i not in ignored:
                    confidence.append(part.confidence)
                    correct.append(i in right)
        selection = Selection(dataset="scenes", run="m", policy=policy, confidence=c, iou=t)
        strategies: tuple[Strategy, ...] = ("uniform", "quantile")
        for i, strategy in enumerate(strategies):
            ours = calibration(client, selection, bins=numbers[(place + i) % len(numbers)], strategy=strategy)
            compare(agree, "40 random scenes, nested answers", ours, confidence, correct, strategy)


def test_calibration_by_the_score_of_the_answer(client: Client, agree: Agree) -> None:
    rng = np.random.default_rng(3)
    options = "abc"
    scores = rng.dirichlet(np.ones(3), 200).round(2)
    truth, said = rng.integers(0, 3, 200), scores.argmax(1)

    def radio(answer: int, **more: Any) -> dict[str, Any]:
        return {"type": "radio", "feature": "q", "answer": options[answer], **more}

    feed(
        client,
        "answers",
        {str(k): [radio(a)] for k, a in enumerate(truth)},
        {"m": {str(k): [radio(a, scores=dict(zip(options, scores[k], strict=True)))] for k, a in enumerate(said)}},
    )
    selection = Selection(dataset="answers", run="m")
    by_score = calibration(client, selection, value="score")
    compare(agree, "200 random answers", by_score, scores.max(1).tolist(), (truth == said).tolist(), "uniform")
    by_confidence = calibration(client, selection)
    assert by_confidence.bins[-1].count == 200, "a confidence that is not sent is 1"


def test_of_nothing(client: Client) -> None:
    found = calibration(client, Selection(dataset="nothing", run="m"))
    assert (found.predictions, found.ece, found.mce) == (0, None, None)
    assert {"ece", "mce"} <= found.undefined.keys()
