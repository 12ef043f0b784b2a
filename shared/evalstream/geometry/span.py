"""Overlap of spans of text: intersection over union of half-open intervals."""

from __future__ import annotations

import numpy as np
from numba import njit

from evalstream.scenes import Batch, Code, Float, Found, Int, Scenes, Shapes


def span_pairs(batch: Batch, code: int) -> Found:
    """Find every prediction and annotation of type ``code`` in one scene that share a character, of any class.

    Their IoU is the number of code points that both hold over the number that either holds.
    """
    scenes = batch.scenes
    start_p, end_p = _ends(batch.predictions, scenes.prediction_type, code)
    start_a, end_a = _ends(batch.annotations, scenes.annotation_type, code)
    prediction, annotation = _overlapping(scenes, code, start_p, end_p, start_a, end_a)
    both = np.minimum(end_p[prediction], end_a[annotation]) - np.maximum(start_p[prediction], start_a[annotation])
    either = (end_p - start_p)[prediction] + (end_a - start_a)[annotation] - both
    return Found(prediction, annotation, both / either)


def _ends(shapes: Shapes, types: Code, code: int) -> tuple[Float, Float]:
    """Where each object starts and ends; zeros for other types."""
    chosen = np.flatnonzero(types == code)
    start, end = np.zeros(len(types)), np.zeros(len(types))
    start[chosen] = shapes.value[shapes.start[chosen]]
    end[chosen] = shapes.value[shapes.start[chosen] + 1]
    return start, end


@njit(cache=True, nogil=True)
def _overlapping(
    scenes: Scenes, code: int, start_p: Float, end_p: Float, start_a: Float, end_a: Float
) -> tuple[Code, Code]:
    """Sweep each scene from left to right: a span overlaps those that began before it and have not yet ended."""
    prediction = [np.int32(0) for _ in range(0)]
    annotation = [np.int32(0) for _ in range(0)]
    for scene in range(len(scenes.prediction_start)):
        first_p, last_p = scenes.prediction_start[scene], scenes.prediction_end[scene]
        first_a, last_a = scenes.annotation_start[scene], scenes.annotation_end[scene]
        ps = _sorted(scenes.prediction_type, code, first_p, last_p, start_p)
        as_ = _sorted(scenes.annotation_type, code, first_a, last_a, start_a)
        open_p, open_a = np.empty_like(ps), np.empty_like(as_)
        count_p = count_a = i = j = 0
        while i < len(ps) or j < len(as_):
            if j == len(as_) or (i < len(ps) and start_p[ps[i]] <= start_a[as_[j]]):
                p = ps[i]
                count_a = _still_open(open_a, count_a, end_a, start_p[p])
                for k in range(count_a):
                    prediction.append(np.int32(p))
                    annotation.append(np.int32(open_a[k]))
                open_p[count_p] = p
                count_p += 1
                i += 1
            else:
                a = as_[j]
                count_p = _still_open(open_p, count_p, end_p, start_a[a])
                for k in range(count_p):
                    prediction.append(np.int32(open_p[k]))
                    annotation.append(np.int32(a))
                open_a[count_a] = a
                count_a += 1
                j += 1
    return np.array(prediction, np.int32), np.array(annotation, np.int32)


@njit(cache=True, nogil=True)
def _sorted(types: Code, code: int, first: int, last: int, start: Float) -> Int:
    """The objects ``first : last`` of a type, by where they start."""
    chosen = first + np.flatnonzero(types[first:last] == code)
    return chosen[np.argsort(start[chosen], kind="mergesort")]


@njit(cache=True, nogil=True)
def _still_open(spans: Int, count: int, end: Float, at: float) -> int:
    """Drop those of the first ``count`` spans that have ended; return how many are left, at the front."""
    left = 0
    for k in range(count):
        if end[spans[k]] > at:
            spans[left] = spans[k]
            left += 1
    return left
