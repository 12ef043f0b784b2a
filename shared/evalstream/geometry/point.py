"""Points: near enough, or not."""

from __future__ import annotations

from typing import Final

import numpy as np
import shapely

from evalstream.geometry.near import numbers, of_type, scene_of, tolerances, within_reach
from evalstream.scenes import Batch, Code, Float, Found, Int, Measure, Shapes

#: The least "IoU" of two points that are near enough: above every threshold, and above what is a share.
_NEAR_ENOUGH: Final = float(np.nextafter(1.0, 2.0))
#: A tree may round differently from us: what it finds is a little more than what counts.
_SLACK: Final = 1 + 1e-9


def point_pairs(batch: Batch, code: int) -> Found:
    """Find every prediction and annotation of type ``code`` in one scene that lie within the tolerance.

    The tolerance is that of the annotation's class, and the border belongs to it. In the place of an IoU stands
    2 − distance / tolerance, above 1 and at most 2: above every threshold, and the nearer the more.
    """
    scenes = batch.scenes
    predictions, annotations = of_type(scenes, code)
    predicted, annotated = _xy(batch.predictions, predictions), _xy(batch.annotations, annotations)
    tolerance = tolerances(batch)[scenes.annotation_feature[annotations]]
    i, j = within_reach(
        scenes,
        predictions,
        annotations,
        shapely.points(predicted),
        shapely.points(annotated),
        tolerance * _SLACK,
    )
    distance = np.hypot(*(predicted[i] - annotated[j]).T)
    near = distance <= tolerance[j]
    i, j, distance = i[near], j[near], distance[near]
    iou = np.maximum(2 - distance / tolerance[j], _NEAR_ENOUGH)
    return Found(predictions[i].astype(np.int32), annotations[j].astype(np.int32), iou)


def point_measures(batch: Batch, prediction: Code, annotation: Code) -> list[Measure]:
    """Measure ``distance``, Euclidean, of pairs of points."""
    apart = _xy(batch.predictions, prediction) - _xy(batch.annotations, annotation)
    distance = np.hypot(*apart.T)
    return [Measure("distance", scene_of(batch.scenes, prediction), annotation, prediction, distance[:, np.newaxis])]


def _xy(shapes: Shapes, chosen: Int | Code) -> Float:
    values, _ = numbers(shapes, chosen)
    return values.reshape(-1, 2)
