"""Curves read off at recalls that somebody names."""

from __future__ import annotations

import numpy as np
from evalstream.matching.at_thresholds import FALSE_POSITIVE, IGNORED, TRUE_POSITIVE
from evalstream.metrics.curves import Curves, curves

OUTCOMES = np.array([[IGNORED, FALSE_POSITIVE, TRUE_POSITIVE, TRUE_POSITIVE]], np.uint8)
SCORES = np.array([0.9, 0.8, 0.7, 0.6])


def followed(recalls: list[float], annotations: int = 4, most: tuple[int, ...] = (4,)) -> Curves:
    return curves(
        np.array([0, 4]),
        OUTCOMES,
        np.arange(4),
        SCORES,
        np.array([annotations]),
        np.array(recalls),
        np.array(most),
    )


def test_precision_is_the_best_at_a_recall_or_beyond() -> None:
    found = followed([0.0, 0.25, 0.5, 0.75])
    assert np.allclose(found.precision[0, :, 0, 0], [2 / 3, 2 / 3, 2 / 3, 0], rtol=1e-15)
    assert found.recall[0, 0, 0] == 0.5
    assert found.score[0, :, 0, 0].tolist() == [0.9, 0.7, 0.6, 0.0]


def test_beyond_the_first_recall_that_is_not_reached_all_are_0() -> None:
    assert followed([0.75, 0.25]).precision[0, :, 0, 0].tolist() == [0.0, 0.0]


def test_only_so_many_detections_count() -> None:
    found = followed([0.25], most=(0, 2, 3))
    assert found.recall[0, 0].tolist() == [0.0, 0.0, 0.25]
    assert found.precision[0, 0, 0].tolist() == [0.0, 0.0, 0.5]


def test_without_annotations_there_is_no_curve() -> None:
    found = followed([0.5], annotations=0)
    assert found.precision.ravel().tolist() == found.recall.ravel().tolist() == found.score.ravel().tolist() == [-1.0]
