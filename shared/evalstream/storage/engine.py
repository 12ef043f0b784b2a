"""The ClickHouse client: one class and one SQL for the embedded engine and for a server."""

from __future__ import annotations

import fcntl
import functools
import threading
import weakref
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from evalstream.errors import EvalstreamError
from evalstream.storage.settings import EMBEDDED

#: Gives the calling thread its client. A client runs one statement at a time; threads with their own do not wait for
#: each other.
Clients = Callable[[], Client]


def open_embedded(path: Path, database: str = "default") -> Client:
    """Open the engine in this process on a folder of its own; no second process may have the folder open.

    The client is safe to use after a statement of its has failed: :class:`_Renewed`.

    Raises
    ------
    EngineUnavailableError
        If it cannot be opened; most often because another process has it open, or this one another folder.
    """
    return cast(Client, _Renewed(lambda: _connect_embedded(path, database), path, database))


class _Folder:
    """State of an engine's folder in this process: how often it is open here, and how often it was written to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open = 0
        self.writes = 0

    def opened(self) -> None:
        with self._lock:
            if not self._open:
                self.writes += 1  # while nobody had it open here, another process may have written
            self._open += 1

    def closed(self) -> None:
        with self._lock:
            self._open -= 1

    def written(self) -> None:
        with self._lock:
            self.writes += 1


_FOLDERS: Final[dict[Path, _Folder]] = defaultdict(_Folder)
#: Methods of a client that write nothing when they are given a statement that begins with one of these words.
_READS: Final = frozenset({"query", "raw_query", "query_arrow", "query_np", "query_df", "query_column_block_stream"})
_READING: Final = ("SELECT", "WITH", "SHOW", "DESCRIBE", "EXPLAIN")


class _Renewed:
    """A client that has a connection of its own again after each failure, and counts what is written.

    chDB 4.4 keeps what a failed statement had written already, and gives it as the beginning of the next answer on the
    same connection: another question's bytes. A connection that has failed is therefore never asked again.
    """

    def __init__(self, connect: Callable[[], Client], path: Path, database: str) -> None:
        self._connect = connect
        self._client = connect()
        self._folder = _FOLDERS[path.resolve()]
        self._place = path.resolve(), database
        self._folder.opened()
        self._forget = weakref.finalize(self, self._folder.closed)

    @property
    def known_state(self) -> tuple[tuple[Path, str], int]:
        """Say which tables they are, and number their state: as long as the number is the same, they are."""
        return self._place, self._folder.writes

    def close(self) -> None:
        """Close the connection."""
        self._client.close()
        self._forget()

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._client, name)
        if not callable(value):
            return value

        @functools.wraps(value)
        def call(*arguments: Any, **options: Any) -> Any:
            reads = name in _READS and _reads(*arguments[:1], **options)
            if not reads:
                self._folder.written()
            # Looked up anew: whoever holds this function must not reach a connection that has failed since.
            try:
                return getattr(self._client, name)(*arguments, **options)
            except BaseException:
                failed = self._client
                self._client = self._connect()  # first, for the engine closes with its last connection
                failed.close()
                raise
            finally:
                if not reads:  # once more: who has read meanwhile may have seen a part of it
                    self._folder.written()

        return call


def _reads(query: Any = "", **_options: Any) -> bool:
    return isinstance(query, str) and query.lstrip().upper().startswith(_READING)


def _connect_embedded(path: Path, database: str) -> Client:
    path.mkdir(parents=True, exist_ok=True)
    try:
        return clickhouse_connect.get_client(interface="chdb", path=str(path), database=database, settings=EMBEDDED)
    except ClickHouseError as error:
        raise EngineUnavailableError(f"the engine cannot be opened in {path}: {_why_not(path, str(error))}") from error


def _why_not(path: Path, told: str) -> str:
    if "already initialized with path" in told:
        return (
            "this process has it open in another folder, and can have one at a time; close the client of"
            " `evalstream.connect(folder)`, or each Evaluation that was asked what it does not know at once"
        )
    return "another process has it open" if _is_locked(path / "status") else told


def _is_locked(file: Path) -> bool:
    """Whether another process holds the lock that the engine takes on its status file."""
    try:
        with file.open("rb") as status:
            fcntl.flock(status, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


@contextmanager
def client_per_thread(connect: Callable[[], Client]) -> Iterator[Clients]:
    """Give each thread that asks a client of its own, closed when the thread or the context ends."""
    local = threading.local()
    lock = threading.Lock()
    first = connect()  # at once, so that what is wrong with the engine shows here
    opened: list[weakref.finalize[..., Any]] = []

    def client() -> Client:
        if not hasattr(local, "client"):
            local.client = connect()
            with lock:  # or of two that come at once one is forgotten, and never closed
                opened[:] = [each for each in opened if each.alive]
                opened.append(weakref.finalize(threading.current_thread(), local.client.close))
        return cast(Client, local.client)

    try:
        yield client
    finally:
        for close in opened:
            close()
        first.close()


def open_server(url: str, user: str = "default", password: str = "", ca_file: Path | None = None) -> Client:
    """Connect to a ClickHouse server at ``http://host:port/database``, ``https://`` for TLS."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    return clickhouse_connect.get_client(
        host=parts.hostname or "127.0.0.1",
        port=parts.port or (8443 if secure else 8123),
        secure=secure,
        ca_cert=str(ca_file) if ca_file else None,
        username=user,
        password=password,
        database=parts.path.strip("/") or "default",
        autogenerate_session_id=False,  # a session takes one query at a time
        # An answer begins when it is whole: what fails half-way is an error with its code, not the half with a message
        # at its end, which whoever reads Arrow would take for a broken file.
        settings={"wait_end_of_query": 1},
        send_receive_timeout=120,
    )


class EngineUnavailableError(EvalstreamError, RuntimeError):
    """The embedded engine cannot be opened."""
