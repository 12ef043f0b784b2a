"""Events of some data rows to their row results."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from evalstream.events import AnnotationEvent, PredictionEvent, Reader, Record, decode, events_table
from evalstream.geometry.pairs import overlapping_pairs
from evalstream.geometry.types import CODES
from evalstream.matching import POLICIES
from evalstream.matching.order import by_feature_and_confidence
from evalstream.pipeline.fold import FoldedScene, fold
from evalstream.scenes import Code, Float, Int, Rectangles, Scenes
from evalstream.storage.results import RESULTS

log = logging.getLogger(__name__)


def match(dataset: str, events: pa.Table, policies: Sequence[str]) -> pa.Table:
    """Fold the events of some data rows and match every run's predictions with the annotations under each policy.

    Parameters
    ----------
    dataset : str
        The dataset that the events belong to.
    events : table of schema ``EVENTS``
        All events of each data row that is to be matched, by data row, run, version and id.
    policies : sequence of str
        Names in :data:`evalstream.matching.POLICIES`.

    Returns
    -------
    table of schema ``RESULTS``
        One row a (run, policy, data row). A row that cannot be matched holds the reason in ``error`` and no objects; it
        fails alone.
    """
    return _match_folded(dataset, events, fold(events), policies)


def _match_folded(dataset: str, events: pa.Table, folded: list[FoldedScene], policies: Sequence[str]) -> pa.Table:
    if not folded:
        return RESULTS.empty_table()
    try:
        return _match_together(dataset, events, folded, policies)
    except Exception as error:
        if len(folded) == 1:
            log.exception("data row %r of run %r cannot be matched", folded[0].data_row, folded[0].run)
            return _failed(dataset, folded[0], policies, f"{type(error).__name__}: {error}")
    # One of them fails: halve until it stands alone, so that it holds up nobody else.
    middle = len(folded) // 2
    halves = (folded[:middle], folded[middle:])
    return pa.concat_tables([_match_folded(dataset, events, half, policies) for half in halves])


class _Objects(NamedTuple):
    """One side of a batch: flat columns, and where each scene's objects begin."""

    columns: dict[str, pa.Array]
    offset: Int


def _match_together(dataset: str, events: pa.Table, folded: list[FoldedScene], policies: Sequence[str]) -> pa.Table:
    annotations = _gather(events, [scene.annotations for scene in folded])
    predictions = _gather(events, [scene.predictions for scene in folded])
    scenes = _scenes(annotations, predictions)
    pairs = overlapping_pairs(scenes)
    _, rank = by_feature_and_confidence(scenes)
    objects = {
        **_lists("annotation", annotations, "id", "type", "feature", "label", "area", "crowd", "geometry"),
        **_lists("prediction", predictions, "id", "type", "feature", "label", "area", "confidence", "geometry"),
        "prediction_rank": pa.ListArray.from_arrays(_offsets(predictions.offset), pa.array(rank.astype(np.uint32))),
    }
    tables = []
    for policy in policies:
        rectangles = POLICIES[policy](scenes, pairs)
        columns = _scene_columns(dataset, folded, policy, "") | objects | _matches(rectangles, annotations, predictions)
        tables.append(pa.table([columns[name] for name in RESULTS.names], schema=RESULTS))
    return pa.concat_tables(tables)


def _gather(events: pa.Table, chosen: Sequence[Int]) -> _Objects:
    """Take the chosen objects of all events, scene after scene."""
    offset = np.zeros(len(chosen) + 1, np.int64)
    np.cumsum([len(some) for some in chosen], out=offset[1:])
    index = pa.array(np.concatenate(chosen))
    names = [name for name in events.column_names if name.startswith("object_")]
    columns = {name.removeprefix("object_"): events[name].combine_chunks().values.take(index) for name in names}
    return _Objects(columns, offset)


def _scenes(annotations: _Objects, predictions: _Objects) -> Scenes:
    both = pa.concat_arrays([annotations.columns["feature"], predictions.columns["feature"]])
    # Coded in the order of their names, so that what depends on it is the same whatever else is in the batch.
    encoded = pc.dictionary_encode(both)
    rank = pc.rank(encoded.dictionary).to_numpy().astype(np.int32) - 1
    feature = rank[encoded.indices.to_numpy()]
    split = int(annotations.offset[-1])
    return Scenes(
        annotation_start=annotations.offset[:-1],
        annotation_end=annotations.offset[1:],
        prediction_start=predictions.offset[:-1],
        prediction_end=predictions.offset[1:],
        annotation_type=_type_codes(annotations.columns["type"]),
        annotation_feature=feature[:split],
        annotation_area=annotations.columns["area"].to_numpy(),
        annotation_crowd=annotations.columns["crowd"].to_numpy().astype(np.bool_),
        annotation_box=_boxes(annotations.columns),
        prediction_type=_type_codes(predictions.columns["type"]),
        prediction_feature=feature[split:],
        prediction_confidence=predictions.columns["confidence"].to_numpy(),
        prediction_area=predictions.columns["area"].to_numpy(),
        prediction_box=_boxes(predictions.columns),
    )


