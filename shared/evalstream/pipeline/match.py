"""Events of some data rows to their row results."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from evalstream.arrow import numbers
from evalstream.deletions import COUNT_BITS, NOTHING_DELETED, Deletions
from evalstream.events.base import Crowd
from evalstream.geometry.areas import fill_areas
from evalstream.geometry.errors import GeometryError
from evalstream.geometry.geographic import localised
from evalstream.geometry.pairs import overlapping_pairs
from evalstream.matching import POLICIES
from evalstream.matching.nearest import Nearest, nearest
from evalstream.matching.nested import Nesting, with_nested
from evalstream.matching.order import by_feature_and_confidence
from evalstream.ontology import NOTHING_DECLARED, Ontology
from evalstream.pipeline.fold import FoldedScene, fold
from evalstream.pipeline.objects import (
    Objects,
    boxes,
    codes,
    crowd_is,
    gather,
    lists,
    measure_columns,
    ragged,
    roots,
    shapes,
    type_codes,
    without_metrics,
)
from evalstream.scenes import RECTANGLE, Batch, Int, Measure, Pairs, Rectangles, Scenes
from evalstream.storage.results import RESULTS, of_policy

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


def match(
    dataset: str,
    events: pa.Table,
    policies: Sequence[str],
    ontology: Ontology = NOTHING_DECLARED,
    revisions: int = 0,
    deletions: Deletions = NOTHING_DELETED,
    *,
    alone: bool = False,
) -> pa.Table:
    """Fold the live events of some data rows and match every run's predictions with the annotations under each policy.

    Parameters
    ----------
    dataset : str
        The dataset that the events belong to.
    events : table of schema ``EVENTS``
        All events of each data row that is to be matched, by data row, run, version and id.
    policies : sequence of str
        Names in :data:`evalstream.matching.POLICIES`.
    ontology : Ontology
        What is declared of the dataset.
    revisions : int
        How many declarations there were when this one was in force. They count into the version of the results as
        events do, so that what was matched under an older declaration never stays.
    deletions : Deletions
        What is deleted of the dataset. The tombstones that cover a row come first in the version of its results.
    alone : bool
        Whether the events are of annotations: then there is one result a data row, of run '', as that of a run which
        has found nothing.

    Returns
    -------
    table of schema ``RESULTS``
        One row a (run, data row). A row that cannot be matched holds the reason in ``error`` and no objects; it
        fails alone.
    """
    live = deletions.live(events)
    folded = []
    for scene in fold(live, alone=alone):
        seen = deletions.covering(scene.run, scene.data_row) << COUNT_BITS
        folded.append(scene._replace(version=seen + scene.version + revisions))
    return pa.concat_tables(
        [
            RESULTS.empty_table(),
            *(
                results_of_failed(dataset, one, policies) if isinstance(one, Failed) else one
                for one in work_through(
                    folded, lambda some: results(dataset, matchable(live, live, some, ontology), policies)
                )
            ),
        ]
    )


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


def results(dataset: str, prepared: Matchable, policies: Sequence[str]) -> pa.Table:
    """Match under each policy; give all that is stored (schema ``RESULTS``)."""
    from evalstream.geometry.measures import measured  # of what is stored alone, and takes a while

    annotations, predictions, scenes = prepared.annotations, prepared.predictions, prepared.batch.scenes
    rectangles = {policy: prepared.rectangles(policy) for policy in policies}
    nesting = prepared.nesting
    measures = measured(prepared.batch, list(rectangles.values()), nesting.prediction_type)
    matches = {policy: rectangles.get(policy, np.empty(0, RECTANGLE)) for policy in POLICIES}
    closest = nearest(prepared.pairs, nesting.prediction_label, nesting.annotation_label, scenes.annotation_crowd)
    columns = {
        **_scene_columns(dataset, prepared.folded, policies, ""),
        **lists("annotation", annotations, "id", "type", "feature", "label", "crowd", "geometry", "detail"),
        "annotation_area": ragged(annotations.offset, scenes.annotation_area),
        "annotation_parent": ragged(annotations.offset, annotations.parent_in_scene()),
        **lists("prediction", predictions, "id", "type", "feature", "label", "confidence", "geometry", "detail"),
        **lists("prediction", predictions, "score_label", "score"),
        "prediction_area": ragged(predictions.offset, scenes.prediction_area),
        "prediction_parent": ragged(predictions.offset, predictions.parent_in_scene()),
        "prediction_rank": ragged(predictions.offset, prepared.rank().astype(np.uint32)),
        **_closest(closest, annotations, predictions),
        **measure_columns([*measures, *prepared.metrics], annotations, predictions),
        **{
            of_policy(policy, name): column
            for policy, own in matches.items()
            for name, column in _matches(own, annotations, predictions).items()
        },
    }
    return pa.table([columns[name] for name in RESULTS.names], schema=RESULTS)


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


def _scene_columns(
    dataset: str, folded: Sequence[FoldedScene], policies: Sequence[str], error: str
) -> dict[str, pa.Array]:
    count = len(folded)
    facts = [scene.facts for scene in folded]
    return {
        "dataset": pa.array([dataset] * count),
        "run": pa.array([scene.run for scene in folded]),
        "data_row": pa.array([scene.data_row for scene in folded]),
        "version": pa.array([scene.version for scene in folded], pa.uint64()),
        "policies": pa.array([sorted(policies)] * count),
        "error": pa.array([error] * count),
        "split": pa.array([fact.split for fact in facts]),
        "width": pa.array([fact.width for fact in facts], pa.uint32()),
        "height": pa.array([fact.height for fact in facts], pa.uint32()),
        "coordinates": pa.array([fact.coordinates for fact in facts]),
        "media_url": pa.array([fact.media_url for fact in facts]),
        "text": pa.array([fact.text for fact in facts]),
        "metadata": pa.array([list(fact.metadata.items()) for fact in facts], pa.map_(pa.string(), pa.string())),
    }


def _matches(rectangles: Rectangles, annotations: Objects, predictions: Objects) -> dict[str, pa.Array]:
    prediction = np.ascontiguousarray(rectangles["prediction"])
    annotation = np.ascontiguousarray(rectangles["annotation"])
    # The kernels go through the scenes in order, so the rectangles of one scene lie together.
    scene = np.searchsorted(predictions.offset, prediction, side="right") - 1
    offset = np.searchsorted(scene, np.arange(len(predictions.offset)))

    def by_scene(values: NDArray[np.generic] | pa.Array) -> pa.Array:
        return ragged(offset, values)

    stored = "iou", "confidence_low", "confidence_high", "iou_low", "iou_high", "area_range"
    return {
        "prediction": by_scene((prediction - predictions.offset[scene]).astype(np.uint32)),
        "annotation": by_scene((annotation - annotations.offset[scene]).astype(np.uint32)),
        "type": by_scene(predictions.columns["type"].take(pa.array(prediction))),
        "predicted_feature": by_scene(predictions.columns["feature"].take(pa.array(prediction))),
        "actual_feature": by_scene(annotations.columns["feature"].take(pa.array(annotation))),
        "predicted": by_scene(predictions.columns["label"].take(pa.array(prediction))),
        "actual": by_scene(annotations.columns["label"].take(pa.array(annotation))),
        **{name: by_scene(np.ascontiguousarray(rectangles[name])) for name in stored},
        "ignored": by_scene(rectangles["ignored"].astype(np.uint8)),
    }


def _closest(closest: Nearest, annotations: Objects, predictions: Objects) -> dict[str, pa.Array]:
    first = annotations.offset[:-1][predictions.scene()]
    positions = {
        name: np.where(position >= 0, position - first, -1).astype(np.int32)
        for name, position in (("own", closest.own), ("other", closest.other))
    }
    columns = positions | {"own_iou": closest.own_iou, "other_iou": closest.other_iou}
    return {f"prediction_{name}": ragged(predictions.offset, values) for name, values in columns.items()}


def results_of_failed(dataset: str, failed: Failed, policies: Sequence[str]) -> pa.Table:
    """Give a result that holds nothing but the reason, so that the row counts as failed and not as pending."""
    known = _scene_columns(dataset, [failed.scene], policies, failed.reason)
    columns = [known[field.name] if field.name in known else pa.array([[]], field.type) for field in RESULTS]
    return pa.table(columns, schema=RESULTS)
