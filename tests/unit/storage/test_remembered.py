"""What was read is remembered until something is written, by whomever, and not a moment longer."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from evalstream.storage import remembered as memory
from evalstream.storage.engine import client_per_thread, open_embedded
from evalstream.storage.remembered import remembered, short_answer

PATIENCE: Final = 60
COUNT = "SELECT count() FROM numbered"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "engine"


@pytest.fixture
def client(folder: Path) -> Iterator[Client]:
    with client_per_thread(lambda: open_embedded(folder)) as clients:
        clients().command("CREATE TABLE numbered (n UInt64) ENGINE = MergeTree ORDER BY n")
        yield clients()


def asked(monkeypatch: pytest.MonkeyPatch, client: Client) -> list[str]:
    """The statements that reach the engine from now on."""
    inner = client._client  # type: ignore[attr-defined]
    real, found = inner.query, []

    def query(sql: str, *arguments: Any, **options: Any) -> Any:
        found.append(sql)
        return real(sql, *arguments, **options)

    monkeypatch.setattr(inner, "query", query)
    return found


def count(client: Client) -> int:
    ((number,),) = short_answer(client, COUNT, {})
    return int(number)


def test_it_is_read_once_until_something_is_written(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    statements = asked(monkeypatch, client)
    assert [count(client), count(client)] == [0, 0]
    assert statements == [COUNT]
    client.insert("numbered", [[1]], column_names=["n"])
    assert [count(client), count(client)] == [1, 1]
    client.command("INSERT INTO numbered VALUES (2), (3)")
    assert count(client) == 3
    client.query("INSERT INTO numbered SELECT 4")
    assert count(client) == 4
    client.command("DELETE FROM numbered WHERE n > 1")
    assert count(client) == 1


def test_a_write_of_another_thread_s_client_counts(client: Client, folder: Path) -> None:
    other = open_embedded(folder)
    assert count(client) == count(other) == 0
    other.insert("numbered", [[1]], column_names=["n"])
    assert count(client) == count(other) == 1
    other.close()


def test_a_write_that_fails_may_have_written(client: Client) -> None:
    assert count(client) == 0
    with pytest.raises(ClickHouseError):
        client.command("INSERT INTO numbered SELECT throwIf(number = 3) FROM numbers(5)")
    client.insert("numbered", [[1]], column_names=["n"])
    assert count(client) == 1


def test_what_is_written_while_it_is_read_makes_it_be_read_again(client: Client) -> None:
    def read() -> int:
        found = client.query(COUNT).result_rows[0][0]
        client.insert("numbered", [[1]], column_names=["n"])
        return int(found)

    assert remembered(client, "a key", read, lambda _: 0) == 0
    assert remembered(client, "a key", read, lambda _: 0) == 1


def test_another_place_is_another_matter(tmp_path: Path) -> None:
    found = []
    for name in ("a", "b"):
        engine = open_embedded(tmp_path / name)
        engine.command("CREATE TABLE numbered (n UInt64) ENGINE = MergeTree ORDER BY n")
        engine.command(f"INSERT INTO numbered SELECT number FROM numbers({len(found)})")
        found.append(count(engine))
        engine.close()
    assert found == [0, 1]


def test_while_a_thread_has_it_open_no_other_process_can_write(client: Client, folder: Path) -> None:
    assert count(client) == 0
    client.close()
    script = (
        "import sys; from pathlib import Path; from evalstream.storage.engine import open_embedded;"
        " open_embedded(Path(sys.argv[1])).command('INSERT INTO numbered VALUES (7)')"
    )
    # The fixture's first client keeps the folder open here.
    done = subprocess.run([sys.executable, "-c", script, folder], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "another process has it open" in done.stderr


def test_a_folder_that_was_closed_is_read_anew(tmp_path: Path) -> None:
    for number in (0, 1):
        engine = open_embedded(tmp_path)
        if not number:
            engine.command("CREATE TABLE numbered (n UInt64) ENGINE = MergeTree ORDER BY n")
        assert count(engine) == number
        engine.close()
        script = (
            "import sys; from pathlib import Path; from evalstream.storage.engine import open_embedded;"
            " open_embedded(Path(sys.argv[1])).command('INSERT INTO numbered VALUES (7)')"
        )
        subprocess.run([sys.executable, "-c", script, tmp_path], check=True)


def test_a_failure_is_not_remembered(client: Client) -> None:
    with pytest.raises(ClickHouseError):
        short_answer(client, "SELECT n FROM missing", {})
    client.command("CREATE TABLE missing (n UInt64) ENGINE = Memory")
    assert short_answer(client, "SELECT n FROM missing", {}) == []


def test_memory_is_bounded(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_KNOWN", type(memory._KNOWN)())
    monkeypatch.setattr(memory, "_bytes", 0)
    monkeypatch.setattr(memory, "MOST_BYTES", 4 * memory.MOST_OF_ONE)
    one = memory.MOST_OF_ONE - memory.OVERHEAD
    reads: list[int] = []

    def ask(key: int, size: int = one) -> None:
        remembered(client, key, lambda: reads.append(key), lambda _: size)

    for key in (1, 2, 3, 4, 1, 5):  # the fifth takes the place of the second, which was asked the longest time ago
        ask(key)
    assert memory._bytes == memory.MOST_BYTES
    reads.clear()
    for key in (1, 3, 4, 5, 2):
        ask(key)
    assert reads == [2]
    ask(6, one + 1)
    ask(6, one + 1)
    assert reads == [2, 6, 6], "what is too large is not remembered"


def test_the_rows_of_an_answer_are_the_asker_s_own(client: Client) -> None:
    found = short_answer(client, COUNT, {})
    found.clear()
    assert count(client) == 0


def test_six_runs_side_by_side_are_all_remembered(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked one after the other at every step, none may push out the one that comes next."""
    monkeypatch.setattr(memory, "_KNOWN", type(memory._KNOWN)())
    monkeypatch.setattr(memory, "_bytes", 0)
    read: list[int] = []
    for _ in range(2):
        for run in range(6):
            remembered(client, ("run", run), lambda run=run: read.append(run), lambda _: 36 * 2**20)
    assert read == [*range(6)]


