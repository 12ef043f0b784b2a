"""Scenes to all that a policy needs: their objects side by side, and which of them overlap."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

import numpy as np
import pyarrow as pa

from evalstream.arrow import numbers
from evalstream.events.base import Crowd
from evalstream.geometry.areas import fill_areas
from evalstream.geometry.errors import GeometryError
from evalstream.geometry.geographic import localised
from evalstream.geometry.pairs import overlapping_pairs
from evalstream.matching import POLICIES
from evalstream.matching.nested import Nesting, with_nested
from evalstream.matching.order import by_feature_and_confidence
from evalstream.ontology import NOTHING_DECLARED, Ontology
from evalstream.pipeline.fold import FoldedScene
from evalstream.pipeline.objects import (
    Objects,
    boxes,
    codes,
    crowd_is,
    gather,
    roots,
    shapes,
    type_codes,
    without_metrics,
)
from evalstream.scenes import Batch, Int, Measure, Pairs, Rectangles, Scenes

log = logging.getLogger(__name__)
T = TypeVar("T")


class Matchable(NamedTuple):
    """Scenes whose overlaps are known: all that a policy needs, and all that is stored of them beside its matches.

    ``scenes`` has the areas that count: what is nested is as large as what it is nested in.
    """

    folded: list[FoldedScene]
    annotations: Objects
    predictions: Objects
    metrics: list[Measure]  # that producers sent
    nesting: Nesting
    labels: list[str]  # by code
    batch: Batch
    pairs: Pairs

    def rectangles(self, policy: str) -> Rectangles:
        """Match under a policy, one of :data:`evalstream.matching.POLICIES`, at every threshold at once."""
        return with_nested(self.batch.scenes, self.nesting, POLICIES[policy](self.batch.scenes, self.pairs))

    def rank(self) -> Int:
        """Rank each prediction within its row, class and type, 0 the most confident; what is nested has its root's."""
        _, rank = by_feature_and_confidence(self.batch.scenes)
        return rank[roots(self.predictions.parent)]


class Failed(NamedTuple):
    """A scene that cannot be matched, and why."""

    scene: FoldedScene
    reason: str


def work_through(folded: list[FoldedScene], work: Callable[[list[FoldedScene]], T]) -> Iterator[T | Failed]:
    """Work on scenes together; where that fails, on halves of them, until those that fail stand alone."""
    if not folded:
        return
    try:
        yield work(folded)
    except Exception as error:
        if len(folded) > 1:
            middle = len(folded) // 2
            yield from work_through(folded[:middle], work)
            yield from work_through(folded[middle:], work)
            return
        told = isinstance(error, GeometryError)  # in words for whoever sent the shapes; anything else is our fault
        reason = str(error) if told else f"{type(error).__name__}: {error}"
        place = folded[0].data_row, folded[0].run
        log.error("data row %r of run %r cannot be matched: %s", *place, reason, exc_info=not told)
        yield Failed(folded[0], reason)


def matchable(
    annotated: pa.Table, predicted: pa.Table, folded: list[FoldedScene], ontology: Ontology = NOTHING_DECLARED
) -> Matchable:
    """Gather the objects of scenes, from the events of either side, and find which of them overlap.

    Raises
    ------
    GeometryError
        If shapes cannot be compared, or if they are too many.
    """
    annotations = gather(annotated, [scene.annotations for scene in folded])
    predictions, metrics = without_metrics(gather(predicted, [scene.predictions for scene in folded]))
    scenes, features = _scenes(annotations, predictions)
    lonlat = np.array([scene.facts.coordinates == "lonlat" for scene in folded])
    batch = localised(Batch(scenes, shapes(annotations), shapes(predictions), features, lonlat, ontology))
    scenes = batch.scenes
    fill_areas(batch)
    # What is nested counts where that counts in which it is nested: it is as large, and as far down the ranking.
    scenes.annotation_area[:] = scenes.annotation_area[roots(annotations.parent)]
    scenes.prediction_area[:] = scenes.prediction_area[roots(predictions.parent)]
    pairs = overlapping_pairs(batch)
    return Matchable(folded, annotations, predictions, metrics, *_nesting(annotations, predictions), batch, pairs)


def _scenes(annotations: Objects, predictions: Objects) -> tuple[Scenes, list[str]]:
    annotation_feature, prediction_feature, features = codes(annotations, predictions, "feature")
    scenes = Scenes(
        annotation_start=annotations.offset[:-1],
        annotation_end=annotations.offset[1:],
        prediction_start=predictions.offset[:-1],
        prediction_end=predictions.offset[1:],
        annotation_type=type_codes(annotations),
        annotation_feature=annotation_feature,
        annotation_area=numbers(annotations.columns["area"]).copy(),
        annotation_crowd=crowd_is(annotations, Crowd.CROWD, Crowd.GROUP_OF, Crowd.UNLABELLED),
        annotation_difficult=crowd_is(annotations, Crowd.DIFFICULT, Crowd.UNLABELLED),
        annotation_box=boxes(annotations),
        prediction_type=type_codes(predictions),
        prediction_feature=prediction_feature,
        prediction_confidence=numbers(predictions.columns["confidence"]),
        prediction_area=numbers(predictions.columns["area"]).copy(),
        prediction_box=boxes(predictions),
    )
    return scenes, features


def _nesting(annotations: Objects, predictions: Objects) -> tuple[Nesting, list[str]]:
    annotation_label, prediction_label, labels = codes(annotations, predictions, "label")
    nesting = Nesting(
        annotations.parent,
        predictions.parent,
        annotations.type,
        predictions.type,
        annotation_label,
        prediction_label,
    )
    return nesting, labels
