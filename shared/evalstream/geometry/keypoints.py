"""Skeletons: COCO's object keypoint similarity (OKS), and how far off each keypoint is."""

from __future__ import annotations

from typing import Final

import numpy as np

from evalstream.geometry.errors import GeometryError
from evalstream.geometry.near import numbers, of_type, ragged_positions, scene_of
from evalstream.scenes import Batch, Code, Flag, Float, Found, Int, Measure, Scenes

#: COCO's sigmas of nose, eyes, ears, shoulders, elbows, wrists, hips, knees and ankles: how much annotators differ.
COCO_SIGMAS: Final = (
    np.array([0.26, 0.25, 0.25, 0.35, 0.35, 0.79, 0.79, 0.72, 0.72, 0.62, 0.62, 1.07, 1.07, 0.87, 0.87, 0.89, 0.89])
    / 10.0
)
#: So many pairs are worked on at once.
_CHUNK: Final = 1 << 14


def keypoint_pairs(batch: Batch, code: int) -> Found:
    """Find every prediction and annotation of type ``code`` in one scene whose OKS is above 0.

    Objects of different classes may differ in their number of keypoints; then they have nothing in common.

    Raises
    ------
    GeometryError
        If objects of one class in one scene differ in their number of keypoints, or from the sigmas of their class.
    """
    prediction, annotation = _every_pair(batch.scenes, code)
    comparable = _comparable(batch, prediction, annotation)
    prediction, annotation = prediction[comparable], annotation[comparable]
    similarity = oks(batch, prediction, annotation)
    some = similarity > 0
    return Found(prediction[some].astype(np.int32), annotation[some].astype(np.int32), similarity[some])


