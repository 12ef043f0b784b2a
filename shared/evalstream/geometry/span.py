"""Overlap of spans of text: intersection over union of half-open intervals."""

from __future__ import annotations

import numpy as np

from evalstream.native import compiled
from evalstream.scenes import Batch, Code, Float, Found, Scenes, Shapes


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
    """Return where each object starts and ends; zeros for other types."""
    chosen = np.flatnonzero(types == code)
    start, end = np.zeros(len(types)), np.zeros(len(types))
    start[chosen] = shapes.value[shapes.start[chosen]]
    end[chosen] = shapes.value[shapes.start[chosen] + 1]
    return start, end


@compiled
def _overlapping(
    scenes: Scenes, code: int, start_p: Float, end_p: Float, start_a: Float, end_a: Float
) -> tuple[Code, Code]:
    """Sweep each scene from left to right: a span overlaps those that began before it and have not yet ended."""
