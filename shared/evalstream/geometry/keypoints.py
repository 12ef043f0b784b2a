"""Skeletons: COCO's object keypoint similarity (OKS), and how far off each keypoint is."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from evalstream.geometry.errors import GeometryError
from evalstream.geometry.near import numbers, scene_of
from evalstream.native import compiled
from evalstream.scenes import Batch, Code, Flag, Float, Found, Int, Measure, Scenes

#: COCO's sigmas of nose, eyes, ears, shoulders, elbows, wrists, hips, knees and ankles: how much annotators differ.
COCO_SIGMAS: Final = (
    np.array([0.26, 0.25, 0.25, 0.35, 0.35, 0.79, 0.79, 0.72, 0.72, 0.62, 0.62, 1.07, 1.07, 0.87, 0.87, 0.89, 0.89])
    / 10.0
)
#: So many pairs are worked on at once: their numbers stay in the cache.
_CHUNK: Final = 1 << 13
#: More keypoints than any skeleton has.
_MORE: Final = 1 << 20


def keypoint_pairs(batch: Batch, code: int) -> Found:
    """Find every prediction and annotation of type ``code`` in one scene whose OKS is above 0.

    Objects of different classes may differ in their number of keypoints; then they have nothing in common.

    Raises
    ------
    GeometryError
        If objects of one class in one scene differ in their number of keypoints, or from the sigmas of their class.
    """
    prediction, annotation, wrong = _pairs(batch.scenes, code, batch.predictions.start, batch.annotations.start)
    if wrong >= 0:
        _refuse(batch, int(prediction[wrong]), int(annotation[wrong]))
    similarity = oks(batch, prediction, annotation)
    some = similarity > 0
    return Found(prediction[some], annotation[some], similarity[some])


def oks(batch: Batch, prediction: Int | Code, annotation: Int | Code) -> Float:
    """Object keypoint similarity of pairs with equally many keypoints.

    The mean, over the labelled keypoints, of exp(−d² / (2 (2σ)² (area + ε))): d the distance, σ the keypoint's sigma,
    area the annotation's own. Of an annotation without labelled keypoints d is the distance to its box, doubled to each
    side, of all keypoints. Operation for operation the arithmetic of pycocotools (``COCOeval.computeOks``), so that the
    exponential function has to be NumPy's.
    """
    similarity = np.empty(len(prediction), np.float64)
    of = _skeletons(batch, annotation)
    for first in range(0, len(prediction), _CHUNK):
        own = slice(first, first + _CHUNK)
        start, value = _exponents(of, prediction[own].astype(np.int32), annotation[own].astype(np.int32))
        with np.errstate(under="ignore", over="ignore"):
            np.exp(value, out=value)
        similarity[own] = _means(start, value)
    return similarity


class _Skeletons(NamedTuple):
    predicted_start: Int
    predicted: Float
    annotated_start: Int
    annotated: Float
    area: Float  # of annotations
    kind: Code  # of annotations: which variances are theirs
    variance_start: Int
    variance: Float


@compiled
def _pairs(scenes: Scenes, code: int, predicted_start: Int, annotated_start: Int) -> tuple[Code, Code, int]:
    """Pair what can be compared, in the order of scenes, predictions, annotations.

    Ends at the first pair of one class with different numbers of keypoints, and gives its position, or else −1.
    """


@compiled
def _exponents(of: _Skeletons, prediction: Code, annotation: Code) -> tuple[Int, Float]:
    """Compute what the exponential function is taken of, pair after pair: where those of each begin, and all of them.

    A pair has none where all its similarities would be 0.
    """


@compiled
def _means(start: Int, value: Float) -> Float:
    """Compute the mean of each group, added in NumPy's order; 0 where there is nothing in it."""


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


def _refuse(batch: Batch, prediction: int, annotation: int) -> None:
    has = np.diff(batch.predictions.start[prediction : prediction + 2])[0] // 3
    wants = (np.diff(batch.annotations.start[annotation : annotation + 2])[0] - 4) // 3
    raise GeometryError(
        f"annotation {batch.annotations.id[annotation].as_py()!r} has {wants} keypoints and "
        f"prediction {batch.predictions.id[prediction].as_py()!r} has {has}: skeletons of one class "
        "need equally many"
    )


def _skeletons(batch: Batch, annotation: Int | Code) -> _Skeletons:
    """Gather what the similarity with these annotations is computed of."""
    used = np.zeros(len(batch.scenes.annotation_type), np.bool_)
    used[annotation] = True
    chosen = np.flatnonzero(used)
    kind = np.zeros(len(used), np.int32)
    variances: list[Float] = []
    for feature, size, at in _groups(batch, chosen):
        kind[chosen[at]] = len(variances)
        variances.append((_sigmas(batch, feature, size, chosen[at[0]]) * 2) ** 2)
    return _Skeletons(
        batch.predictions.start,
        batch.predictions.value,
        batch.annotations.start,
        batch.annotations.value,
        batch.scenes.annotation_area,
        kind,
        np.concatenate(([0], np.cumsum([len(own) for own in variances], dtype=np.int64))),
        np.concatenate([np.empty(0), *variances]),
    )


def _groups(batch: Batch, annotation: Int | Code) -> list[tuple[int, int, Int]]:
    """Group pairs by the class and the number of keypoints of their annotation: what has one array of sigmas."""
    feature = batch.scenes.annotation_feature[annotation].astype(np.int64)
    size = (np.diff(batch.annotations.start)[annotation] - 4) // 3
    _, first, which = np.unique(feature * _MORE + size, return_index=True, return_inverse=True)
    return [(int(feature[i]), int(size[i]), np.flatnonzero(which == k)) for k, i in enumerate(first.tolist())]


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
