"""A data row's events to its state.

The state after some events is a pure function of the set of events: they are folded in the order (version, id), from
the last ``replace`` on. A redelivered, reordered or late event therefore ends in the same state as one that came in
time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial, reduce
from itertools import chain, pairwise
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from evalstream.arrow import called, column, numbers, take, whole
from evalstream.collector import uncollected
from evalstream.scenes import Int


class Facts(NamedTuple):
    """Facts about the data row itself."""

    split: str
    width: int
    height: int
    coordinates: str
    media_url: str
    text: str
    metadata: dict[str, str]


class FoldedScene(NamedTuple):
    """Predictions of one run for one data row, beside the row's annotations.

    ``annotations`` and ``predictions`` are positions among all objects of all events, in the scene's own order.
    ``version`` counts the events that went in.
    """

    data_row: str
    run: str
    version: int
    facts: Facts
    annotations: Int
    predictions: Int


@uncollected
def fold(events: pa.Table, *, alone: bool = False) -> list[FoldedScene]:
    """Fold events to one scene for each data row and run.

    Those of one data row and run lie together, by version and id. With ``alone``, events are of annotations, and there
    is a scene of run '' for each data row, without a prediction.
    """
    log = _Log(
        events["operation"].to_pylist(),
        numbers(whole(events["object_id"]).offsets),
        whole(events["object_id"]).values,
        whole(events["object_parent"]).values,
        whole(events["deleted_id"]),
    )
    facts = _facts_said(events)
    groups = _groups(events)
    annotated = {data_row: own for data_row, run, own in groups if not run}
    predicted = [(data_row, "", range(0)) for data_row in annotated] if alone else [one for one in groups if one[1]]
    annotations: dict[str, Int] = {}
    scenes = []
    for data_row, run, own in predicted:
        shared = annotated.get(data_row, range(0))
        if data_row not in annotations:
            annotations[data_row] = _objects(log, shared)
        said = [facts[i] for i in (*shared, *own) if i in facts]
        counted = len(shared) + len(own)
        scenes.append(FoldedScene(data_row, run, counted, _merged(said), annotations[data_row], _objects(log, own)))
    return scenes


def _groups(events: pa.Table) -> list[tuple[str, str, range]]:
    """Name each data row and run, with its events, which lie together."""
    if not len(events):
        return []
    keys = [whole(events[name]) for name in ("data_row", "run")]
    start = np.insert(1 + _where(called("not_equal", key[1:], key[:-1]) for key in keys), 0, 0)
    data_rows, runs = (take(key, start).to_pylist() for key in keys)
    return list(zip(data_rows, runs, map(range, start.tolist(), [*start[1:].tolist(), len(events)]), strict=True))


def _where(conditions: Iterable[pa.Array]) -> Int:
    """Say where one of the conditions holds."""
    return numbers(called("indices_nonzero", reduce(partial(called, "or"), conditions))).astype(np.int64)


@uncollected
def side_by_side(annotated: pa.Table, predicted: pa.Table) -> list[FoldedScene]:
    """Fold events of one ``replace`` a data row: those of annotations, and those of predictions of the same data rows.

    The positions of annotations and of predictions are each among the objects of their own table.
    """
    names = annotated["data_row"].to_pylist()
    (run,) = set(predicted["run"].to_pylist()) or {""}
    *said, metadata = (annotated[name].to_pylist() for name in Facts._fields)
    facts = map(Facts, *said, map(dict, metadata))
    annotations, predictions = (_positions(one) for one in (annotated, predicted))
    return [
        FoldedScene(name, run, 2, own, *objects)
        for name, own, *objects in zip(names, facts, annotations, predictions, strict=True)
    ]


def _positions(events: pa.Table) -> list[Int]:
    """Give the positions of each event's objects."""
    offset = numbers(whole(events["object_id"]).offsets).tolist()
    every = np.arange(offset[-1])
    return [every[begin:end] for begin, end in pairwise(offset)]


class _Log(NamedTuple):
    operation: list[str]
    offset: Int  # the objects of event i are offset[i] : offset[i + 1]
    object_id: pa.Array
    parent: pa.Array
    deleted: pa.ListArray


def _objects(log: _Log, events: Sequence[int]) -> Int:
    """Fold the events of one key, in order, to the objects that remain, in the order in which they first came."""
    if len(events) == 1:  # by far the most usual case, and the reason why objects are not looked at one by one
        return np.arange(log.offset[events[0]], log.offset[events[0] + 1], dtype=np.int64)
    last = max((i for i, event in enumerate(events) if log.operation[event] == "replace"), default=0)
    events = events[last:]
    if len(events) == 1:
        return _objects(log, events)
    state: dict[str, Int] = {}  # of each object, its own position and those of its parts, which follow it
    for event in events:
        if log.operation[event] == "delete":
            for name in log.deleted[event].as_py():
                state.pop(name, None)
            continue
        begin, end = int(log.offset[event]), int(log.offset[event + 1])
        first = begin + np.flatnonzero(numbers(log.parent[begin:end]) == 0)
        names = log.object_id.take(column(first)).to_pylist()
        positions = np.split(np.arange(begin, end), first[1:] - begin)
        state.update(zip(names, positions, strict=len(first) > 0))
    return np.concatenate([np.empty(0, np.int64), *state.values()])


class _Said(NamedTuple):
    order: tuple[int, str]
    facts: Facts


def _facts_said(events: pa.Table) -> dict[int, _Said]:
    """Facts about data rows in the events that have any."""
    texts = (called("not_equal", whole(events[name]), "") for name in ("split", "coordinates", "media_url", "text"))
    sizes = (called("not_equal", whole(events[name]), 0) for name in ("width", "height"))
    described = np.flatnonzero(np.diff(numbers(whole(events["metadata"]).offsets)))
    places = np.union1d(_where(chain(texts, sizes)), described)
    names = ("version", "event_id", *Facts._fields)
    columns = zip(*(take(whole(events[name]), places).to_pylist() for name in names), strict=True)
    return {
        i: _Said((version, event_id), Facts(split, width, height, coordinates, media_url, text, dict(metadata)))
        for i, (version, event_id, split, width, height, coordinates, media_url, text, metadata) in zip(
            places.tolist(), columns, strict=True
        )
    }


def _merged(said: Sequence[_Said]) -> Facts:
    """Merge facts field by field, metadata key by key; the later event wins."""
    if len(said) == 1:
        return said[0].facts
    merged = Facts("", 0, 0, "", "", "", {})
    for _, facts in sorted(said, key=lambda item: item.order):
        merged = Facts(
            facts.split or merged.split,
            facts.width or merged.width,
            facts.height or merged.height,
            facts.coordinates or merged.coordinates,
            facts.media_url or merged.media_url,
            facts.text or merged.text,
            merged.metadata | facts.metadata,
        )
    return merged