class Reader:
    """Reads on the threads of a pool; a reading ends when it is told to."""

    def __init__(self, client: Client, pool: ThreadPoolExecutor) -> None:
        self._client, self._pool = client, pool
        self._go = threading.Event()
        self._begun = threading.Semaphore(0)
        self.read: list[Any] = []
        self.fails = False

    def ask(self, key: str, or_else: Sequence[str] = ()) -> Future[str]:
        return self._pool.submit(remembered, self._client, key, lambda: self._read(key), len, or_else=or_else)

    def _read(self, key: str) -> str:
        self.read.append(key)
        self._begun.release()
        assert self._go.wait(PATIENCE)
        if self.fails and len(self.read) == 1:
            raise ValueError("it fails")
        return f"what is at {key}"

    def has_begun(self) -> bool:
        return self._begun.acquire(timeout=PATIENCE)

    def let_go(self) -> None:
        self._go.set()


@pytest.fixture
def reader(client: Client) -> Iterator[Reader]:
    with ThreadPoolExecutor(8) as pool:
        yield Reader(client, pool)


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> threading.Semaphore:
    """Released whenever somebody begins to wait for the reading of another."""
    begun = threading.Semaphore(0)

    class Noted(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            begun.release()
            return super().wait(timeout)

    class Reading(memory._Reading):
        def __init__(self) -> None:
            super().__init__()
            self.over = Noted()

    monkeypatch.setattr(memory, "_Reading", Reading)
    return begun


def test_who_asks_for_what_is_being_read_waits_for_it(reader: Reader, waiting: threading.Semaphore) -> None:
    first = reader.ask("a")
    assert reader.has_begun()
    others = [reader.ask("a"), reader.ask("b", or_else=["c", "a"])]
    for _ in others:
        assert waiting.acquire(timeout=PATIENCE)
    another = reader.ask("d")  # which waits for nobody
    assert reader.has_begun()
    reader.let_go()
    assert {one.result(PATIENCE) for one in (first, *others)} == {"what is at a"}
    assert another.result(PATIENCE) == "what is at d"
    assert reader.read == ["a", "d"]
    assert not memory._UNDER_WAY


def test_what_fails_is_read_by_one_of_those_who_waited(reader: Reader, waiting: threading.Semaphore) -> None:
    reader.fails = True
    first = reader.ask("a")
    assert reader.has_begun()
    others = [reader.ask("a") for _ in range(3)]
    for _ in others:
        assert waiting.acquire(timeout=PATIENCE)
    reader.let_go()
    with pytest.raises(ValueError, match="it fails"):
        first.result(PATIENCE)
    assert [one.result(PATIENCE) for one in others] == ["what is at a"] * 3
    assert reader.read == ["a", "a"]


def test_who_has_waited_for_long_reads_as_well(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "WAIT_SECONDS", 0.01)
    asked = [reader.ask("a"), reader.ask("a")]
    assert reader.has_begun()
    assert reader.has_begun()
    reader.let_go()
    assert [one.result(PATIENCE) for one in asked] == ["what is at a"] * 2


def test_what_was_read_before_a_write_is_not_for_who_asks_after_it(reader: Reader, client: Client) -> None:
    before = reader.ask("a")
    assert reader.has_begun()
    client.insert("numbered", [[1]], column_names=["n"])
    after = reader.ask("a")
    assert reader.has_begun()
    reader.let_go()
    assert before.result(PATIENCE) == after.result(PATIENCE)
    assert reader.read == ["a", "a"]


def test_what_is_too_large_to_be_remembered_is_shared(
    reader: Reader, waiting: threading.Semaphore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "MOST_OF_ONE", 1)
    asked = [reader.ask("a")]
    assert reader.has_begun()
    asked.append(reader.ask("a"))
    assert waiting.acquire(timeout=PATIENCE)
    reader.let_go()
    assert asked[0].result(PATIENCE) is asked[1].result(PATIENCE)
    assert reader.read == ["a"]
