"""Detections by class and confidence: where confidences are equal, the order in which they came stays."""

from __future__ import annotations

import numpy as np
import pytest
from evalstream.metrics.detections import NO_FLAGS, by_class, by_confidence, ranked
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import some_seeds

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
    assert [i for i in expected if chosen[i]] == ranked(label, confidence, chosen, NO_FLAGS, 4).order.tolist()


@pytest.mark.parametrize("seed", some_seeds(40))
def test_of_equal_confidences_those_come_last_that_shall(seed: int) -> None:
    rng = np.random.default_rng(seed)
    size = int(rng.integers(0, 3_000))
    label = rng.integers(0, 3, size).astype(np.int32)
    confidence = rng.choice([rng.random(size), rng.integers(0, 9, size) / 8])
    last, chosen = rng.random(size) < 0.5, rng.random(size) < 0.8
    expected = [i for i in np.lexsort((last, -confidence, label)) if chosen[i]]
    order, start = ranked(label, confidence, chosen, last, 3)
    assert expected == order.tolist()
    assert start.tolist() == np.searchsorted(label[order], np.arange(4)).tolist()
