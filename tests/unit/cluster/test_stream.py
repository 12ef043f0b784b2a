"""The ingest stage, without a broker: what is kept, what is told, and what stops it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import orjson
import pyarrow as pa
import pytest
from aiokafka import ConsumerRecord
from aiokafka.partitioner import murmur2
from clickhouse_connect.driver.client import Client
from evalstream.pipeline.delete import delete
from evalstream.storage.dead_letters import list_dead_letters
from evalstream.storage.deletions import Scope
from evalstream.storage.events import load_events, predicted_rows
from evalstream_cluster import stream
from evalstream_cluster.consume import FatalError
from evalstream_cluster.row_key import row_key
from evalstream_cluster.settings import ServiceSettings
from evalstream_cluster.stream import WORD_ROWS, brought, ingest_records, tell_changed
from evalstream_cluster.topics import ChangedRows
from pydantic import ValidationError

from tests.feeding import new_engine

TOPIC = "evalstream.predictions"
GOOD = b'{"dataset":"d","data_row":"r%d","run":"m","operation":"replace"}'


class Told:
    """Stands in for a producer: remembers what it was sent, and may refuse for a while."""

    def __init__(self, refusals: int = 0) -> None:
        self.values: list[dict[str, Any]] = []
        self.partitions: list[int] = []
        self.records: list[Any] = []
        self._refusals = refusals

    @property
    def rows(self) -> list[tuple[str, str]]:
        """The data rows that were named, in order."""
        return [(word["dataset"], data_row) for word in self.values for data_row in word["data_rows"]]

    async def partitions_for(self, topic: str) -> set[int]:
        return set(range(12))

    async def send(
        self, topic: str, value: bytes, partition: int, headers: list[tuple[str, bytes]]
    ) -> asyncio.Future[None]:
        assert topic == "evalstream.changed-rows"
        if self._refusals:
            self._refusals -= 1
            raise ConnectionError("refused")
        self.values.append(orjson.loads(value))
        self.partitions.append(partition)
        self.records.append(ConsumerRecord(topic, partition, 0, 0, 0, None, value, None, 0, len(value), tuple(headers)))
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with new_engine(tmp_path_factory.mktemp("engine")) as engine:
        yield engine


@pytest.fixture
def client(engine: Client) -> Client:
    for table in ("events", "dead_letters", "deletions"):
        engine.command(f"TRUNCATE TABLE {table}")
    return engine


def record(offset: int, value: bytes, timestamp: int = 1_000) -> Any:
    return ConsumerRecord(TOPIC, 0, offset, timestamp, 0, b"k", value, None, 1, len(value), ())


def settings() -> ServiceSettings:
    return ServiceSettings(dead_letter_consecutive=3, _env_file=None)


def count(client: Client, table: str) -> int:
    return int(client.query(f"SELECT count() FROM {table} FINAL").result_rows[0][0])


def test_a_batch_is_kept_and_told_once_for_each_row(client: Client) -> None:
    told = Told()
    process = ingest_records(lambda: client, told, settings())  # type: ignore[arg-type]
    records = [
        record(1, GOOD % 1, 5_000),
        record(2, b"{", 5_001),
        record(3, GOOD % 2, 5_002),
        record(4, GOOD % 1, 5_003),
    ]
    asyncio.run(process(records))
    assert count(client, "events") == 3
    assert count(client, "dead_letters") == 1
    assert told.values == [
        {"dataset": "d", "data_rows": ["r1"], "accepted_ms": [5_000]},
        {"dataset": "d", "data_rows": ["r2"], "accepted_ms": [5_002]},
    ]


def test_rows_of_a_partition_are_told_together_and_in_bounds() -> None:
    told = Told()
    changed = {(dataset, f"r{i}"): i for i in range(40) for dataset in ("d", "e")}
    changed |= {("big", f"r{i}"): 7 for i in range(12 * WORD_ROWS * 2)}
    asyncio.run(tell_changed(told, "evalstream.changed-rows", changed))  # type: ignore[arg-type]
    assert sorted(told.rows) == sorted(changed)
    for word, partition in zip(told.values, told.partitions, strict=True):
        own = {
            changed[word["dataset"], row]: at for row, at in zip(word["data_rows"], word["accepted_ms"], strict=True)
        }
        assert all(accepted == at for accepted, at in own.items())
        # The partition in which a producer with Kafka's defaults puts the events of the row.
        assert {murmur2(row_key(word["dataset"], row)) % 2**31 % 12 for row in word["data_rows"]} == {partition}
        assert len(word["data_rows"]) <= WORD_ROWS
    assert len(told.values) <= 2 * 12 + 12 * 4


def test_a_word_brings_the_events_of_its_rows_as_they_stand_in_the_table(client: Client) -> None:
    told = Told()
    process = ingest_records(lambda: client, told, settings())  # type: ignore[arg-type]
    asyncio.run(process([record(i, GOOD % (i % 40), 5_000) for i in range(60)]))
    words = [brought(one) for one in told.records]
    for word, events in zip(told.values, words, strict=True):
        assert events is not None
        assert set(events["data_row"].to_pylist()) == set(word["data_rows"])
    stored = load_events(client, "d", [f"r{i}" for i in range(40)])
    assert sorted(map(repr, pa.concat_tables(words).to_pylist())) == sorted(map(repr, stored.to_pylist()))


def test_events_that_are_too_large_or_of_other_columns_are_not_brought(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "BROUGHT_BYTES", 10)
    told = Told()
    asyncio.run(ingest_records(lambda: client, told, settings())([record(1, GOOD % 1)]))  # type: ignore[arg-type]
    assert told.rows == [("d", "r1")]
    assert brought(told.records[0]) is None
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, pa.schema([("dataset", pa.string())])):
        pass
    for other in (b"no Arrow", sink.getvalue().to_pybytes()):
        assert brought(replace(told.records[0], headers=[(stream.EVENTS_HEADER, other)])) is None


def test_a_word_of_one_row_is_read_too() -> None:
    word = ChangedRows.model_validate_json(b'{"dataset": "d", "data_row": "r", "accepted_ms": 7}')
    assert word == ChangedRows(dataset="d", data_rows=["r"], accepted_ms=[7])
    for wrong in (
        b'{"dataset": "d", "data_row": "r"}',
        b'{"dataset": "d", "data_rows": ["r"], "accepted_ms": []}',
        b"7",
    ):
        with pytest.raises(ValidationError):
            ChangedRows.model_validate_json(wrong)


def test_the_same_batch_again_is_the_same_batch(client: Client) -> None:
    process = ingest_records(lambda: client, Told(), settings())  # type: ignore[arg-type]
    for _ in range(3):
        asyncio.run(process([record(1, GOOD % 1), record(2, b"{"), record(3, GOOD % 2)]))
    assert (count(client, "events"), count(client, "dead_letters")) == (2, 1)


def test_too_many_unreadable_records_stop_it_and_keep_nothing_of_the_batch(client: Client) -> None:
    told = Told()
    process = ingest_records(lambda: client, told, settings())  # type: ignore[arg-type]
    asyncio.run(process([record(1, b"{"), record(2, b"{"), record(3, b"{")]))
    with pytest.raises(FatalError, match=r"4 records in a row cannot be read.*last reason: not JSON"):
        asyncio.run(process([record(4, b"{"), record(5, GOOD % 1)]))
    assert (count(client, "events"), count(client, "dead_letters")) == (0, 3)
    assert told.values == []


def test_a_batch_that_is_tried_again_counts_once(client: Client) -> None:
    told = Told(refusals=2)
    process = ingest_records(lambda: client, told, settings())  # type: ignore[arg-type]
    batch = [record(1, GOOD % 1), record(2, b"{"), record(3, b"{")]
    for _ in range(2):
        with pytest.raises(ConnectionError):
            asyncio.run(process(batch))
    asyncio.run(process(batch))
    asyncio.run(process([record(4, b"{")]))  # the third in a row, and not the seventh
    assert count(client, "dead_letters") == 3


def stored(client: Client, data_row: str = "r1") -> list[int]:
    """The versions of a row's events, in order."""
    statement = "SELECT version FROM events FINAL WHERE data_row = {row:String} ORDER BY version"
    return [version for (version,) in client.query(statement, parameters={"row": data_row}).result_rows]


