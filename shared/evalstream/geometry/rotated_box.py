"""Overlap of boxes turned about their centre."""

from __future__ import annotations

import numpy as np
from numba import njit

from evalstream.geometry.bounds import bounds_meet
from evalstream.geometry.near import numbers, of_type
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


@njit(cache=True, nogil=True, error_model="numpy")
def _iou(predicted: Float, annotated: Float, i: Int, j: Int, crowd: Flag) -> Float:
    iou = np.empty(len(i))
    for k in range(len(i)):
        iou[k] = rotated_iou(predicted[i[k]], annotated[j[k]], crowd[j[k]])
    return iou


@njit(cache=True, nogil=True, error_model="numpy")
def rotated_iou(prediction: Float, annotation: Float, crowd: bool) -> float:
    """Intersection over union of two turned boxes, over the prediction's own area if the annotation is a crowd.

    Seen from the annotation, which then lies straight and about the origin, the prediction is cut off at each of the
    four sides in turn (Sutherland and Hodgman 1974). So nothing is lost where coordinates are large.
    """
    own, other = prediction[2] * prediction[3], annotation[2] * annotation[3]
    if not (own > 0 and other > 0):
        return 0.0
    turn = np.deg2rad(annotation[4])
    away_x, away_y = prediction[0] - annotation[0], prediction[1] - annotation[1]
    x = away_x * np.cos(turn) + away_y * np.sin(turn)
    y = away_y * np.cos(turn) - away_x * np.sin(turn)
    turn = np.deg2rad(prediction[4] - annotation[4])
    cosine, sine = np.cos(turn), np.sin(turn)

    polygon, cut = np.empty((8, 2)), np.empty((8, 2))  # each cut of a convex polygon adds at most one corner
    count = 4
    for corner, (sign_x, sign_y) in enumerate(((-1, -1), (1, -1), (1, 1), (-1, 1))):
        half_width, half_height = sign_x * prediction[2] / 2, sign_y * prediction[3] / 2
        polygon[corner, 0] = x + half_width * cosine - half_height * sine
        polygon[corner, 1] = y + half_width * sine + half_height * cosine
    for axis in range(2):
        for sign in (-1, 1):
            limit = annotation[2 + axis] / 2
            kept = 0
            for k in range(count):
                here, after = polygon[k], polygon[(k + 1) % count]
                inside, beyond = limit - sign * here[axis], limit - sign * after[axis]
                if inside >= 0:
                    cut[kept] = here
                    kept += 1
                if (inside > 0 and beyond < 0) or (inside < 0 and beyond > 0):
                    share = inside / (inside - beyond)
                    cut[kept, axis] = sign * limit
                    cut[kept, 1 - axis] = here[1 - axis] + share * (after[1 - axis] - here[1 - axis])
                    kept += 1
            polygon, cut, count = cut, polygon, kept
    twice = 0.0
    for k in range(count):
        here, after = polygon[k], polygon[(k + 1) % count]
        twice += here[0] * after[1] - after[0] * here[1]
    intersection = min(max(twice / 2, 0.0), own, other)
    return float(intersection / (own if crowd else own + other - intersection))
