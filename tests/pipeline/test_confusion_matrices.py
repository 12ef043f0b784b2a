"""Confusion matrices at all thresholds at once: each is the one that is asked for alone."""

from __future__ import annotations

from typing import Any, Final

import evalstream
import numpy as np
import pytest
from evalstream.evaluation import Evaluation
from evalstream.scoring import matrices
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.awkward import AWKWARD
from tests.pipeline.test_evaluation import tables

#: Numbers that scores and overlaps of the datasets are, and others.
AT: Final = (0.0, 0.05, 0.25, 0.5, 0.75, 0.9, 1.0)
FILTERS: Final[tuple[dict[str, Any], ...]] = (
    {},
    {"policy": "coco", "area": "small"},
    {"policy": "coco", "area": "medium"},
    {"policy": "coco", "at_threshold": "no-match"},
    {"policy": "iou-greedy", "at_threshold": "match"},
    {"policy": "iou-greedy", "feature": ["A", "car", "thing"]},
    {"policy": "best-candidate", "both_sides": True},
    {"type": ["bbox", "radio"]},
)


def same_as_alone(evaluation: Evaluation, confidence: tuple[float, ...], iou: tuple[float, ...], **asked: Any) -> None:
    """Compare each with the matrix that is asked for alone."""
    found = evaluation.confusion_matrices(confidence, iou, **asked)
    assert found.counts.shape == (len(found.actual), len(confidence), len(iou))
    place = {name: i for i, name in enumerate(found.labels)} | {None: -1}
    for i, c in enumerate(confidence):
        for j, t in enumerate(iou):
            cells = evaluation.confusion_matrix(confidence=c, iou=t, limit=100_000, **asked).cells
            expected = np.zeros((len(found.labels) + 1,) * 2, np.int64)
            for cell in cells:
                expected[place[cell.actual], place[cell.predicted]] = cell.count
            np.testing.assert_array_equal(found.at(i, j), expected)


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_datasets(name: str) -> None:
    annotated, first, _ = tables(AWKWARD[name])
    evaluation = Evaluation(annotated, first)
    for asked in FILTERS[:1] + FILTERS[len(name) % 3 + 1 :: 3]:
        same_as_alone(evaluation, (0.0, 0.5, 0.9), (0.0, 0.5, 1.0), **asked)


_PLACE: Final = st.sampled_from([0, 0, 2, 30])
_SIDE: Final = st.sampled_from([10, 30, 30, 34])
_BOX: Final = st.tuples(_PLACE, _PLACE, _SIDE, _SIDE)


def test_a_prediction_outside_the_area_range_counts_where_it_is_matched() -> None:
    box = {"image_id": 1, "category_id": 1, "bbox": [0, 0, 30, 30]}
    truth = {
        "images": [{"id": 1}],
        "categories": [{"id": 1, "name": "a"}],
        "annotations": [box | {"id": 1, "area": 900, "iscrowd": 0}],
    }
    larger, elsewhere = box | {"bbox": [0, 0, 34, 34], "score": 0.8}, box | {"bbox": [100, 0, 30, 30], "score": 0.7}
    evaluation = evalstream.evaluate(truth, [larger, elsewhere])
    same_as_alone(evaluation, AT, AT, area="small")
    found = evaluation.confusion_matrices([0.5], [0.5, 0.9], area="small")
    assert found.counts[:, 0].tolist() == [[1, 0], [0, 1], [1, 1]]  # right, missed, a false alarm


@given(
    st.lists(st.tuples(_BOX, st.integers(1, 2), st.sampled_from([0, 0, 0, 1])), max_size=5),
    st.lists(st.tuples(_BOX, st.integers(1, 3), st.sampled_from(AT)), min_size=1, max_size=6),
    st.sampled_from(["coco", "iou-greedy", "best-candidate"]),
    st.sampled_from([{}, {}, {"area": "small"}, {"feature": ["a"]}, {"at_threshold": "match"}]),
)
def test_random_boxes(annotations: Any, detections: Any, policy: Any, asked: dict[str, Any]) -> None:
    truth = {
        "images": [{"id": 1}],
        "categories": [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}],
        "annotations": [
            {"id": i + 1, "image_id": 1, "category_id": k, "bbox": box, "area": box[2] * box[3], "iscrowd": crowd}
            for i, (box, k, crowd) in enumerate(annotations)
        ],
    }
    found = [{"image_id": 1, "category_id": k, "bbox": box, "score": score} for box, k, score in detections]
    if "area" in asked:
        policy = "coco"
    evaluation = evalstream.evaluate({**truth} if annotations else _with_one(truth), found, policy=policy)
    same_as_alone(evaluation, AT[::2], AT[1::2], **asked)


def _with_one(truth: dict[str, Any]) -> dict[str, Any]:
    """A file of which no record can be read is refused."""
    one = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 10, 10], "area": 100, "iscrowd": 1}
    return truth | {"annotations": [one]}


@pytest.mark.parametrize("wrong", [[], [0.5, 0.5], [0.5, 0.4], [-0.1], [1.1], [float("nan")], 0.5, [[0.5]]])
def test_thresholds_must_ascend(wrong: Any) -> None:
    annotated, first, _ = tables(AWKWARD["every type"])
    evaluation = Evaluation(annotated, first)
    with pytest.raises(evalstream.QuestionError, match="confusion_matrices: iou: must be numbers from 0 to 1, each"):
        evaluation.confusion_matrices(iou=wrong)
    with pytest.raises(evalstream.QuestionError, match="confusion_matrices: confidence: must be"):
        evaluation.confusion_matrices(confidence=wrong)


def test_what_is_not_counted_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    annotated, first, _ = tables(AWKWARD["every type"])
    evaluation = Evaluation(annotated, first)
    with pytest.raises(evalstream.QuestionError, match="confusion_matrices: classes that are rolled up"):
        evaluation.confusion_matrices(roll_up=1)
    with pytest.raises(evalstream.QuestionError, match="confusion_matrices: page: no filter"):
        evaluation.confusion_matrices(page=1)  # type: ignore[call-arg]
    monkeypatch.setattr(matrices, "_MOST", 1000)
    with pytest.raises(evalstream.QuestionError, match=r"at 10,201 thresholds are more than 4 GB: ask for fewer"):
        evaluation.confusion_matrices()
