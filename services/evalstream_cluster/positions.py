"""Positions of a cluster: how far the topics of events had come.

Of each partition that an upload put records on, a position says how many records there were then: ``p3-9f2c1a7e.1043``
is partition 3 of the topic of predictions (``a`` is that of annotations), before offset 1043. The digits behind the
dash are the topic's id: one that was deleted and made anew counts from 0 once more, and is another topic. With
``c-51be02d9.0`` it says of which topic the matchers had to be told. A producer of its own may leave ids out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from aiokafka import TopicPartition
from aiokafka.structs import RecordMetadata
from evalstream import positions
from evalstream.positions import PositionError

from evalstream_cluster.settings import ServiceSettings
from evalstream_cluster.topics import ANNOTATIONS, CHANGED_ROWS, PREDICTIONS

_LETTERS: Final = {"a": ANNOTATIONS, "p": PREDICTIONS, "c": CHANGED_ROWS}
_NAME: Final = re.compile(r"(?:([ap])(\d{1,4})|(c))(?:-([0-9a-f]{8}))?", re.ASCII)
#: What is reached from the beginning: the position of an upload of nothing.
START: Final = positions.written({"p0": 0})


class Wanted(NamedTuple):
    """What a position says."""

    #: Of each partition, the offset before which all is to be reflected.
    offsets: dict[TopicPartition, int]
    #: The id of each topic, where the position says it.
    ids: dict[str, str]


def written(records: Iterable[RecordMetadata], ids: Mapping[str, str], settings: ServiceSettings) -> str | None:
    """Write the position of some records; None if Kafka did not say where one is.

    Parameters
    ----------
    records : iterable of RecordMetadata
        What the producer was told of each. Of what it has sent twice a broker may say that it has it, and not where:
        then offsets are made of −1, as is where the log begins.
    ids : mapping
        The topics' ids, as far as they are known.
    """
    letters = {settings.topic(name): letter for letter, name in _LETTERS.items()}
    ends: dict[TopicPartition, int] = {}
    for record in records:
        if record.log_start_offset is None or record.log_start_offset < 0:
            return None
        place = record.topic_partition
        ends[place] = max(record.offset + 1, ends.get(place, 0))
    if not ends:
        return START

    def named(topic: str, partition: str) -> str:
        return letters[topic] + partition + (f"-{ids[topic]}" if topic in ids else "")

    numbers = {named(place.topic, str(place.partition)): end for place, end in ends.items()}
    told = settings.topic(CHANGED_ROWS)
    return positions.written(numbers | ({named(told, ""): 0} if told in ids else {}))


def read(numbers: Mapping[str, int], settings: ServiceSettings) -> Wanted:
    """Read the numbers of a position.

    Raises
    ------
    PositionError
        If it is not one of a cluster, or of two topics of one name.
    """
    wanted = Wanted({}, {})
    for name, number in numbers.items():
        match = _NAME.fullmatch(name)
        if match is None:
            raise PositionError(f"{name[:80]!r} is no partition: give the position of an upload to this cluster")
        letter, partition, told, own_id = match.groups()
        topic = settings.topic(_LETTERS[letter or told])
        if own_id is not None and wanted.ids.setdefault(topic, own_id) != own_id:
            raise PositionError(f"it is of two topics {topic}, one of which was made anew since")
        if partition is not None:
            place = TopicPartition(topic, int(partition))
            wanted.offsets[place] = max(number, wanted.offsets.get(place, 0))
    return wanted
