"""``evalstream backup`` and ``evalstream restore``: all data of an embedded service to one file, and back."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated, Final

import typer
from clickhouse_connect.driver.exceptions import ClickHouseError
from evalstream.storage.backup import BackupError, Manifest, read_backup, read_manifest
from evalstream.storage.engine import open_embedded
from evalstream.storage.migrate import migrate
from evalstream_embedded.settings import LocalSettings
from rich.progress import DownloadColumn, Progress, SpinnerColumn, TextColumn, TransferSpeedColumn

from evalstream_cli.client import DEFAULT_URL, ApiKey, Url, service
from evalstream_cli.console import err, fail, out

#: The service writes all of it before the first byte comes.
PATIENCE_SECONDS: Final = 3600


def backup(
    file: Annotated[Path, typer.Argument(help="Where to write it; there must be no such file yet.")],
    url: Url = DEFAULT_URL,
    api_key: ApiKey = "",
) -> None:
    """Write all data of a running `evalstream up` to one file, while it goes on working.

    evalstream backup street.zip

    What was acknowledged before is in it: events, declarations, results, dead letters, deletions. Pictures are not, nor
    keys. The key needs the scopes read and write.
    """
    if file.exists():
        fail(f"{file} is there already; name another one")
    part = file.with_name(f"{file.name}.part")
    try:
        with (
            service(url, api_key) as client,
            client.http.stream("GET", "/v1/backup", timeout=PATIENCE_SECONDS) as answer,
        ):
            if answer.is_error:
                answer.read()
            answer.raise_for_status()
            with part.open("wb") as target, _bar() as bar:
                task = bar.add_task("backup", total=int(answer.headers.get("content-length", 0)) or None)
                for chunk in answer.iter_bytes():
                    target.write(chunk)
                    bar.advance(task, len(chunk))
        manifest = read_manifest(part)
        part.rename(file)
    except (BackupError, OSError) as error:
        fail(str(error))
    finally:
        part.unlink(missing_ok=True)
    out.print(f"{file}: {_counts(manifest)}", highlight=False)


def restore(
    file: Annotated[Path, typer.Argument(help="What `evalstream backup` wrote.")],
    data: Annotated[
        Path | None, typer.Option(help="Folder of the new service; there must be no data yet. [env: EVALSTREAM_DATA]")
    ] = None,
) -> None:
    """Fill a new folder of data with what a backup holds; then start `evalstream up` on it.

    evalstream restore street.zip --data restored/data

    Rows that were being matched while the backup was made are matched when the service starts.
    """
    folder = (LocalSettings().data if data is None else data) / "engine"
    if folder.exists():
        fail(f"there is data in {folder.parent} already; name another folder with --data")
    try:
        read_manifest(file)
        client = open_embedded(folder)
        try:
            migrate(client)
            manifest = read_backup(client, file, folder.parent)
        except BaseException:
            client.close()
            shutil.rmtree(folder)  # no half of it may be taken for the whole
            raise
        client.close()
    except (BackupError, OSError, ClickHouseError) as error:
        fail(f"the backup cannot be restored: {error}")
    out.print(f"{folder.parent}: {_counts(manifest)}", highlight=False)


def _counts(manifest: Manifest) -> str:
    counts = ", ".join(f"{count:,} {table.replace('_', ' ')}" for table, count in manifest.rows.items())
    return f"{counts}, of {manifest.created_at:%Y-%m-%d %H:%M:%S} UTC"


def _bar() -> Progress:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), DownloadColumn(), TransferSpeedColumn())
    return Progress(*columns, console=err, disable=not err.is_terminal)
