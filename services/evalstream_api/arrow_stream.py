"""A body that is an Arrow stream of events in columns, batch by batch as it arrives.

The format: https://arrow.apache.org/docs/format/Columnar.html#ipc-streaming-format. Messages are cut out of the body
here, so that no length that stands in it is taken on trust; what is in them is Arrow's to read, and to check.
"""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator
from typing import Final, NamedTuple

import pyarrow as pa
from evalstream.events import EVENTS
from fastapi import HTTPException
from starlette.concurrency import run_in_threadpool

MEDIA_TYPE: Final = "application/vnd.apache.arrow.stream"
#: Bytes, and rows, of one batch: what is held in memory at a time.
BATCH_BYTES: Final = 32 * 1024 * 1024
BATCH_ROWS: Final = 100_000
#: Bytes of what describes a message: a schema of ours takes 4,000, and what describes a batch of it 2,000.
_METADATA_BYTES: Final = 64 * 1024
_CONTINUED: Final = b"\xff\xff\xff\xff"
_SCHEMA, _BATCH = 1, 3  # kinds of messages
_AFTERWARDS: Final = "; batches before it are accepted, and stay so"


class _Message(NamedTuple):
    kind: int
    whole: bytes


class _Head(NamedTuple):
    kind: int
    body: int  # bytes
    compressed: bool


async def batches(chunks: AsyncIterator[bytes]) -> AsyncIterator[pa.RecordBatch]:
    """Read the batches of a stream, each valid as Arrow has it, without ever holding more than one and one chunk.

    Raises
    ------
    HTTPException
        400 if it is no such stream, 413 if a batch is too large, 422 if its columns are others than those of events.
    """
    schema: pa.Schema | None = None
    async for message in _messages(chunks):
        if schema is None:
            schema = _schema(message)
        elif message.kind != _BATCH:
            raise _refused("a message is neither a schema at the beginning nor a batch of rows")
        else:
            yield await run_in_threadpool(_batch, message.whole, schema)
    if schema is None:
        raise _refused("it is empty, and not even a schema is there")


async def _messages(chunks: AsyncIterator[bytes]) -> AsyncIterator[_Message]:
    pending = bytearray()

    async def wanted(begin: int, end: int, what: str) -> bytes:
        """Give bytes of what is pending, once they are there."""
        while len(pending) < end:
            chunk = await anext(chunks, None)
            if chunk is None:
                raise _refused(f"it ends within {what}")
            pending.extend(chunk)
        with memoryview(pending) as view:
            return bytes(view[begin:end])

    async def ended() -> bool:
        while not pending:
            chunk = await anext(chunks, None)
            if chunk is None:
                return True
            pending.extend(chunk)
        return False

    while not await ended():
        begin = await wanted(0, 8, "the beginning of a message")
        if begin.startswith(b"ARROW1"):
            raise _refused("it is an Arrow file; send the stream format")
        length = int.from_bytes(begin[4:], "little", signed=True)
        if not begin.startswith(_CONTINUED) or length < 0:
            raise _refused("a message does not begin as one does")
        if not length:
            del pending[:8]
            if not await ended():
                raise _refused("something comes after its end")
            return
        if length > _METADATA_BYTES:
            raise _refused(f"what describes a message has {length} bytes; the limit is {_METADATA_BYTES}")
        head = _head(await wanted(8, 8 + length, "what describes a message"))
        if head.body > BATCH_BYTES:
            raise HTTPException(413, f"a batch has at most {BATCH_BYTES} bytes, and one has {head.body}{_AFTERWARDS}")
        if head.compressed:
            raise HTTPException(422, "a batch is compressed, which is not read here: write the stream uncompressed")
        whole = await wanted(0, 8 + length + head.body, "a batch")
        del pending[: len(whole)]
        yield _Message(head.kind, whole)


def _head(metadata: bytes) -> _Head:
    """Read what kind of message it is, and how long, from its FlatBuffer; Arrow checks all of that once more."""
    try:
        message = _table(metadata, 0)
        (kind,) = struct.unpack_from("<B", metadata, message[1])
        (body,) = struct.unpack_from("<q", metadata, message[3]) if 3 in message else (0,)
        compressed = kind == _BATCH and 3 in _table(metadata, message[2])
    except (KeyError, struct.error):
        raise _refused("what describes a message cannot be read") from None
    if body < 0:
        raise _refused("a batch is shorter than nothing")
    return _Head(kind, body, compressed)


def _table(buffer: bytes, reference: int) -> dict[int, int]:
    """Say where the fields of a FlatBuffer's table stand, by their numbers; absent ones are left out."""
    begin = reference + int(struct.unpack_from("<I", buffer, reference)[0])
    fields = begin - int(struct.unpack_from("<i", buffer, begin)[0])
    (size,) = struct.unpack_from("<H", buffer, fields) if fields >= 0 else (0,)
    count = max(size - 4, 0) // 2
    offsets = struct.unpack_from(f"<{count}H", buffer, fields + 4) if count else ()
    return {number: begin + offset for number, offset in enumerate(offsets) if offset}


def _schema(message: _Message) -> pa.Schema:
    if message.kind != _SCHEMA:
        raise _refused("it does not begin with a schema")
    try:
        schema = pa.ipc.read_schema(pa.py_buffer(message.whole)).remove_metadata()
        names = schema.names
    except Exception as error:  # Arrow raises what its parsers happen to raise
        raise _refused(f"its schema cannot be read: {error}") from None
    for name in names:
        if name not in EVENTS.names:
            raise HTTPException(422, f"column {name!r}: there is none of this name in the schema of events")
    for field in EVENTS:
        places = schema.get_all_field_indices(field.name)
        if len(places) != 1:
            raise HTTPException(422, f"column {field.name!r}: {'is missing' if not places else 'is there twice'}")
        if (own := schema.field(places[0]).type) != field.type:
            raise HTTPException(422, f"column {field.name!r}: must be of type {field.type}, and is {own}")
    return schema


def _batch(message: bytes, schema: pa.Schema) -> pa.RecordBatch:
    try:
        batch = pa.ipc.read_record_batch(pa.py_buffer(message), schema)
        if batch.num_rows <= BATCH_ROWS:
            batch.validate(full=True)
            return batch.select(EVENTS.names)
    except Exception as error:  # as above
        raise _refused(f"a batch cannot be read: {error}{_AFTERWARDS}") from None
    raise HTTPException(413, f"a batch has at most {BATCH_ROWS} rows, and one has {batch.num_rows}{_AFTERWARDS}")


def _refused(why: str) -> HTTPException:
    return HTTPException(400, f"the body is not an Arrow stream: {why}")
