"""Bring the tables up to date: numbered SQL files, each applied once, in order."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from clickhouse_connect.driver.exceptions import ClickHouseError

from evalstream.storage.engine import Clients, client_per_thread

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

log = logging.getLogger(__name__)

_LEDGER = """
CREATE TABLE IF NOT EXISTS migrations
(number UInt32, name String, applied_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC'))
ENGINE = ReplacingMergeTree ORDER BY number
"""
#: How migrations begin that a new database has no use for: they change what older ones made, or what is in it.
_OF_OLDER: Final = "-- Of older tables alone.\n"


def migrate(client: Client) -> list[str]:
    """Apply the migrations that the database has not seen; return their names.

    A migration is one statement, which changes nothing when it is applied again: it is written down after it succeeded,
    and the process may die between the two. In a new database they are written down together, without a look at those
    that only older tables need. Several processes may begin at the same time; what one of them fails to apply because
    another one was faster, is applied.
    """
    client.command(_LEDGER)
    applied = _applied(client)
    done: list[str] = []
    for file in sorted(files("evalstream.storage.migrations").iterdir(), key=lambda file: file.name):
        if not file.name.endswith(".sql"):
            continue
        number = _number(file.name)
        if number in applied:
            continue
        statement = file.read_text(encoding="utf-8")
        if applied:
            log.info("bringing the tables up to date: %s; large ones take a while", file.name)
        if applied or not statement.startswith(_OF_OLDER):
            try:
                client.command(statement.replace("CREATE TABLE ", "CREATE TABLE IF NOT EXISTS ", 1))
            except ClickHouseError:
                if number not in _applied(client):
                    raise
                continue
        done.append(file.name)
        if applied:
            _write_down(client, [file.name])
    if not applied:
        _write_down(client, done)
    return done


def _number(name: str) -> int:
    return int(name.split("_")[0])


def _write_down(client: Client, names: list[str]) -> None:
    client.insert("migrations", [[_number(name), name] for name in names], column_names=["number", "name"])


def _applied(client: Client) -> set[int]:
    return {number for (number,) in client.query("SELECT number FROM migrations").result_rows}


@contextmanager
def migrated_clients(connect: Callable[[], Client]) -> Iterator[Clients]:
    """Bring the tables up to date, and give each thread that asks a client of its own."""
    with client_per_thread(connect) as clients:
        migrate(clients())
        yield clients
