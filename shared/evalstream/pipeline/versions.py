"""Versions for events that came through Kafka without one: by the record's time, and never below what is there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from evalstream.events import Received
from evalstream.events.versions import OutOfVersionsError, next_version
from evalstream.storage.deletions import load_deletions
from evalstream.storage.events import stored_versions

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

Place = tuple[str, str, str]  # dataset, data row, run: whose events are ordered by version


class Unversioned(NamedTuple):
    """An event for which no version is left, and why."""

    position: int  # in the batch
    reason: str


def versioned(client: Client, received: Sequence[Received]) -> tuple[list[Received], list[Unversioned]]:
    """Give the events of a batch that came without a version the one they keep for ever.

    ``version`` of such an event is the time of its record, which tells the record from all others and is the same on
    every delivery. Where something newer is there, an event of the same data row and run or a deletion of it, the
    event's version is above that. Its id is made to name the record: so the event that was kept is found when it is
    delivered again, and keeps its version; to give it another one would be to send it twice.

    Returns the events, in order, and those that none is left for: there is one of the highest version.
    """
    without = [item for item in received if item.event.version is None]
    if not without:
        return list(received), []
    wanted: dict[str, set[str]] = defaultdict(set)
    for item in without:
        wanted[item.event.dataset].add(item.event.data_row)
    newest: dict[Place, int] = {}
    kept: dict[tuple[Place, str], int] = {}
    for dataset, data_rows in wanted.items():
        ids = [_id(item) for item in without if item.event.dataset == dataset]
        deletions = load_deletions(client, dataset, sorted(data_rows))
        for data_row, run, highest, own in stored_versions(client, dataset, sorted(data_rows), ids):
            newest[dataset, data_row, run] = highest
            kept |= {((dataset, data_row, run), name): version for name, version in own}
        for item in without:
            if item.event.dataset == dataset:
                place = _place(item)
                newest[place] = max(newest.get(place, 0), deletions.floor(place[2], place[1]) - 1)
    done: list[Received] = []
    failed: list[Unversioned] = []
    for position, item in enumerate(received):
        place, name, version = _place(item), item.event_id, item.version
        if item.event.version is None:
            name = _id(item)
            earlier = kept.get((place, name))
            try:
                version = next_version(newest[place], item.version) if earlier is None else earlier
            except OutOfVersionsError as error:
                failed.append(Unversioned(position, str(error)))
                continue
        newest[place] = max(newest.get(place, 0), version)
        done.append(item._replace(version=version, event_id=name))
    return done, failed


def _place(item: Received) -> Place:
    return item.event.dataset, item.event.data_row, getattr(item.event, "run", "")


def _id(item: Received) -> str:
    return f"{item.event_id}@{item.version}"
