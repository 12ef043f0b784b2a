"""Curves of precision over recall, read off at recalls that somebody names: pycocotools, ``COCOeval.accumulate``."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from evalstream.matching.at_thresholds import Outcomes
from evalstream.native import compiled
from evalstream.scenes import Float, Int


class Curves(NamedTuple):
    """−1 where a class has no annotations."""

    precision: Float  # (thresholds, recalls, classes, numbers of detections): the best at that recall or beyond
    recall: Float  # (thresholds, classes, numbers of detections): the final one
    score: Float  # like precision: the score at which the recall is reached


_SPACING = float(np.spacing(1))


def curves(
    start: Int, outcomes: Outcomes, rank: Int, score: Float, annotations: Int, recalls: Float, most: Int
) -> Curves:
    """Follow the curves of each class, at each threshold and number of detections.

    Parameters
    ----------
    start : (classes + 1,) int64
        The detections of class k are ``start[k] : start[k + 1]``, in decreasing order of score.
    outcomes : (thresholds, detections) uint8
        What each detection is.
    rank, score : (detections,)
        Its place among those of its image and class, from 0, and its score.
    annotations : (classes,) int64
        How many annotations of the class count.
    recalls, most : float64, int64 arrays
        Where precision is read off, and how many detections of an image and class count.
    """
    thresholds, classes = len(outcomes), len(annotations)
    precision, final, scores = _curves(start, outcomes, rank, score, annotations, recalls, most, _SPACING, thresholds)
    shape = thresholds, len(recalls), classes, len(most)
    return Curves(precision.reshape(shape), final.reshape(thresholds, classes, len(most)), scores.reshape(shape))


@compiled
def _curves(
    start: Int,
    outcomes: Outcomes,
    rank: Int,
    score: Float,
    annotations: Int,
    recalls: Float,
    most: Int,
    spacing: float,
    thresholds: int,
) -> Curves: ...
