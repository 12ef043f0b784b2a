"""Overlaps of every prediction with every annotation of its group, those of 0 included.

A group is what may match among itself: as COCO has it, the objects of one image and class.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from pycocotools import mask as coco_mask

from evalstream.geometry.keypoints import oks
from evalstream.geometry.near import ragged_positions
from evalstream.native import compiled
from evalstream.ontology import Ontology, OntologyClass
from evalstream.scenes import Batch, Flag, Float, Int, Scenes, Shapes
from evalstream.types import CODES


class Extents(NamedTuple):
    """Positions of each group in flat columns; each array has one entry more than there are groups.

    The overlaps of a group are a matrix, a row a prediction, laid out row by row.
    """

    annotation: Int
    prediction: Int
    iou: Int


def extents(annotations: Int, predictions: Int) -> Extents:
    """Lay out groups that have so many annotations and predictions."""
    return Extents(
        *(np.concatenate(([0], np.cumsum(n))) for n in (annotations, predictions, annotations * predictions))
    )


@compiled
def box_overlaps(of: Extents, predicted: Float, annotated: Float, crowd: Flag) -> Float:
    """Compute the IoU of boxes ``(n, 4)``, each x, y, width and height."""


def mask_overlaps(
    of: Extents, predicted: Sequence[dict[str, Any]], annotated: Sequence[dict[str, Any]], crowd: Flag
) -> Float:
    """Compute the IoU of masks, each COCO's compressed run lengths."""
    iou = np.empty(of.iou[-1], np.float64)
    for g in np.flatnonzero(np.diff(of.iou)).tolist():
        own, other = (slice(start[g], start[g + 1]) for start in (of.prediction, of.annotation))
        overlaps = coco_mask.iou(list(predicted[own]), list(annotated[other]), crowd[other].tolist())
        iou[of.iou[g] : of.iou[g + 1]] = overlaps.ravel()
    return iou


def skeleton_overlaps(
    of: Extents, predicted: Float, annotated: Float, annotated_box: Float, annotated_area: Float, sigmas: Float
) -> Float:
    """Compute the object keypoint similarity of skeletons.

    Parameters
    ----------
    predicted, annotated : (n, k, 3), (m, k, 3) float64
        x, y and visibility of the keypoints.
    annotated_box, annotated_area : (m, 4), (m,) float64
        Boxes as x, y, width and height, and areas.
    sigmas : (k,) float64
        How much annotators differ, by keypoint.
    """
    if not of.iou[-1]:
        return np.empty(0)
    per_prediction = np.repeat(np.diff(of.annotation), np.diff(of.prediction))
    prediction = np.repeat(np.arange(len(predicted)), per_prediction)
    annotation = ragged_positions(np.repeat(of.annotation[:-1], np.diff(of.prediction)), per_prediction)
    triples = annotated.reshape(len(annotated), -1)
    # As numbers that pycocotools would take; what may be declared of a dataset is narrower.
    ontology = Ontology.model_construct(classes=[OntologyClass.model_construct(name="", sigmas=sigmas.tolist())])
    batch = Batch(
        _scenes(len(predicted), annotated_box, annotated_area),
        _shapes(np.concatenate((annotated_box, triples), axis=1)),
        _shapes(predicted.reshape(len(predicted), -1)),
        [""],
        np.zeros(1, np.bool_),
        ontology,
    )
    return oks(batch, prediction, annotation)


def _shapes(values: Float) -> Shapes:
    none = pa.array([], pa.string())
    return Shapes(none, values.shape[1] * np.arange(len(values) + 1), values.ravel(), none)


def _scenes(predictions: int, annotation_box: Float, annotation_area: Float) -> Scenes:
    """Put all objects into one scene and one class."""
    sizes = len(annotation_area), predictions
    first, (last, end) = np.zeros(1, np.int64), (np.array([size]) for size in sizes)
    kind, other_kind = (np.full(size, CODES["keypoints"], np.int32) for size in sizes)
    feature, other_feature = (np.zeros(size, np.int32) for size in sizes)
    never = np.zeros(len(annotation_area), np.bool_)
    none = np.zeros(predictions)
    annotations = kind, feature, annotation_area, never, never, annotation_box
    return Scenes(
        first, last, first, end, *annotations, other_kind, other_feature, none, none, np.zeros((predictions, 4))
    )
