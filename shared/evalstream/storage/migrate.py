"""Bring the tables up to date: numbered SQL files, each applied once, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import TYPE_CHECKING

from evalstream.storage.engine import Clients, client_per_thread

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

_LEDGER = """
CREATE TABLE IF NOT EXISTS migrations
(number UInt32, name String, applied_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC'))
ENGINE = ReplacingMergeTree ORDER BY number
"""


def migrate(client: Client) -> list[str]:
    """Apply the migrations that the database has not seen; return their names.

    A migration is one statement. It is written down after it succeeded; one that was applied but not written down
    (the process died between the two) is recognised by its table being there.
    """
    client.command(_LEDGER)
    applied = {number for (number,) in client.query("SELECT number FROM migrations").result_rows}
    done = []
    for file in sorted(files("evalstream.storage.migrations").iterdir(), key=lambda file: file.name):
        if not file.name.endswith(".sql"):
            continue
        number = int(file.name.split("_")[0])
        if number in applied:
            continue
        statement = file.read_text(encoding="utf-8")
        client.command(statement.replace("CREATE TABLE ", "CREATE TABLE IF NOT EXISTS ", 1))
        client.insert("migrations", [[number, file.name]], column_names=["number", "name"])
        done.append(file.name)
    return done


@contextmanager
def migrated_clients(connect: Callable[[], Client]) -> Iterator[Clients]:
    """Bring the tables up to date, and give each thread that asks a client of its own."""
    with client_per_thread(connect) as clients:
        migrate(clients())
        yield clients
