"""The model runs: how each is trained and what it says.

The runs learn from scenes of their own, drawn with training digits alone, through the same detector that they will
use later: what they see in training is what the detector makes of a scene, its mistakes among it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from evalstream_demo.detector import locate
from evalstream_demo.scenes import CLASSES, Floats, Ints, Scene
from evalstream_demo.sharpness import sharpness_features

#: The classifiers' eleventh class: what the detector found is no digit.
NOTHING = len(CLASSES)


class Run(NamedTuple):
    """A trained run: its own way to find digits, its classifier of them, and its judge of sharpness."""

    flatten: bool
    digits: Any
    sharpness: Any


def train_runs(scenes: list[Scene]) -> dict[str, Run]:
    """Train both runs on ``scenes``: a plain one, and one that minds the lighting and bends its boundaries."""
    edges = np.array([sharpness_features(scene.image) for scene in scenes])
    answers = [scene.sharpness for scene in scenes]
    return {
        "logreg": Run(
            flatten=False,
            digits=_linear(0.02).fit(*_digit_examples(scenes, flatten=False)),
            sharpness=_linear(1.0).fit(edges, answers),
        ),
        "svm": Run(
            flatten=True,
            digits=_kernel(5.0).fit(*_digit_examples(scenes, flatten=True)),
            sharpness=_kernel(5.0).fit(edges, answers),
        ),
    }


def _linear(strength: float) -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=300))


def _kernel(strength: float) -> Any:
    # The machine itself gives margins; cross-validated calibration turns them into probabilities.
    return make_pipeline(StandardScaler(), CalibratedClassifierCV(SVC(C=strength), ensemble=False))


def _digit_examples(scenes: list[Scene], *, flatten: bool) -> tuple[Floats, Ints]:
    """Detections in ``scenes``, and the true class of each."""
    located = [locate(scene.image, flatten=flatten) for scene in scenes]
    features = np.concatenate([one.features for one in located])
    labels = np.concatenate([label_located(one.boxes, scene) for one, scene in zip(located, scenes, strict=True)])
    return features[labels >= 0], labels[labels >= 0]


def label_located(boxes: Floats, scene: Scene) -> Ints:
    """Return the true class of each located box: a class, ``NOTHING``, or −1 where it is part of a digit or several."""
    if not len(scene.boxes):
        return np.full(len(boxes), NOTHING, dtype=np.int64)
    overlaps = iou(boxes, scene.boxes)
    best = overlaps.max(axis=1)
    return np.where(best >= 0.5, scene.labels[overlaps.argmax(axis=1)], np.where(best < 0.3, NOTHING, -1))


def iou(boxes: Floats, others: Floats) -> Floats:
    """Intersection over union of every box [x, y, width, height] with every other, n x m."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, :2] + boxes[:, None, 2:], others[None, :, :2] + others[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    areas: Floats = boxes[:, 2:].prod(axis=1)[:, None] + others[:, 2:].prod(axis=1)[None] - shared
    return np.asarray(shared / areas, dtype=np.float64)


def classify(model: Any, features: Floats) -> tuple[Ints, Floats]:
    """Name the likeliest digit for each row of ``features``, and its probability against all else, ``NOTHING`` too."""
    if not len(features):
        return np.zeros(0, dtype=np.int64), np.zeros(0)
    known = model.classes_ < NOTHING
    probabilities = model.predict_proba(features)[:, known]
    return model.classes_[known][probabilities.argmax(axis=1)], probabilities.max(axis=1)


def judge_sharpness(model: Any, features: Floats) -> list[dict[str, float]]:
    """Answer the question of sharpness for each row of ``features``: the probability of every answer."""
    answers = [str(answer) for answer in model.classes_]
    return [dict(zip(answers, row.tolist(), strict=True)) for row in model.predict_proba(features)]
