"""Events that were written last, held in memory so that who matches them need not read them back.

The table says which events there are; the memory only says what stands in them. So an event that it does not hold costs
time, and nothing else.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa

from evalstream.arrow import column, numbers
from evalstream.events.schema import EVENTS


class EventKey(NamedTuple):
    """What names an event within its dataset."""

    data_row: str
    run: str
    version: int
    event_id: str


_KEY: Final = ("dataset", *EventKey._fields)
_LISTS: Final = tuple(field.name for field in EVENTS if pa.types.is_list(field.type))


#: The dataset, and the parts of :class:`EventKey`.
_Key = tuple[str, str, str, int, str]


class _Batch:
    """Events that were written together, and how many of them are still held."""

    def __init__(self, number: int, events: pa.RecordBatch) -> None:
        self.number = number
        self.events = events
        self.bytes = events.nbytes
        self.keys: list[_Key] = list(zip(*(events[name].to_pylist() for name in _KEY), strict=True))
        self.left = 0


class _Place(NamedTuple):
    batch: _Batch
    position: int


class Recent:
    """Events that were written last, up to so many bytes; the oldest go first, and predictions once they are given.

    May be used by several threads at once.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._lock = threading.Lock()
        self._batches: deque[_Batch] = deque()
        self._places: dict[_Key, _Place] = {}
        self._bytes = 0
        self._number = 0

    def keep(self, events: pa.Table) -> None:
        """Hold events (schema ``EVENTS``) that stand in the table since a moment ago.

        Of two with one key, written by different threads, the memory cannot tell which one the table holds: it lets go
        of both.
        """
        for part in events.to_batches():
            if part.num_rows and _is_compact(part):
                self._keep(part)

    def _keep(self, events: pa.RecordBatch) -> None:
        with self._lock:
            self._number += 1
            batch = _Batch(self._number, events)
            for position, key in enumerate(batch.keys):
                if key in self._places:
                    self._let_go(key)
                else:
                    self._places[key] = _Place(batch, position)
                    batch.left += 1
            if batch.left:
                self._batches.append(batch)
                self._bytes += batch.bytes
            while self._bytes > self._most:
                oldest = self._batches.popleft()
                for key in oldest.keys:
                    if oldest.left and key in self._places and self._places[key].batch is oldest:
                        self._let_go(key)

    def _let_go(self, key: _Key) -> None:
        batch = self._places.pop(key).batch
        batch.left -= 1
        if not batch.left:
            self._bytes -= batch.bytes

    def give(self, dataset: str, keys: Sequence[EventKey]) -> tuple[pa.Table, set[str]]:
        """Give the events of those data rows of which all are held, and name the other data rows.

        Parameters
        ----------
        dataset : str
            Whose events they are.
        keys : sequence of EventKey
            All events of some data rows, by data row, run, version and id.

        Returns
        -------
        table of schema ``EVENTS``, set of str
            Those of one data row and run lie together, by version and id; annotations come first.
        """
        with self._lock:
            held = [self._places.get((dataset, *key)) for key in keys]
            missing = {key.data_row for key, place in zip(keys, held, strict=True) if place is None}
            chosen = [
                (key, place)
                for key, place in zip(keys, held, strict=True)
                if place is not None and key.data_row not in missing
            ]
            for key, _ in chosen:
                if key.run:
                    self._let_go((dataset, *key))
            while self._batches and not self._batches[0].left:
                self._batches.popleft()
        chosen.sort(key=lambda item: (item[0].run != "", item[1].batch.number, item[1].position))
        parts = [
            _taken(batch.events, [place.position for place in places])
            for batch, places in groupby((place for _, place in chosen), key=attrgetter("batch"))
        ]
        events = pa.Table.from_batches(parts, schema=EVENTS)
        if len({key[:2] for key, _ in chosen}) == len(chosen):  # each alone, as nearly always: any order will do
            return events, missing
        order = sorted(range(len(chosen)), key=lambda i: (chosen[i][0].run != "", chosen[i][0]))
        return events.take(column(np.array(order))), missing


def _taken(events: pa.RecordBatch, positions: Sequence[int]) -> pa.RecordBatch:
    """Give the events at these positions, which rise, without a copy where they lie together."""
    if positions[-1] - positions[0] == len(positions) - 1:
        return events.slice(positions[0], len(positions))
    return events.take(column(np.array(positions)))


def _is_compact(events: pa.RecordBatch) -> bool:
    """Whether lists begin where their values do, as all writers have it; the same objects then have the same places."""
    return not any(events[name].offset or (len(events[name]) and numbers(events[name].offsets)[0]) for name in _LISTS)
