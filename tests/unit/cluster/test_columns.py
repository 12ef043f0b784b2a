"""Events in columns in a cluster, without a broker: each goes through its topic as the line that says the same."""

from __future__ import annotations

import asyncio

from evalstream.events.decoding import Record
from evalstream_cluster.ingest import accept_columns_by, accept_to

from tests.unit.cluster.test_complete import Topic
from tests.unit.cluster.test_stream import settings
from tests.unit.events.test_checking import PREDICTIONS, batch, event


def test_each_event_is_a_record_that_is_the_same_when_it_is_sent_again() -> None:
    topic = Topic()
    accept = accept_columns_by(accept_to(topic, settings(), {}))  # type: ignore[arg-type]
    events = batch(
        event({"confidence": 0.5}, predicted=True),
        event({"label": "bus"}, predicted=True, data_row="b"),
        event({"confidence": 2.0}, predicted=True, data_row="c"),
    )

    async def twice() -> None:
        for _ in range(2):
            accepted, rejected, position = await accept(events, PREDICTIONS, "upload", 11)
            assert (accepted, position) == (1, f"p0.{len(topic.records)}")
            assert [(item.position, item.data_row) for item in rejected] == [(12, "b"), (13, "c")]
            assert "object_label: object 0 has 'bus'" in rejected[0].reason
            assert "predictions.0.confidence" in rejected[1].reason

    asyncio.run(twice())
    assert [record.value for record in topic.records[:3]] == [record.value for record in topic.records[3:]]
    assert topic.records[0].key == b"d/a"


def test_what_no_line_can_say_is_a_dead_letter_behind_the_topic_too() -> None:
    topic = Topic()
    accept = accept_to(topic, settings(), {})  # type: ignore[arg-type]

    async def sent() -> None:
        await accept_columns_by(accept)(batch(event({"parent": 1}, predicted=True)), PREDICTIONS, "upload", 1)
        (record,) = topic.records
        accepted, rejected, _ = await accept([Record(record.value, 1, 1)], PREDICTIONS, "upload")
        assert (accepted, len(rejected)) == (0, 1)

    asyncio.run(sent())
