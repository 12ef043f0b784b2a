"""Commands for the development stand-in for a ClickHouse server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from evalstream_devcluster import clickhouse_process as process
from rich.console import Console

app = typer.Typer(
    help="A development stand-in for a ClickHouse server, not for production.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
console = Console(highlight=False, soft_wrap=True)

DataFolder = Annotated[
    Path,
    typer.Option(
        "--path",
        help="The folder with the data.",
        default_factory=process.default_path,
        show_default="clickhouse in $EVALSTREAM_DEV_HOME or .evalstream",
    ),
]


@app.command()
def up(
    path: DataFolder,
    port: Annotated[int, typer.Option(help="The port on 127.0.0.1; 0 takes a free one.")] = process.DEFAULT_PORT,
    user: Annotated[str, typer.Option(envvar="CLICKHOUSE_USER", help="The only user.")] = "default",
    password: Annotated[str, typer.Option(envvar="CLICKHOUSE_PASSWORD", help="That user's password.")] = "",
) -> None:
    """Start the stand-in, unless it runs or CLICKHOUSE_URL names another server."""
    if process.url_from_environment():
        console.print(f"{process.URL_VARIABLE} is set: that server is used, nothing started")
        return
    if endpoint := process.running(path):
        console.print(f"already running at {endpoint.url} (process {endpoint.pid})")
        return
    try:
        endpoint = process.start(path, port=port, users={user: password})
    except RuntimeError as error:
        console.print(str(error), markup=False)
        raise typer.Exit(1) from error
    console.print(f"development stand-in for ClickHouse at {endpoint.url} (process {endpoint.pid})")


@app.command()
def down(path: DataFolder) -> None:
    """Stop the stand-in."""
    endpoint = process.running(path)
    if endpoint is None:
        console.print("not running")
        return
    process.stop(endpoint)
    console.print(f"stopped process {endpoint.pid}")


@app.command()
def status(path: DataFolder) -> None:
    """Say where the stand-in runs; exit with 1 when it does not."""
    endpoint = process.running(path)
    if endpoint is None:
        console.print("not running")
        raise typer.Exit(1)
    console.print(f"development stand-in for ClickHouse at {endpoint.url} (process {endpoint.pid})")
    console.print(f"log: {endpoint.log}")
