"""Overlap of axis-aligned boxes."""

from __future__ import annotations

import numpy as np
from numba import njit

from evalstream.geometry.limits import MOST_PAIRS, require_few_pairs
from evalstream.scenes import Batch, Code, Float, Found, Scenes


@njit(cache=True, nogil=True, error_model="numpy")
def box_iou(prediction: Float, annotation: Float, crowd: bool, one: float = 0.0) -> float:
    """Intersection over union of two boxes ``(x, y, width, height)``, 0 where they do not overlap.

    Over a crowd region the union is the prediction's own area. Operation for operation the arithmetic of pycocotools
    (maskApi.c, ``bbIou``), so that a pair which lies exactly on a threshold lies on the same side of it. With ``one`` 1
    instead of 0, boxes run from their first pixel to their last and cover both (Pascal VOC's development kit,
    ``VOCevaldet.m``): every side is 1 longer.
    """
    right = min(prediction[2] + prediction[0], annotation[2] + annotation[0])
    width = right - max(prediction[0], annotation[0]) + one
    if width <= 0:
        return 0.0
    bottom = min(prediction[3] + prediction[1], annotation[3] + annotation[1])
    height = bottom - max(prediction[1], annotation[1]) + one
    if height <= 0:
        return 0.0
    intersection = width * height
    prediction_area = (prediction[2] + one) * (prediction[3] + one)
    annotation_area = (annotation[2] + one) * (annotation[3] + one)
    union = prediction_area if crowd else prediction_area + annotation_area - intersection
    return float(intersection / union)


def box_pairs(batch: Batch, code: int) -> Found:
    """Find every prediction and annotation of type ``code`` in one scene whose IoU is above 0.

    Raises
    ------
    GeometryError
        If there are more than :data:`evalstream.geometry.limits.MOST_PAIRS`.
    """
    found = Found(*_box_pairs(batch.scenes, code, float(batch.ontology.boxes == "pixels"), MOST_PAIRS))
    require_few_pairs(len(found.iou), "bbox")
    return found


@njit(cache=True, nogil=True, error_model="numpy")
def _box_pairs(scenes: Scenes, code: int, one: float, most: int) -> tuple[Code, Code, Float]:
    """Find the pairs; end at the first one beyond the most that there may be."""
    capacity = max(1024, len(scenes.prediction_type))
    prediction = np.empty(capacity, np.int32)
    annotation = np.empty(capacity, np.int32)
    iou = np.empty(capacity, np.float64)
    count = 0
    for scene in range(len(scenes.prediction_start)):
        for p in range(scenes.prediction_start[scene], scenes.prediction_end[scene]):
            if scenes.prediction_type[p] != code:
                continue
            left = scenes.prediction_box[p, 0] - one
            right = scenes.prediction_box[p, 0] + scenes.prediction_box[p, 2] + one
            for a in range(scenes.annotation_start[scene], scenes.annotation_end[scene]):
                # Most pairs of a crowded scene are apart in x: the cheapest test first.
                if (
                    scenes.annotation_box[a, 0] >= right
                    or scenes.annotation_box[a, 0] + scenes.annotation_box[a, 2] <= left
                ):
                    continue
                if scenes.annotation_type[a] != code:
                    continue
                value = box_iou(scenes.prediction_box[p], scenes.annotation_box[a], scenes.annotation_crowd[a], one)
                if not value > 0:
                    continue
                if count == len(iou):
                    prediction = np.concatenate((prediction, np.empty_like(prediction)))
                    annotation = np.concatenate((annotation, np.empty_like(annotation)))
                    iou = np.concatenate((iou, np.empty_like(iou)))
                prediction[count] = p
                annotation[count] = a
                iou[count] = value
                count += 1
                if count > most:
                    return prediction[:count], annotation[:count], iou[:count]
    return prediction[:count], annotation[:count], iou[:count]
