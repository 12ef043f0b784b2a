"""A client of the embedded engine: after a statement has failed, the next answer is its own."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import chdb
import pyarrow as pa
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from evalstream.storage.engine import client_per_thread, open_embedded

#: Statements that fail when a good part of their answer has been written.
FAILING = {
    "a condition": "SELECT number, throwIf(number = 4000000) FROM numbers(5000000) SETTINGS max_block_size = 65536",
    "result rows": "SELECT number FROM numbers(5000000) SETTINGS max_result_rows = 4000000",
    "time": "SELECT number, sleepEachRow(0.00001) FROM numbers(10000000) SETTINGS max_execution_time = 0.5,"
    " max_block_size = 10000, function_sleep_max_microseconds_per_block = 0",
    "memory": "SELECT number, arrayMap(x -> x, range(number)) FROM numbers(20000) SETTINGS max_memory_usage = 60000000,"
    " max_block_size = 100",
}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    client = open_embedded(tmp_path)
    yield client
    client.close()


def test_chdb_gives_what_a_failed_statement_has_left(tmp_path: Path) -> None:
    """Why clients are renewed. Where this fails, chDB has mended it, and ``_Renewed`` can go."""
    connection: Any = chdb.connect(str(tmp_path))
    try:
        with pytest.raises(Exception, match="throwIf"):
            connection.query(FAILING["a condition"], "Native")
        assert len(connection.query("SELECT toUInt64(42)", "Native").bytes()) > 1_000_000
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("failing", "fmt"),
    [
        ("a condition", "Native"),
        ("a condition", "Arrow"),
        ("result rows", "Native"),
        ("result rows", "Arrow"),
        ("time", "Native"),
        ("memory", "Arrow"),
        ("memory", "TabSeparated"),
    ],
)
def test_the_answer_after_a_failure_is_its_own(client: Client, failing: str, fmt: str) -> None:
    for _ in range(2):
        with pytest.raises(ClickHouseError):
            client.query(FAILING[failing]) if fmt == "Native" else client.raw_query(FAILING[failing], fmt=fmt)
        assert client.query("SELECT toUInt64(42)").result_rows == [(42,)]
    with pytest.raises(ClickHouseError):
        client.raw_query(FAILING[failing], fmt=fmt)
    found = pa.ipc.open_file(client.raw_query("SELECT toUInt64(42) AS answer", fmt="Arrow")).read_all()
    assert found.to_pydict() == {"answer": [42]}


def test_a_function_that_is_held_is_not_of_a_failed_connection(client: Client) -> None:
    ask = client.query
    with pytest.raises(ClickHouseError):
        ask(FAILING["a condition"])
    assert ask("SELECT toUInt64(42)").result_rows == [(42,)]


def test_what_was_written_is_there_after_a_failure(client: Client) -> None:
    client.command("CREATE TABLE kept (n UInt64) ENGINE = MergeTree ORDER BY n")
    client.insert("kept", [[1]], column_names=["n"])
    with pytest.raises(ClickHouseError):
        client.query(FAILING["a condition"])
    with pytest.raises(ValueError, match="no number"):
        client.insert("kept", [["no number"]], column_names=["n"])
    client.insert("kept", [[2]], column_names=["n"])
    assert client.query("SELECT n FROM kept ORDER BY n").result_rows == [(1,), (2,)]


def test_threads_do_not_get_each_others_bytes(tmp_path: Path) -> None:
    def ask(clients: Any, number: int) -> Any:
        if number % 3 == 0:
            with pytest.raises(ClickHouseError):
                clients().query(FAILING["a condition"])
        return clients().query("SELECT {n:UInt64}", parameters={"n": number}).result_rows

    with client_per_thread(lambda: open_embedded(tmp_path)) as clients, ThreadPoolExecutor(4) as pool:
        numbers = range(9)
        assert list(pool.map(lambda n: ask(clients, n), numbers)) == [[(n,)] for n in numbers]


def test_clients_of_threads_that_come_at_once_are_all_closed() -> None:
    opened: list[Mock] = []
    count = 50
    together = threading.Barrier(count)

    def connect() -> Any:
        opened.append(Mock())
        return opened[-1]

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with client_per_thread(connect) as clients, ThreadPoolExecutor(count) as pool:
            for _ in pool.map(lambda _: (together.wait(), clients()), range(count)):
                pass
    finally:
        sys.setswitchinterval(interval)
    assert len(opened) == count + 1
    assert all(client.close.called for client in opened)
