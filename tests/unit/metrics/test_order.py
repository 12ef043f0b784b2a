"""Detections by class and confidence: where confidences are equal, the order in which they came stays."""

from __future__ import annotations

import numpy as np
from evalstream.metrics.detections import by_class, by_confidence
from hypothesis import given
from hypothesis import strategies as st

_DETECTIONS = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from([0.0, -0.0, 0.5, 0.25, -1.0, 1e-300, float("inf")]), st.booleans())
)


@given(_DETECTIONS)
def test_order_is_that_of_a_stable_sort(detections: list[tuple[int, float, bool]]) -> None:
    label = np.array([one for one, _, _ in detections], np.int32)
    confidence = np.array([one for _, one, _ in detections], np.float64)
    chosen = np.array([one for _, _, one in detections], np.bool_)
    expected = np.lexsort((-confidence, label))
    order = by_confidence(confidence, chosen)
    assert [i for i in np.argsort(-confidence, kind="stable") if chosen[i]] == order.tolist()
    assert [i for i in expected if chosen[i]] == by_class(order, label, 4).tolist()