def oks(batch: Batch, prediction: Int | Code, annotation: Int | Code) -> Float:
    """Object keypoint similarity of pairs with equally many keypoints.

    The mean, over the labelled keypoints, of exp(−d² / (2 (2σ)² (area + ε))): d the distance, σ the keypoint's sigma,
    area the annotation's own. Of an annotation without labelled keypoints d is the distance to its box, doubled to each
    side, of all keypoints. Operation for operation the arithmetic of pycocotools (``COCOeval.computeOks``).
    """
    similarity = np.empty(len(prediction), np.float64)
    for feature, size, at in _groups(batch, annotation):
        variance = (_sigmas(batch, feature, size, annotation[at[0]]) * 2) ** 2
        for chunk in np.array_split(at, -(-len(at) // _CHUNK)):
            similarity[chunk] = _oks(batch, prediction[chunk], annotation[chunk], variance)
    return similarity


def keypoint_measures(batch: Batch, prediction: Code, annotation: Code) -> list[Measure]:
    """Measure ``oks``, and ``keypoint_distances``, of pairs.

    The value of the latter is the width and the height of the annotation's box and its area, then the distance of each
    keypoint, NaN where it is not labelled: what a share of any scale can be asked of.
    """
    scene = scene_of(batch.scenes, prediction)
    measures = [Measure("oks", scene, annotation, prediction, oks(batch, prediction, annotation)[:, np.newaxis])]
    for _, _, at in _groups(batch, annotation):
        box, x, y, labelled = _annotated(batch, annotation[at])
        px, py = _predicted(batch, prediction[at])
        distance = np.where(labelled, np.hypot(px - x, py - y), np.nan)
        area = batch.scenes.annotation_area[annotation[at], np.newaxis]
        value = np.concatenate((box[:, 2:], area, distance), axis=1)
        measures.append(Measure("keypoint_distances", scene[at], annotation[at], prediction[at], value))
    return measures


def _every_pair(scenes: Scenes, code: int) -> tuple[Int, Int]:
    predictions, annotations = of_type(scenes, code)
    scene = scene_of(scenes, predictions)
    first = np.searchsorted(annotations, scenes.annotation_start)[scene]
    count = np.searchsorted(annotations, scenes.annotation_end)[scene] - first
    return np.repeat(predictions, count), annotations[ragged_positions(first, count)]


def _sizes(batch: Batch, prediction: Int, annotation: Int | Code) -> tuple[Int, Int]:
    """Count the keypoints on both sides."""
    has = (np.diff(batch.predictions.start)[prediction]) // 3
    wants = (np.diff(batch.annotations.start)[annotation] - 4) // 3
    return has, wants


def _comparable(batch: Batch, prediction: Int, annotation: Int) -> Flag:
    has, wants = _sizes(batch, prediction, annotation)
    same_class = batch.scenes.prediction_feature[prediction] == batch.scenes.annotation_feature[annotation]
    wrong = np.flatnonzero(same_class & (has != wants))
    if len(wrong):
        one = wrong[0]
        raise GeometryError(
            f"annotation {batch.annotations.id[int(annotation[one])].as_py()!r} has {wants[one]} keypoints and "
            f"prediction {batch.predictions.id[int(prediction[one])].as_py()!r} has {has[one]}: skeletons of one class "
            "need equally many"
        )
    return np.asarray(has == wants, np.bool_)


def _groups(batch: Batch, annotation: Int | Code) -> list[tuple[int, int, Int]]:
    """Group pairs by the class and the number of keypoints of their annotation: what has one array of sigmas."""
    feature = batch.scenes.annotation_feature[annotation]
    size = (np.diff(batch.annotations.start)[annotation] - 4) // 3
    kinds, which = np.unique(np.stack((feature, size), axis=1), axis=0, return_inverse=True)
    which = which.ravel()
    return [(int(f), int(n), np.flatnonzero(which == k)) for k, (f, n) in enumerate(kinds)]


def _sigmas(batch: Batch, feature: int, size: int, annotation: int) -> Float:
    """The sigmas of a class: its own, or else COCO's for 17 keypoints, or else 1/n each."""
    name = batch.features[feature]
    own = next((item.sigmas for item in batch.ontology.classes if item.name == name), None)
    if own is None:
        return COCO_SIGMAS if size == len(COCO_SIGMAS) else np.full(size, 1 / size)
    if len(own) != size:
        raise GeometryError(
            f"annotation {batch.annotations.id[int(annotation)].as_py()!r} has {size} keypoints, and the ontology "
            f"gives {len(own)} sigmas for its class {name!r}"
        )
    return np.array(own, np.float64)


def _annotated(batch: Batch, annotation: Int | Code) -> tuple[Float, Float, Float, Flag]:
    """Box (n, 4), x and y (n, k), and which keypoints are labelled, of annotations with equally many."""
    values, _ = numbers(batch.annotations, annotation)
    values = values.reshape(len(annotation), -1)
    return values[:, :4], values[:, 4::3], values[:, 5::3], values[:, 6::3] > 0


def _predicted(batch: Batch, prediction: Int | Code) -> tuple[Float, Float]:
    values, _ = numbers(batch.predictions, prediction)
    values = values.reshape(len(prediction), -1)
    return values[:, 0::3], values[:, 1::3]


def _oks(batch: Batch, prediction: Int | Code, annotation: Int | Code, variance: Float) -> Float:
    box, x, y, labelled = _annotated(batch, annotation)
    px, py = _predicted(batch, prediction)
    left, top, width, height = (side[:, np.newaxis] for side in box.T)
    beside = np.maximum(0, (left - width) - px) + np.maximum(0, px - (left + width * 2))
    above = np.maximum(0, (top - height) - py) + np.maximum(0, py - (top + height * 2))
    count = np.count_nonzero(labelled, axis=1)
    some = (count > 0)[:, np.newaxis]
    dx, dy = np.where(some, px - x, beside), np.where(some, py - y, above)
    area = batch.scenes.annotation_area[annotation][:, np.newaxis]
    with np.errstate(under="ignore", over="ignore"):
        e = (dx**2 + dy**2) / variance / (area + np.spacing(1)) / 2
        similar = np.exp(-e)
    # NumPy adds the numbers of a row in an order that depends on how many there are. Rows of equally many are added
    # together, so that the sum is pycocotools' to the last bit.
    counted = np.where(some, labelled, True)
    means = np.empty(len(e), np.float64)
    sizes = np.count_nonzero(counted, axis=1)
    for size in np.unique(sizes):
        rows = sizes == size
        means[rows] = np.sum(similar[rows][counted[rows]].reshape(-1, size), axis=1) / size
    return means
