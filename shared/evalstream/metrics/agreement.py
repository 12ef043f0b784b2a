"""Agreement of two labellings of the same cases: accuracy, balanced accuracy, Cohen's kappa, Matthews' correlation.

From the marginal counts of the confusion matrix and its diagonal alone, so the number of classes costs nothing.
Reference: scikit-learn, ``accuracy_score``, ``balanced_accuracy_score``, ``cohen_kappa_score``, ``matthews_corrcoef``.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from evalstream.metrics.scores import ratio
from evalstream.scenes import Int


class Agreement(NamedTuple):
    """None where it is not defined."""

    accuracy: float | None  # the share of cases in which both say the same; None without cases
    balanced_accuracy: float | None  # the mean recall over the classes that are there; None if none is
    kappa: float | None  # agreement beyond chance; None if both say one and the same thing throughout
    mcc: float | None  # multi-class (Gorodkin's R_K); None if either side says one thing throughout


def agreement(actual: Int, predicted: Int, correct: Int, cases: int) -> Agreement:
    """Measure how far truth and prediction agree.

    Parameters
    ----------
    actual, predicted : (classes,) int64
        In how many cases the class was there, and in how many it was said.
    correct : (classes,) int64
        In how many both.
    cases : int
        All cases. Those in which there was nothing, or nothing was said, are counted as one more label, "nothing".
    """
    truth = [*actual.tolist(), cases - int(actual.sum())]
    said = [*predicted.tolist(), cases - int(predicted.sum())]
    right = int(correct.sum())
    there = actual > 0
    # In Python's integers: exact, however large the squares.
    chance = sum(t * p for t, p in zip(truth, said, strict=True))
    spread = (cases**2 - sum(t * t for t in truth)) * (cases**2 - sum(p * p for p in said))
    return Agreement(
        accuracy=ratio(right, cases),
        balanced_accuracy=float(np.mean(correct[there] / actual[there])) if np.any(there) else None,
        kappa=1 - cases * (cases - right) / (cases**2 - chance) if cases**2 != chance else None,
        mcc=(right * cases - chance) / math.sqrt(spread) if spread else None,
    )
