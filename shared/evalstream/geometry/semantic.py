"""Masks as a semantic segmentation: the union of each class's masks on each side, compared pixel by pixel.

At a pixel there may be several annotated and several predicted classes. Those on both sides are right. Of the rest, in
the order of their names, the first annotated class was taken for the first predicted one, the second for the second,
and so on; those left over were missed, or false alarms. So each class of a pixel is counted once, and the cells of one
class sum to its area. Where classes do not overlap, this is the confusion matrix of two label images.

Pixels of crowd regions count nowhere, as label 255 in Cityscapes.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from evalstream.geometry.errors import GeometryError
from evalstream.geometry.mask import Rle, masks, the_size
from evalstream.native import compiled
from evalstream.scenes import Batch, Flag, Int, Measure
from evalstream.types import CODES

#: The name of the measure.
PIXELS: Final = "pixels"
_MASK: Final = CODES["mask"]
#: Stands for "no class" in a cell, and for "at any confidence" in the place of a level.
_NONE: Final = -1


def semantic_measures(batch: Batch) -> list[Measure]:
    """Measure ``pixels``: the areas of classes and the cells of the pixel confusion matrix, at every confidence.

    The entries of ``actual`` and ``predicted`` labels (a, p) whose confidence is at least c sum to the number of pixels
    at the confidence threshold c:

    - (a, "") the annotated area of class a, whatever is predicted there;
    - ("", p) the predicted area of class p, whatever is annotated there;
    - (a, p) the pixels of a that were taken for p.

    An entry is what one confidence adds to the sum. It is below 0 where classes overlap and a pair makes way for a
    better one. Classes without a pixel have an entry of 0, so that they are known.

    Raises
    ------
    GeometryError
        If the masks of one scene are of different sizes.
    """
    scenes = batch.scenes
    annotated, predicted = (
        np.flatnonzero(scenes.annotation_type == _MASK),
        np.flatnonzero(scenes.prediction_type == _MASK),
    )
    annotations = np.searchsorted(annotated, np.append(scenes.annotation_start, scenes.annotation_end)).reshape(2, -1)
    predictions = np.searchsorted(predicted, np.append(scenes.prediction_start, scenes.prediction_end)).reshape(2, -1)
    some = (annotations[1] > annotations[0]) | (predictions[1] > predictions[0])
    scene: list[int] = []
    actual: list[str] = []
    taken_for: list[str] = []
    value: list[int] = []
    confidence: list[float] = []
    for s in np.flatnonzero(some):
        own = annotated[annotations[0, s] : annotations[1, s]], predicted[predictions[0, s] : predictions[1, s]]
        for a, p, level, pixels in _cells(batch, *own):
            scene.append(int(s))
            actual.append("" if a == _NONE else batch.features[a])
            taken_for.append("" if p == _NONE else batch.features[p])
            confidence.append(level)
            value.append(pixels)
    nothing = np.full(len(scene), -1, np.int32)
    values = np.array(value, np.float64)[:, np.newaxis]
    return [
        Measure(
            PIXELS,
            scene=np.array(scene, np.int64),
            annotation=nothing,
            prediction=nothing,
            value=values,
            confidence=np.array(confidence, np.float64),
            actual=actual,
            predicted=taken_for,
        )
    ]


def _cells(batch: Batch, annotated: Int, predicted: Int) -> list[tuple[int, int, float, int]]:
    """Compare the masks of one scene: (actual, predicted, confidence, pixels), classes as codes of features."""
    scenes = batch.scenes
    crowd = scenes.annotation_crowd[annotated]
    # The code of a feature is its place among the names, but depends on the batch: in a scene they count from 0.
    classes, feature = np.unique(
        np.append(scenes.annotation_feature[annotated], scenes.prediction_feature[predicted]), return_inverse=True
    )
    levels, level = np.unique(-scenes.prediction_confidence[predicted], return_inverse=True)
    is_prediction = np.repeat((False, True), (len(annotated), len(predicted)))
    position, mask = _boundaries(batch, annotated, predicted)
    swept = _sweep(
        position,
        mask,
        np.where(np.append(crowd, np.zeros(len(predicted), np.bool_)), _NONE, feature).astype(np.int64),
        np.append(np.full(len(annotated), _NONE), level).astype(np.int64),
        is_prediction,
        len(classes),
        len(levels),
    ).reshape(-1, 4)
    entries = {(int(a), int(p), int(at)): int(pixels) for a, p, at, pixels in swept if pixels}
    for a in feature[: len(annotated)][~crowd].tolist():
        entries.setdefault((a, _NONE, _NONE), 0)
    highest: dict[int, int] = {}
    for p, at in zip(feature[len(annotated) :].tolist(), level.tolist(), strict=True):
        highest[p] = min(at, highest.get(p, at))
    for p, at in highest.items():
        entries.setdefault((_NONE, p, at), 0)
    code = np.append(classes, _NONE)
    confidence = np.append(-levels, np.inf)
    return [
        (int(code[a]), int(code[p]), float(confidence[at]), pixels) for (a, p, at), pixels in sorted(entries.items())
    ]


def _boundaries(batch: Batch, annotated: Int, predicted: Int) -> tuple[Int, Int]:
    """Return where each mask begins and ends, in the order of the pixels, and which mask it is."""
    annotations, predictions = masks(batch.annotations, annotated), masks(batch.predictions, predicted)
    the_size(batch, predicted, predictions, annotated, annotations)
    ends = [run_ends(rle) for rle in (*annotations, *predictions)]
    position = np.concatenate(ends)
    mask = np.repeat(np.arange(len(ends)), [len(end) for end in ends])
    order = np.argsort(position, kind="stable")
    return position[order], mask[order]


def run_ends(rle: Rle) -> Int:
    """Return where the runs of a mask end, counting pixels column by column.

    The runs alternate between pixels that are not the object's, at first, and those that are.
    """
    height, width = rle["size"]
    ends: Int = _decode(np.frombuffer(rle["counts"].encode(), np.uint8))
    if len(ends) == 0 or ends[-1] != height * width:
        raise GeometryError(f"the runs of a mask do not add up to {height} x {width} pixels")
    return ends


@compiled
def _decode(text: NDArray[np.uint8]) -> Int:
    """Read COCO's compressed run lengths; pycocotools would only give the pixels.

    A number is written in groups of five bits, the lowest first; the sixth bit says that more follow, the highest bit
    of the last is the sign. From the fourth on, a number is the difference to the one before the last.
    """


@compiled
def _sweep(position: Int, mask: Int, feature: Int, level: Int, is_prediction: Flag, classes: int, levels: int) -> Int:
    """Go through the pixels from boundary to boundary; in between, the same masks cover every pixel.

    Parameters
    ----------
    position, mask : (boundaries,)
        In order: where which mask begins or ends.
    feature, level, is_prediction : (masks,)
        The class, −1 where pixels are to be ignored; the place of the confidence from the highest down.

    Returns
    -------
    (4 · entries,) int64
        Actual class, predicted class, level, pixels of each entry.
    """
