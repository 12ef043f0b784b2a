"""Whether confidences are what they say: reliability bins, expected and maximum calibration error.

Reference: scikit-learn, ``calibration_curve``; Naeini, Cooper, Hauskrecht (2015) for ECE and MCE.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np

from evalstream.scenes import Float, Int

Strategy = Literal["uniform", "quantile"]


class Bins(NamedTuple):
    """Reliability bins. Bin i holds ``edges[i] < confidence <= edges[i + 1]``, the first one its left edge too."""

    edges: Float  # (bins + 1,)
    number: Int  # (bins,): predictions
    correct: Int
    confidence: Float  # (bins,): the sum of the predictions' confidences

    def gap(self) -> Float:
        """Gap between the share of correct ones and the mean confidence, in every bin that holds any; NaN elsewhere."""
        with np.errstate(invalid="ignore"):
            return np.abs(self.correct / self.number - self.confidence / self.number)

    def expected_error(self) -> float | None:
        """ECE: the mean gap, weighted by predictions."""
        total = int(self.number.sum())
        return math.fsum(np.nan_to_num(self.gap() * self.number)) / total if total else None

    def maximum_error(self) -> float | None:
        """MCE: the largest gap."""
        return float(np.nanmax(self.gap())) if np.any(self.number) else None


def reliability(confidence: Float, count: Int, correct: Int, bins: int, strategy: Strategy = "uniform") -> Bins:
    """Sort predictions into bins by confidence.

    Parameters
    ----------
    confidence : (n,) float64
        Distinct confidences in [0, 1], increasing.
    count, correct : (n,) int64
        How many predictions have that confidence, and how many of these are correct.
    bins : int
        How many.
    strategy : str
        ``uniform``: of equal width, from 0 to 1. ``quantile``: edges at the quantiles of all confidences, linearly
        interpolated (``numpy.percentile``); with many equal confidences some bins are empty, as in scikit-learn.
    """
    at = np.linspace(0.0, 1.0, bins + 1)
    edges = _quantiles(confidence, count, at) if strategy == "quantile" and len(confidence) else at
    bin_of = np.searchsorted(edges[1:-1], confidence)
    return Bins(
        edges,
        np.bincount(bin_of, count, bins).astype(np.int64),
        np.bincount(bin_of, correct, bins).astype(np.int64),
        np.bincount(bin_of, confidence * count, bins).astype(np.float64),
    )


def _quantiles(value: Float, count: Int, at: Float) -> Float:
    return np.percentile(np.repeat(value, count), at * 100)
