"""A run under one policy as columns: every object and every match rectangle, rows in COCO's order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalstream.arrow import numbers
from evalstream.scenes import RECTANGLE, Batch, Code, Float, Int, Rectangles
from evalstream.types import CODES

if TYPE_CHECKING:
    from evalstream.pipeline.fold import Facts
    from evalstream.pipeline.matchable import Failed, Matchable


class Side(NamedTuple):
    """The annotations, or the predictions: parallel columns, the objects of one row after those of the row before."""

    row: Int  # a position among the rows
    type: Code  # a code of :data:`evalstream.types.CODES`, of what is nested too
    feature: Code  # a position in `Columns.features`
    label: Code  # a position in `Columns.labels`
    area: Float
    parent: Int  # a position on the same side, −1: none


_NO_CODE: Final = np.empty(0, np.int32)
_NOBODY: Final = Side(np.empty(0, np.int64), _NO_CODE, _NO_CODE, _NO_CODE, np.empty(0), np.empty(0, np.int64))


class Columns(NamedTuple):
    """A run under one policy. ``rectangle`` refers to positions on both sides."""

    policy: str
    data_row: list[str]
    facts: list[Facts]
    failed: list[Failed]  # scenes that could not be matched, of which nothing else is here
    features: list[str]
    labels: list[str]
    annotation: Side
    crowd: NDArray[np.uint8]  # of each annotation: :class:`evalstream.events.base.Crowd`
    prediction: Side
    confidence: Float
    rank: Int  # within its row, class and type, 0 the most confident
    rectangle: Rectangles
    repaired: Int  # the row of each polygon that crossed itself


def columns(batches: Sequence[Matchable], failed: Sequence[Failed], policy: str) -> Columns:
    """Match batches of scenes under a policy, and lay them out one after the other."""
    features, labels = _names([one.batch.features for one in batches]), _names([one.labels for one in batches])
    rectangles, annotations, predictions, repaired = [], [], [], []
    rows = before_annotations = before_predictions = 0
    for one in batches:
        rectangle = one.rectangles(policy)
        rectangle["annotation"] += before_annotations
        rectangle["prediction"] += before_predictions
        rectangles.append(rectangle)
        nesting, scenes = one.nesting, one.batch.scenes
        feature, label = _recoded(one.batch.features, features), _recoded(one.labels, labels)
        annotations.append(
            Side(
                one.annotations.scene() + rows,
                nesting.annotation_type,
                feature[scenes.annotation_feature],
                label[nesting.annotation_label],
                scenes.annotation_area,
                np.where(nesting.annotation_parent >= 0, nesting.annotation_parent + before_annotations, -1),
            )
        )
        predictions.append(
            Side(
                one.predictions.scene() + rows,
                nesting.prediction_type,
                feature[scenes.prediction_feature],
                label[nesting.prediction_label],
                scenes.prediction_area,
                np.where(nesting.prediction_parent >= 0, nesting.prediction_parent + before_predictions, -1),
            )
        )
        repaired += [scene + rows for scene in _repaired(one.batch)]
        rows += len(one.folded)
        before_annotations += len(scenes.annotation_type)
        before_predictions += len(scenes.prediction_type)
    scenes_of = [scene for one in batches for scene in one.folded]
    return Columns(
        policy,
        [scene.data_row for scene in scenes_of],
        [scene.facts for scene in scenes_of],
        list(failed),
        features,
        labels,
        _joined(annotations),
        _concatenated(np.empty(0, np.uint8), [numbers(one.annotations.columns["crowd"]) for one in batches]),
        _joined(predictions),
        _concatenated(np.empty(0), [one.batch.scenes.prediction_confidence for one in batches]),
        _concatenated(np.empty(0, np.int64), [one.rank() for one in batches]),
        _concatenated(np.empty(0, RECTANGLE), rectangles),
        _concatenated(np.empty(0, np.int64), repaired),
    )


def _repaired(batch: Batch) -> list[Int]:
    """Give the scene of each polygon that crossed itself."""
    code = CODES["polygon"]
    if not np.any(batch.scenes.annotation_type == code) and not np.any(batch.scenes.prediction_type == code):
        return []
    from evalstream.geometry.polygon import polygon_measures  # with shapely, which takes a while

    return [measure.scene for measure in polygon_measures(batch)]


def _names(parts: Sequence[list[str]]) -> list[str]:
    return sorted(set().union(*parts))


def _recoded(own: list[str], names: list[str]) -> Code:
    """Return the position of each of a batch's own names among all names."""
    at = {name: code for code, name in enumerate(names)}
    return np.array([at[name] for name in own], np.int32)


def _joined(parts: Sequence[Side]) -> Side:
    return Side(*(_concatenated(empty, own) for empty, *own in zip(_NOBODY, *parts, strict=True)))


def _concatenated(empty: NDArray[Any], parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Lay parts one after the other; a single one is not copied, for it would be there twice."""
    return parts[0] if len(parts) == 1 else np.concatenate([empty, *parts])
