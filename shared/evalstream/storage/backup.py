"""All tables of an engine to one file, while it is in use, and back.

The file is a ZIP archive: a manifest, and the rows of each table with their names and types, compressed. The engine
itself reads and writes the rows, so that no table has to fit into memory.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final
from zipfile import BadZipFile, ZipFile

import orjson
from clickhouse_connect.driver.exceptions import ClickHouseError
from pydantic import BaseModel, ValidationError

import evalstream
from evalstream.errors import EvalstreamError

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

#: In the order in which they are read. Each is read at a moment of its own, while events arrive and things are deleted.
#: Results come first: an event that came in between is then one that its row's result has not seen yet. And deletions
#: come last: what was erased in between has its tombstone. Both are what `reconcile` makes good.
TABLES: Final = ("results", "ontologies", "run_steps", "retentions", "events", "dead_letters", "deletions")
#: What backups of older evalstreams hold besides, and nobody reads: results of another layout, for `reconcile` to make
#: anew.
_FORMER: Final = frozenset({"row_results"})
_MANIFEST: Final = "manifest.json"
#: The rows of a file, as the engine reads and writes them; a header says the names and types of their columns.
_ROWS: Final = "file({path:String}, 'RowBinaryWithNamesAndTypes')"


class BackupError(EvalstreamError, ValueError):
    """A file that is no backup, or none that this evalstream can read."""


class Manifest(BaseModel):
    """Manifest of a backup."""

    format: int = 1
    evalstream: str
    created_at: datetime
    migrations: Sequence[int]
    rows: Mapping[str, int]


def write_backup(client: Client, target: Path) -> Manifest:
    """Write all tables to a new file. Whatever arrives meanwhile is in it or not, but no row of it is half there.

    Raises
    ------
    OSError
        If the file cannot be written, because the disk is full for instance.
    """
    migrations = [number for (number,) in client.query("SELECT number FROM migrations FINAL ORDER BY 1").result_rows]
    rows = {}
    with tempfile.TemporaryDirectory(dir=target.parent) as folder, ZipFile(target, "x") as archive:
        for table in TABLES:
            part = Path(folder, _part(table))
            client.command(f"INSERT INTO FUNCTION {_ROWS} SELECT * FROM {table} FINAL", parameters=_of(part))
            rows[table] = _count_written(client, part)
            archive.write(part, part.name)
            part.unlink()
        manifest = Manifest(
            evalstream=evalstream.__version__, created_at=datetime.now(UTC), migrations=migrations, rows=rows
        )
        archive.writestr(_MANIFEST, orjson.dumps(manifest.model_dump()))
    return manifest


def read_manifest(source: Path) -> Manifest:
    """Read what a backup says of itself.

    Raises
    ------
    BackupError
        If the file is no backup, or not whole, or of a kind that this evalstream does not know.
    """
    try:
        with ZipFile(source) as archive:
            manifest = Manifest.model_validate_json(archive.read(_MANIFEST))
            names = set(archive.namelist())
    except (BadZipFile, KeyError, ValidationError, OSError) as error:
        raise BackupError(f"{source} is not a backup, or not all of one: {error}") from error
    if manifest.format != 1 or not manifest.rows.keys() <= _FORMER.union(TABLES):
        own = evalstream.__version__
        raise BackupError(f"{source} is a backup of evalstream {manifest.evalstream}, which {own} cannot read")
    if not {_part(table) for table in manifest.rows} <= names:
        raise BackupError(f"{source} is not all of a backup: a table is missing")
    return manifest


def read_backup(client: Client, source: Path, scratch: Path) -> Manifest:
    """Fill empty tables, which are up to date, with what a backup holds; ``scratch`` is a folder with room for it.

    Returns what was read.

    Raises
    ------
    BackupError
        If the backup cannot be read, is of a newer evalstream, or does not hold what it should.
    """
    manifest = read_manifest(source)
    known = {number for (number,) in client.query("SELECT number FROM migrations").result_rows}
    if newer := set(manifest.migrations) - known:
        raise BackupError(f"the backup is of a newer evalstream ({manifest.evalstream}): migrations {sorted(newer)}")
    manifest = manifest.model_copy(
        update={"rows": {name: n for name, n in manifest.rows.items() if name not in _FORMER}}
    )
    with tempfile.TemporaryDirectory(dir=scratch) as folder, ZipFile(source) as archive:
        for table, expected in manifest.rows.items():
            part = Path(archive.extract(_part(table), folder))
            _fill(client, table, part)
            count = _count(client, part)
            part.unlink()
            if count != expected:
                raise BackupError(f"the backup holds {count} rows of {table}; it says that they are {expected}")
    return manifest


def _fill(client: Client, table: str, part: Path) -> None:
    names = [name for name, *_ in client.query(f"DESCRIBE {_ROWS}", parameters=_of(part)).result_rows]
    # Those of one policy have its name before a point.
    if not all(part.isidentifier() for name in names for part in name.split(".")):
        raise BackupError(f"table {table} of the backup has columns that no table has: {names}")
    columns = ", ".join(f"`{name}`" for name in names)  # by name, for a table may have more columns by now
    client.command(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {_ROWS}", parameters=_of(part))


def _count(client: Client, part: Path) -> int:
    return int(client.query(f"SELECT count() FROM {_ROWS}", parameters=_of(part)).result_rows[0][0])


def _count_written(client: Client, part: Path) -> int:
    try:
        return _count(client, part)
    except ClickHouseError:
        # The engine does not tell of what it could not write; the system does, to whoever tries to go on.
        with part.open("ab") as file:
            file.write(bytes(65_536))
        raise


def _of(part: Path) -> dict[str, str]:
    return {"path": str(part.resolve())}


def _part(table: str) -> str:
    return f"{table}.rows.zst"
