"""Overlap of boxes turned about their centre."""

from __future__ import annotations

import numpy as np

from evalstream.geometry.bounds import bounds_meet
from evalstream.geometry.near import numbers, of_type
from evalstream.native import compiled
from evalstream.scenes import Batch, Code, Flag, Float, Found, Int, Shapes


def rotated_box_pairs(batch: Batch, code: int) -> Found:
    """Find every prediction and annotation of type ``code`` in one scene whose IoU is above 0."""
    scenes = batch.scenes
    predictions, annotations = of_type(scenes, code)
    predicted, annotated = rotated_boxes(batch.predictions, predictions), rotated_boxes(batch.annotations, annotations)
    i, j = bounds_meet(scenes, predictions, annotations, _bounds(predicted), _bounds(annotated))
    iou = _iou(predicted, annotated, i, j, scenes.annotation_crowd[annotations])
    some = iou > 0
    return Found(predictions[i[some]].astype(np.int32), annotations[j[some]].astype(np.int32), iou[some])


def rotated_boxes(shapes: Shapes, chosen: Int | Code) -> Float:
    """Return the boxes, ``(n, 5)``: x and y of the centre, width, height, angle in degrees."""
    return numbers(shapes, chosen)[0].reshape(-1, 5)


def corners(boxes: Float) -> Float:
    """Return the corners of boxes, ``(n, 4, 2)``, in the order in which one walks around."""
    angle = np.deg2rad(boxes[:, 4:])
    half = boxes[:, 2:4, None] / 2 * np.array([[-1, 1, 1, -1], [-1, -1, 1, 1]])
    x = boxes[:, :1] + half[:, 0] * np.cos(angle) - half[:, 1] * np.sin(angle)
    y = boxes[:, 1:2] + half[:, 0] * np.sin(angle) + half[:, 1] * np.cos(angle)
    return np.stack((x, y), axis=2)


def _bounds(boxes: Float) -> Float:
    points = corners(boxes)
    return np.concatenate((points.min(axis=1), points.max(axis=1)), axis=1)


@compiled
def _iou(predicted: Float, annotated: Float, i: Int, j: Int, crowd: Flag) -> Float: ...


@compiled
def rotated_iou(prediction: Float, annotation: Float, crowd: bool) -> float:
    """Intersection over union of two turned boxes, over the prediction's own area if the annotation is a crowd.

    Seen from the annotation, which then lies straight and about the origin, the prediction is cut off at each of the
    four sides in turn (Sutherland and Hodgman 1974). So nothing is lost where coordinates are large.
    """
