"""Curves of precision over recall, read off at recalls that somebody names: pycocotools, ``COCOeval.accumulate``."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from evalstream.matching.at_thresholds import IGNORED, TRUE_POSITIVE, Outcomes
from evalstream.scenes import Float, Int


class Curves(NamedTuple):
    """−1 where a class has no annotations."""

    precision: Float  # (thresholds, recalls, classes, numbers of detections): the best at that recall or beyond
    recall: Float  # (thresholds, classes, numbers of detections): the final one
    score: Float  # like precision: the score at which the recall is reached


_SPACING = float(np.spacing(1))


@njit(cache=True, nogil=True)
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
    precision = np.full((thresholds, len(recalls), classes, len(most)), -1.0)
    final = np.full((thresholds, classes, len(most)), -1.0)
    scores = precision.copy()
    for k in range(classes):
        if annotations[k] == 0:
            continue
        precision_at = np.empty(start[k + 1] - start[k], np.float64)
        recall_at = np.empty_like(precision_at)
        score_at = np.empty_like(precision_at)
        for m in range(len(most)):
            for t in range(thresholds):
                # Points after a true positive: at other points precision is lower than before, and recall no higher.
                tp = seen = some = 0
                top = 0.0
                for i in range(start[k], start[k + 1]):
                    if rank[i] >= most[m]:
                        continue
                    if some == 0:
                        top = score[i]
                    some += 1
                    if outcomes[t, i] == IGNORED:
                        continue
                    seen += 1
                    if outcomes[t, i] == TRUE_POSITIVE:
                        tp += 1
                        recall_at[tp - 1] = tp / annotations[k]
                        precision_at[tp - 1] = tp / (seen + _SPACING)
                        score_at[tp - 1] = score[i]
                for i in range(tp - 2, -1, -1):
                    precision_at[i] = max(precision_at[i], precision_at[i + 1])
                final[t, k, m] = tp / annotations[k]
                precision[t, :, k, m] = 0.0
                scores[t, :, k, m] = 0.0
                for j in range(len(recalls)):
                    if recalls[j] <= 0 and some > 0:  # reached before anything is found
                        precision[t, j, k, m] = precision_at[0] if tp > 0 else 0.0
                        scores[t, j, k, m] = top
                        continue
                    at = np.searchsorted(recall_at[:tp], recalls[j])
                    if at == tp:
                        break  # pycocotools gives up at the first recall that is not reached
                    precision[t, j, k, m] = precision_at[at]
                    scores[t, j, k, m] = score_at[at]
    return Curves(precision, final, scores)
