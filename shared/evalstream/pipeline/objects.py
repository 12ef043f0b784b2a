"""The objects of a batch of scenes, side by side: taken from the events' columns, and written as results' columns."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from evalstream.arrow import called, numbers, take, whole
from evalstream.scenes import Code, Flag, Float, Int, Measure, Shapes
from evalstream.types import AGGREGATIONS, CODES, CUSTOM, METRIC, NESTED

_METRIC: Final = -1


class Objects(NamedTuple):
    """One side of a batch: flat columns, where each scene's objects begin, and of each object its parent and type."""

    columns: dict[str, pa.Array]
    offset: Int
    parent: Int  # −1: none
    type: Code  # −1: a custom metric

    def scene(self) -> Int:
        """The scene of each object."""
        return np.repeat(np.arange(len(self.offset) - 1), np.diff(self.offset))

    def parent_in_scene(self) -> NDArray[np.int32]:
        """The parent of each object as a position within its scene."""
        first = self.offset[:-1][self.scene()]
        return np.where(self.parent >= 0, self.parent - first, -1).astype(np.int32)


def gather(events: pa.Table, chosen: Sequence[Int]) -> Objects:
    """Take the chosen objects of all events, scene after scene.

    What is nested gets an id of its own, and is as much of an object as what it is nested in.
    """
    offset = np.zeros(len(chosen) + 1, np.int64)
    np.cumsum([len(some) for some in chosen], out=offset[1:])
    index = np.concatenate(chosen)
    together = len(index) > 0 and bool(np.all(np.diff(index) == 1))

    def of(values: pa.Array) -> pa.Array:
        return values.slice(int(index[0]), len(index)) if together else take(values, index)

    names = [name for name in events.column_names if name.startswith("object_")]
    columns = {name.removeprefix("object_"): of(whole(events[name]).values) for name in names}
    back = numbers(columns.pop("parent")).astype(np.int64)
    parent = np.where(back > 0, np.arange(len(back)) - back, -1)
    if np.any(back):
        named = called("if_else", called("equal", columns["label"], ""), columns["feature"], columns["label"])
        own = called("binary_join_element_wise", columns["id"], named, "/")
        columns["id"] = called("if_else", pa.array(back > 0), own, columns["id"])
        columns["crowd"] = take(columns["crowd"], roots(parent))
    return Objects(columns, offset, parent, _coded(columns["type"]))


def roots(parent: Int) -> Int:
    """Return the outermost object that each one is nested in, or itself."""
    root = np.arange(len(parent))
    while np.any(inner := parent[root] >= 0):
        root = np.where(inner, parent[root], root)
    return root


def without_metrics(objects: Objects) -> tuple[Objects, list[Measure]]:
    """Take custom metrics out of the objects; give them as measures.

    The value of such a measure is the aggregation (a position in ``AGGREGATIONS``), the number k of thresholds, the k
    confidence thresholds from which values hold, and k numbers, or 4 k counts for ``confusion_matrix``. A metric of an
    object has the object's feature, and holds while the object does. One without a value was taken back.
    """
    is_metric = objects.type == _METRIC
    if not np.any(is_metric):
        return objects, []
    keep = ~is_metric
    renumbered = np.append(np.cumsum(keep) - 1, -1)
    position = np.flatnonzero(is_metric)
    chosen = pa.array(position)
    parent = objects.parent[position]
    of_object = pa.array(np.where(parent >= 0, parent, position))
    own = {name: objects.columns[name].take(chosen) for name in ("detail", "geometry")}
    feature = objects.columns["feature"].take(of_object)
    confidence = np.where(parent >= 0, objects.columns["confidence"].take(of_object).to_numpy(), np.inf)
    # Metrics that differ in their numbers only are one measure. In the order of what they have in common, so that what
    # comes of one scene is the same whatever else is in the batch.
    encoded = called("dictionary_encode", own["detail"])
    code = encoded.indices.to_numpy()
    measures = []
    for text, i in sorted((text, i) for i, text in enumerate(encoded.dictionary.to_pylist())):
        detail = json.loads(text)
        if not (thresholds := detail["thresholds"]):
            continue
        same = np.flatnonzero(code == i)
        values = own["geometry"].take(pa.array(same)).flatten().to_numpy().reshape(len(same), -1)
        head = [AGGREGATIONS.index(detail["aggregation"]), len(thresholds), *thresholds]
        measures.append(
            Measure(
                CUSTOM + detail["name"],
                scene=objects.scene()[position[same]],
                annotation=np.full(len(same), -1, np.int32),
                prediction=renumbered[parent[same]].astype(np.int32),
                value=np.hstack((np.tile(np.array(head, np.float64), (len(same), 1)), values)),
                confidence=confidence[same],
                actual=feature.take(pa.array(same)).to_pylist(),
                predicted=[detail["subclass"]] * len(same),
            )
        )
    kept = pa.array(keep)
    offset = np.concatenate((np.zeros(1, np.int64), np.cumsum(keep)))[objects.offset]
    columns = {name: column.filter(kept) for name, column in objects.columns.items()}
    return Objects(columns, offset, renumbered[objects.parent[keep]], objects.type[keep]), measures


