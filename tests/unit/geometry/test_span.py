"""Overlap of spans: a span is a box of height 1."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from evalstream.geometry.bbox import box_pairs
from evalstream.geometry.span import span_pairs
from evalstream.ontology import NOTHING_DECLARED
from evalstream.scenes import Batch, Found, Scenes, Shapes
from evalstream.types import CODES
from hypothesis import given
from hypothesis import strategies as st

Span = tuple[int, int]
spans = st.lists(
    st.builds(lambda start, length: (start, start + length), st.integers(0, 30), st.integers(1, 12)), max_size=10
)
scenes_of_spans = st.lists(st.tuples(spans, spans), min_size=1, max_size=4)


def batch_of(scenes: list[tuple[list[Span], list[Span]]], kind: str) -> Batch:
    ends = [np.cumsum([len(scene[side]) for scene in scenes]) for side in (0, 1)]
    flat = [np.array([span for scene in scenes for span in scene[side]], np.float64).reshape(-1, 2) for side in (0, 1)]
    box = [np.stack([one[:, 0], 0 * one[:, 0], one[:, 1] - one[:, 0], 0 * one[:, 0] + 1], axis=1) for one in flat]
    types, features = ([np.full(len(one), code, np.int32) for one in flat] for code in (CODES[kind], 0))
    shapes = [
        Shapes(pa.array([""] * len(one)), np.arange(0, 2 * len(one) + 1, 2), one.ravel(), pa.array([""] * len(one)))
        for one in flat
    ]
    columns = Scenes(
        annotation_start=np.concatenate(([0], ends[0][:-1])).astype(np.int64),
        annotation_end=ends[0].astype(np.int64),
        prediction_start=np.concatenate(([0], ends[1][:-1])).astype(np.int64),
        prediction_end=ends[1].astype(np.int64),
        annotation_type=types[0],
        annotation_feature=features[0],
        annotation_area=np.zeros(len(flat[0])),
        annotation_crowd=np.zeros(len(flat[0]), np.bool_),
        annotation_difficult=np.zeros(len(flat[0]), np.bool_),
        annotation_box=box[0],
        prediction_type=types[1],
        prediction_feature=features[1],
        prediction_confidence=np.ones(len(flat[1])),
        prediction_area=np.zeros(len(flat[1])),
        prediction_box=box[1],
    )
    return Batch(columns, shapes[0], shapes[1], ["a"], np.zeros(len(scenes), np.bool_), NOTHING_DECLARED)


def as_set(found: Found) -> set[tuple[int, int, float]]:
    triples = list(zip(found.prediction.tolist(), found.annotation.tolist(), found.iou.tolist(), strict=True))
    assert len(set(triples)) == len(triples)
    return set(triples)


@given(scenes_of_spans)
def test_spans_overlap_as_boxes_do(scenes: list[tuple[list[Span], list[Span]]]) -> None:
    found = span_pairs(batch_of(scenes, "span"), CODES["span"])
    assert as_set(found) == as_set(box_pairs(batch_of(scenes, "bbox"), CODES["bbox"]))


def test_spans_that_touch_do_not_overlap() -> None:
    assert as_set(span_pairs(batch_of([([(0, 3)], [(3, 5), (2, 4)])], "span"), CODES["span"])) == {(1, 0, 0.25)}


def test_other_types_are_left_alone() -> None:
    batch = batch_of([([(0, 3)], [(0, 3)])], "span")
    batch.scenes.annotation_type[0] = CODES["bbox"]
    assert as_set(span_pairs(batch, CODES["span"])) == set()


def test_a_text_with_many_spans() -> None:
    spans = [(i, i + 3) for i in range(0, 60_000, 2)]
    batch = batch_of([(spans, spans)], "span")
    # With pairs of all, this would end by its timeout, or for want of memory.
    assert len(span_pairs(batch, CODES["span"]).iou) == 3 * len(spans) - 2
