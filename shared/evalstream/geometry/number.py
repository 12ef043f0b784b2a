"""Measures of two numbers: how far apart they are."""

from __future__ import annotations

import numpy as np

from evalstream.scenes import Batch, Code, Measure


def number_measures(batch: Batch, prediction: Code, annotation: Code) -> list[Measure]:
    """Measure pairs of numbers: ``absolute_error``, and ``error``, the prediction less the truth."""
    predicted = batch.predictions.value[batch.predictions.start[prediction]]
    actual = batch.annotations.value[batch.annotations.start[annotation]]
    error = (predicted - actual)[:, np.newaxis]
    scene = np.searchsorted(batch.scenes.prediction_end, prediction, side="right")
    values = {"absolute_error": np.abs(error), "error": error}
    return [Measure(name, scene, annotation, prediction, value) for name, value in values.items()]
