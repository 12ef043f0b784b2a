"""Events of some data rows to their row results."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from evalstream.deletions import COUNT_BITS, NOTHING_DELETED, Deletions
from evalstream.matching import POLICIES
from evalstream.matching.area import by_range
from evalstream.matching.nearest import Nearest, nearest
from evalstream.ontology import NOTHING_DECLARED, Ontology
from evalstream.pipeline.fold import FoldedScene, fold
from evalstream.pipeline.matchable import Failed, Matchable, matchable, work_through
from evalstream.pipeline.objects import Objects, lists, measure_columns, ragged
from evalstream.scenes import RECTANGLE, Rectangles
from evalstream.storage.results import RESULTS, of_policy, stored_iou


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
        "prediction_area": ragged(predictions.offset, by_range(scenes.prediction_area)),
        "prediction_parent": ragged(predictions.offset, predictions.parent_in_scene()),
        "prediction_rank": ragged(predictions.offset, prepared.rank().astype(np.uint32)),
        **_closest(closest, annotations, predictions),
        **measure_columns([*measures, *prepared.metrics], annotations, predictions),
        **{
            of_policy(policy, name): column
            for policy, own in matches.items()
            for name, column in _matches(policy, own, annotations, predictions).items()
        },
    }
    return pa.table([columns[name] for name in RESULTS.names], schema=RESULTS)


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


def _matches(policy: str, rectangles: Rectangles, annotations: Objects, predictions: Objects) -> dict[str, pa.Array]:
    prediction = np.ascontiguousarray(rectangles["prediction"])
    annotation = np.ascontiguousarray(rectangles["annotation"])
    # The kernels go through the scenes in order, so the rectangles of one scene lie together.
    scene = np.searchsorted(predictions.offset, prediction, side="right") - 1
    offset = np.searchsorted(scene, np.arange(len(predictions.offset)))

    def by_scene(values: NDArray[np.generic] | pa.Array) -> pa.Array:
        return ragged(offset, values)

    stored = "confidence_low", "confidence_high", "iou_low", "iou_high", "area_range"
    return {
        "prediction": by_scene((prediction - predictions.offset[scene]).astype(np.uint32)),
        "annotation": by_scene((annotation - annotations.offset[scene]).astype(np.uint32)),
        "type": by_scene(predictions.columns["type"].take(pa.array(prediction))),
        "predicted_feature": by_scene(predictions.columns["feature"].take(pa.array(prediction))),
        "actual_feature": by_scene(annotations.columns["feature"].take(pa.array(annotation))),
        "predicted": by_scene(predictions.columns["label"].take(pa.array(prediction))),
        "actual": by_scene(annotations.columns["label"].take(pa.array(annotation))),
        "iou": by_scene(stored_iou(policy, rectangles["iou"], rectangles["iou_high"])),
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
