"""Matching at thresholds and in ranges that somebody names."""

from __future__ import annotations

import numpy as np
from evalstream.geometry.dense import extents
from evalstream.matching.at_thresholds import FALSE_POSITIVE, IGNORED, TRUE_POSITIVE, Groups, match_at, match_group

THRESHOLDS = np.array([0.0, 0.5, 0.8])


def groups(**changes: list[float] | list[bool]) -> Groups:
    """One image and class: two predictions over three annotations, the last of them ignored."""
    given = {
        "iou": [0.6, 0.7, 0.9, 0.7, 0.7, 0.0],
        "ignored": [False, False, True],
        "crowd": [False, False, False],
        "annotation_area": [10.0, 20.0, 30.0],
        "told": [True, True, True],
        "prediction_area": [10.0, 40.0],
        "takes": [True, True],
    }
    columns = {name: np.array(values) for name, values in (given | changes).items()}
    return Groups(extents=extents(np.array([3]), np.array([2])), **columns)


def match(of: Groups, low: float = 0, high: float = 100) -> list[list[int]]:
    found: list[list[int]] = match_group(of, 0, low, high, THRESHOLDS).tolist()
    return found


def test_the_best_of_those_that_count_comes_before_any_that_does_not() -> None:
    assert match(groups()) == [[1, 0], [1, 0], [2, -1]]


def test_of_equal_overlaps_the_last_counts() -> None:
    assert match(groups(iou=[0.5, 0.5, 0.5, 0.5, 0.5, 0.5])) == [[1, 0], [1, 0], [-1, -1]]


def test_a_crowd_is_taken_again() -> None:
    of = groups(iou=[0.0, 0.0, 0.9, 0.0, 0.0, 0.9], crowd=[False, False, True])
    assert match(of)[1:] == [[2, 2], [2, 2]]
    assert match(groups(iou=[0.0, 0.0, 0.9, 0.0, 0.0, 0.9]))[1:] == [[2, -1], [2, -1]]


def test_a_prediction_whose_id_is_none_takes_nothing_away() -> None:
    assert match(groups(takes=[False, True])) == [[1, 1], [1, 1], [2, -1]]


def test_what_lies_outside_the_range_is_ignored_unless_it_is_matched() -> None:
    outcomes, annotations = match_at(groups(), 0.0, 30.0, THRESHOLDS)
    assert outcomes.tolist() == [[TRUE_POSITIVE] * 2, [TRUE_POSITIVE] * 2, [IGNORED, IGNORED]]
    assert annotations.tolist() == [2]
    outcomes, annotations = match_at(groups(), 0.0, 10.0, THRESHOLDS)
    assert outcomes[2].tolist() == [IGNORED, IGNORED]
    assert annotations.tolist() == [1]
    outcomes, _ = match_at(groups(), 0.0, 100.0, THRESHOLDS)
    assert outcomes[2].tolist() == [IGNORED, FALSE_POSITIVE]


def test_a_match_of_id_0_is_none() -> None:
    outcomes, annotations = match_at(groups(told=[True, False, True]), 0.0, 100.0, THRESHOLDS)
    assert outcomes.tolist() == [[FALSE_POSITIVE, TRUE_POSITIVE]] * 2 + [[IGNORED, FALSE_POSITIVE]]
    assert annotations.tolist() == [2]
