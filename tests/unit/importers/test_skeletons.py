"""Keypoints to skeletons: whatever a file holds, what reading one record after the other gives."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from evalstream.importers.coco_columns import Numbers
from evalstream.importers.skeletons import Boxes, Skeletons, annotated_skeletons, found_skeletons
from hypothesis import given
from hypothesis import strategies as st

from tests.oracles import skeletons as oracle

_NUMBER = st.sampled_from([0.0, 0.0, 1.0, 2.5, 2.5, -3.0, 40.0, 1e15])
_ANY = _NUMBER | st.sampled_from([1.1e15, -1e16, math.inf, math.nan])
_SEEN = st.sampled_from([0.0, 0.0, 1.0, 2.0, 2.0, 0.19, 1.5, 7.5, -0.5, -0.0, 1e16]) | st.just(math.nan)
_KEYPOINTS = st.lists(
    st.tuples(_NUMBER, _NUMBER, _SEEN) | st.tuples(_NUMBER, _NUMBER, st.just(2.0)) | st.tuples(_ANY, _ANY, _SEEN),
    min_size=1,
    max_size=4,
).map(lambda triples: [value for triple in triples for value in triple])
_BOX = st.none() | st.lists(_NUMBER, min_size=4, max_size=4) | st.lists(_ANY, min_size=4, max_size=4)
_KEPT = st.sampled_from([True, True, True, False])


def numbers(lists: Sequence[Sequence[float]]) -> Numbers:
    """Lay them out one after the other; what is left out may be no triples."""
    start = np.cumsum([0, *map(len, lists)])
    return Numbers(start, np.array([value for own in lists for value in own], np.float64))


def told(read: Skeletons, kept: Sequence[bool]) -> list[oracle.Skeleton]:
    flags = zip(read.wrong, read.wrong_box, read.negative, read.unlabelled, read.fractional, strict=True)
    found = []
    for i, own in enumerate(flags):
        values = read.value[read.start[i] : read.start[i + 1]].tolist()
        if kept[i]:
            found.append(oracle.Skeleton(values, read.area[i], *map(bool, own)))
        else:
            assert not values
    return found


@given(st.lists(st.tuples(_KEYPOINTS, _BOX, st.sampled_from([None, 0, 1]), _KEPT), max_size=5))
def test_annotations(given: list[tuple[list[float], list[float] | None, int | None, bool]]) -> None:
    keypoints, boxes, counted, kept = (list(one) for one in zip(*given, strict=True)) if given else ([], [], [], [])
    read = annotated_skeletons(
        numbers([own if known else own[:2] for own, known in zip(keypoints, kept, strict=True)]),
        np.array(kept, np.bool_),
        Boxes(
            np.array([box is not None for box in boxes], np.bool_),
            np.array([box or [math.nan] * 4 for box in boxes], np.float64).reshape(-1, 4),
        ),
        np.array([count == 0 for count in counted], np.bool_),
    )
    expected = [oracle.annotation(*one) for *one, known in given if known]
    assert told(read, kept) == expected


@given(st.lists(st.tuples(_KEYPOINTS, _KEPT), max_size=5))
def test_detections(given: list[tuple[list[float], bool]]) -> None:
    read = found_skeletons(
        numbers([own if known else own[:2] for own, known in given]), np.array([known for _, known in given], np.bool_)
    )
    assert told(read, [known for _, known in given]) == [oracle.detection(own) for own, known in given if known]