def shapes(objects: Objects) -> Shapes:
    """Give geometry what it looks at."""
    geometry = objects.columns["geometry"]
    start = np.concatenate((np.zeros(1, np.int64), np.cumsum(numbers(called("list_value_length", geometry)))))
    return Shapes(objects.columns["id"], start, numbers(called("list_flatten", geometry)), objects.columns["detail"])


def type_codes(objects: Objects) -> Code:
    """The type of each object as matching sees it: ``NESTED`` for what is nested."""
    return np.where(objects.parent >= 0, np.int32(NESTED), objects.type).astype(np.int32)


def codes(annotations: Objects, predictions: Objects, column: str) -> tuple[Code, Code, list[str]]:
    """Code a column of strings with one meaning across both sides; give the string of each code too.

    Coded in the order of their names, so that what depends on it is the same whatever else is in the batch.
    """
    encoded = called("dictionary_encode", pa.concat_arrays([annotations.columns[column], predictions.columns[column]]))
    rank = numbers(called("rank", encoded.dictionary)).astype(np.int32) - 1
    coded = rank[numbers(encoded.indices)]
    split = int(annotations.offset[-1])
    return coded[:split], coded[split:], sorted(encoded.dictionary.to_pylist(), key=lambda name: name.encode())


def boxes(objects: Objects) -> Float:
    """The geometry of the boxes, x, y, width, height, not to be written to; zeros stand in for other types."""
    is_box = np.flatnonzero(objects.type == CODES["bbox"])
    every = len(is_box) == len(objects.type)
    chosen = objects.columns["geometry"] if every else take(objects.columns["geometry"], is_box)
    if np.any(numbers(called("list_value_length", chosen)) != 4):
        raise ValueError("the geometry of a bbox has to be four numbers")
    own = numbers(called("list_flatten", chosen)).reshape(len(chosen), 4)
    if every:
        return own  # of so many boxes, all the memory that a copy would take
    geometry = np.zeros((len(objects.parent), 4))
    geometry[is_box] = own
    return geometry


def crowd_is(objects: Objects, *kinds: int) -> Flag:
    """Whether each annotation is of one of these kinds (:class:`evalstream.events.base.Crowd`)."""
    return np.isin(numbers(objects.columns["crowd"]), kinds)


def lists(side: str, objects: Objects, *names: str) -> dict[str, pa.Array]:
    """Columns of results, by scene."""
    return {f"{side}_{name}": ragged(objects.offset, objects.columns[name]) for name in names}


def ragged(offset: Int, values: NDArray[Any] | pa.Array) -> pa.Array:
    """One list a scene."""
    values = values if isinstance(values, pa.Array) else pa.array(np.ascontiguousarray(values))
    return pa.ListArray.from_arrays(pa.array(offset.astype(np.int32)), values)


def measure_columns(measures: Sequence[Measure], annotations: Objects, predictions: Objects) -> dict[str, pa.Array]:
    """Columns of results: every measurement, by scene; positions count within the scene."""
    scenes = len(annotations.offset) - 1
    scene = np.concatenate([one.scene for one in measures] or [np.empty(0, np.int64)]).astype(np.int64)
    order = np.argsort(scene, kind="stable")
    offset = np.searchsorted(scene[order], np.arange(scenes + 1))
    by_scene = pa.array(order)

    def positions(side: Objects, column: list[Code]) -> NDArray[np.int32]:
        absolute = np.concatenate(column or [np.empty(0, np.int32)])
        return np.where(absolute >= 0, absolute - side.offset[scene], -1).astype(np.int32)

    def texts(name: str) -> list[str]:
        return [text for one in measures for text in (getattr(one, name) or [""] * len(one.scene))]

    always = [np.full(len(one.scene), np.inf) if one.confidence is None else one.confidence for one in measures]
    columns = {
        "name": pa.array([one.name for one in measures for _ in one.scene], pa.string()),
        "actual": pa.array(texts("actual"), pa.string()),
        "predicted": pa.array(texts("predicted"), pa.string()),
        "annotation": pa.array(positions(annotations, [one.annotation for one in measures])),
        "prediction": pa.array(positions(predictions, [one.prediction for one in measures])),
        "confidence": pa.array(np.concatenate(always or [np.empty(0)])),
        "value": pa.array([row for one in measures for row in one.value.tolist()], pa.list_(pa.float64())),
    }
    return {f"measure_{name}": ragged(offset, column.take(by_scene)) for name, column in columns.items()}


def _coded(types: pa.Array) -> Code:
    encoded = called("dictionary_encode", types)
    codes_of = CODES | {METRIC: _METRIC}
    known = np.array([codes_of[name] for name in encoded.dictionary.to_pylist()], np.int32)
    return known[numbers(encoded.indices)] if len(known) else np.empty(0, np.int32)
