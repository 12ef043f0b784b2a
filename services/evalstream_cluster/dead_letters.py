"""Records that cannot be read: from Kafka to the table of dead letters, and back."""

from __future__ import annotations

from aiokafka import AIOKafkaProducer
from evalstream.storage.dead_letters import DeadLetter

from evalstream_cluster.consume import Record


def dead_letter(record: Record, data_row: str, reason: str) -> DeadLetter:
    """Make a dead letter of a record; its id is its place, so that a redelivered one is the same letter."""
    return DeadLetter(
        id=f"{record.topic}/{record.partition}/{record.offset}",
        source=record.topic,
        partition=record.partition,
        position=record.offset,
        key=record.key,
        headers=record.headers,
        data_row=data_row,
        reason=reason,
        payload=record.value,
    )


async def put_back(producer: AIOKafkaProducer, letter: DeadLetter) -> None:
    """Send a record to its topic once more, byte by byte what it was; return once Kafka has acknowledged it.

    Raises
    ------
    ValueError
        If it has neither a key nor a value, and so nothing to send.
    """
    if letter.key is None and letter.payload is None:
        raise ValueError(f"{letter.id} has neither a key nor a value, so nothing can be put back; drop it")
    await producer.send_and_wait(letter.source, letter.payload, key=letter.key, headers=list(letter.headers))