def newest_operation(client: Client) -> str:
    statement = "SELECT operation FROM events FINAL WHERE data_row = 'r1' ORDER BY version DESC, event_id DESC LIMIT 1"
    return str(client.query(statement).result_rows[0][0])


def ingested(client: Client, *batches: list[Any]) -> None:
    process = ingest_records(lambda: client, Told(), settings())  # type: ignore[arg-type]
    for batch in batches:
        asyncio.run(process(batch))


LAST_WORD = b'{"dataset":"d","data_row":"r1","run":"m","operation":"delete","ids":["a"]%s}'
MS = 1_000_000


@pytest.mark.parametrize("together", [True, False])
def test_an_event_without_a_version_is_the_newest_of_its_row_wherever_clocks_go(client: Client, together: bool) -> None:
    records = [
        record(1, GOOD % 1, 9_000),
        record(2, GOOD % 1, 5_000),  # by a clock that was set back
        record(3, (GOOD % 1)[:-1] + b',"version":20000000000}', 5_001),  # and ahead of all clocks
        record(4, LAST_WORD % b"", 5_002),
        record(5, GOOD % 2, 5_003),  # no other row has to do with it
    ]
    ingested(client, *([records] if together else [[one] for one in records]))
    expected = [9_000 * MS + 1, 9_000 * MS + 2, 20_000 * MS, 20_000 * MS + 1]
    assert stored(client) == expected
    assert newest_operation(client) == "delete"
    assert stored(client, "r2") == [5_003 * MS + 5]
    for size in (1, 2, 5):  # delivered again, in batches of any size, nothing changes
        ingested(client, *(records[start : start + size] for start in range(0, 5, size)))
        assert stored(client) == expected
    ingested(client, [record(9, GOOD % 1, 4_000)])  # the same content once more is a new word
    assert stored(client) == [*expected, 20_000 * MS + 2]
    assert count(client, "dead_letters") == 0


def test_it_is_newer_than_a_deletion_too(client: Client) -> None:
    delete(client, Scope("d", run="m"), 9_000 * MS)
    ingested(client, [record(1, GOOD % 1, 5_000)])
    assert stored(client) == [9_000 * MS + 1]
    assert predicted_rows(client, "d") == ["r1"]


def test_where_no_version_is_left_it_is_a_dead_letter_that_says_so(client: Client) -> None:
    last = (GOOD % 1)[:-1] + b',"version":%d}' % (2**63 - 1)
    ingested(client, [record(1, last), record(2, GOOD % 1), record(3, GOOD % 2)])
    assert (stored(client), len(stored(client, "r2"))) == ([2**63 - 1], 1)
    (letter,) = list_dead_letters(client)
    assert (letter.position, letter.data_row) == (2, "r1")
    assert "give the events versions of your own" in letter.reason
