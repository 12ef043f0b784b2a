"""Events in columns as the body of a request: an Arrow stream, in batches that a service reads one by one."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import Final

import pyarrow as pa

from evalstream.events.schema import EVENTS

MEDIA_TYPE: Final = "application/vnd.apache.arrow.stream"
#: Bytes of a batch; a service takes twice as much, since what a slice of a table takes is an estimate.
_BATCH_BYTES: Final = 16 * 1024 * 1024


def stream(events: pa.Table) -> bytes:
    """Write events (schema ``EVENTS``) as an Arrow stream."""
    # Of Python's own, which gives its bytes without a copy: Arrow's would keep the memory of the largest one.
    sink = BytesIO()
    with pa.ipc.new_stream(sink, EVENTS) as writer:
        for batch in events.to_batches():
            for part in _small(batch):
                writer.write_batch(part)
    return sink.getvalue()


def _small(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    half = batch.num_rows // 2
    if not half or batch.nbytes <= _BATCH_BYTES:
        yield batch
        return
    yield from _small(batch.slice(0, half))
    yield from _small(batch.slice(half))