def _type_codes(types: pa.Array) -> Code:
    encoded = pc.dictionary_encode(types)
    codes = np.array([CODES[name] for name in encoded.dictionary.to_pylist()], np.int32)
    return codes[encoded.indices.to_numpy()] if len(codes) else np.empty(0, np.int32)


def _boxes(columns: dict[str, pa.Array]) -> Float:
    """The geometry of the boxes, x, y, width, height; zeros stand in for other types."""
    is_box = pc.equal(columns["type"], "bbox")
    boxes = np.zeros((len(is_box), 4))
    chosen = columns["geometry"].filter(is_box)
    if not pc.all(pc.equal(pc.list_value_length(chosen), 4), min_count=0).as_py():
        raise ValueError("the geometry of a bbox has to be four numbers")
    boxes[is_box.to_numpy(zero_copy_only=False)] = chosen.flatten().to_numpy().reshape(len(chosen), 4)
    return boxes


def _offsets(offset: Int) -> pa.Array:
    return pa.array(offset.astype(np.int32))


def _lists(side: str, objects: _Objects, *names: str) -> dict[str, pa.Array]:
    return {
        f"{side}_{name}": pa.ListArray.from_arrays(_offsets(objects.offset), objects.columns[name]) for name in names
    }


def _scene_columns(dataset: str, folded: Sequence[FoldedScene], policy: str, error: str) -> dict[str, pa.Array]:
    count = len(folded)
    facts = [scene.facts for scene in folded]
    return {
        "dataset": pa.array([dataset] * count),
        "run": pa.array([scene.run for scene in folded]),
        "policy": pa.array([policy] * count),
        "data_row": pa.array([scene.data_row for scene in folded]),
        "version": pa.array([scene.version for scene in folded], pa.uint64()),
        "error": pa.array([error] * count),
        "split": pa.array([fact.split for fact in facts]),
        "width": pa.array([fact.width for fact in facts], pa.uint32()),
        "height": pa.array([fact.height for fact in facts], pa.uint32()),
        "media_url": pa.array([fact.media_url for fact in facts]),
        "metadata": pa.array([list(fact.metadata.items()) for fact in facts], pa.map_(pa.string(), pa.string())),
    }


def _matches(rectangles: Rectangles, annotations: _Objects, predictions: _Objects) -> dict[str, pa.Array]:
    prediction = np.ascontiguousarray(rectangles["prediction"])
    annotation = np.ascontiguousarray(rectangles["annotation"])
    # The kernels go through the scenes in order, so the rectangles of one scene lie together.
    scene = np.searchsorted(predictions.offset, prediction, side="right") - 1
    offset = np.searchsorted(scene, np.arange(len(predictions.offset)))

    def lists(values: NDArray[np.generic] | pa.Array) -> pa.Array:
        values = values if isinstance(values, pa.Array) else pa.array(np.ascontiguousarray(values))
        return pa.ListArray.from_arrays(_offsets(offset), values)

    names = "iou", "confidence_low", "confidence_high", "iou_low", "iou_high", "area_range"
    return {
        "match_prediction": lists((prediction - predictions.offset[scene]).astype(np.uint32)),
        "match_annotation": lists((annotation - annotations.offset[scene]).astype(np.uint32)),
        "match_type": lists(predictions.columns["type"].take(pa.array(prediction))),
        "match_predicted_feature": lists(predictions.columns["feature"].take(pa.array(prediction))),
        "match_actual_feature": lists(annotations.columns["feature"].take(pa.array(annotation))),
        "match_predicted": lists(predictions.columns["label"].take(pa.array(prediction))),
        "match_actual": lists(annotations.columns["label"].take(pa.array(annotation))),
        **{f"match_{name}": lists(rectangles[name]) for name in names},
        "match_ignored": lists(rectangles["ignored"].astype(np.uint8)),
    }


def _failed(dataset: str, scene: FoldedScene, policies: Sequence[str], reason: str) -> pa.Table:
    """Results that hold nothing but the reason, so that the row counts as failed and not as pending."""
    tables = []
    for policy in policies:
        known = _scene_columns(dataset, [scene], policy, reason)
        columns = [known[field.name] if field.name in known else pa.array([[]], field.type) for field in RESULTS]
        tables.append(pa.table(columns, schema=RESULTS))
    return pa.concat_tables(tables)


def warm_up() -> None:
    """Compile the kernels, or load them compiled, so that the first real batch does not wait for it."""
    bbox = '{"dataset":"d","data_row":"r","operation":"replace","%s":[{"type":"bbox","feature":"f","bbox":[0,0,1,1]},'
    rest = '{"type":"radio","feature":"q","answer":"a"}]%s}'
    truth = Record((bbox % "annotations" + rest % "").encode(), 0, 1)
    found = Record((bbox % "predictions" + rest % ',"run":"m"').encode(), 0, 1)
    received = [*decode([truth], Reader(AnnotationEvent)).received, *decode([found], Reader(PredictionEvent)).received]
    match("d", events_table(received), list(POLICIES))
