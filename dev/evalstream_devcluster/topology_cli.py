"""`python -m evalstream_devcluster`: a whole cluster on this machine, and its parts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Final

import typer
from evalstream_devcluster import clickhouse_cli, clickhouse_process, kafka, kafka_cli, topology
from evalstream_devcluster.kafka_process import dev_home
from evalstream_devcluster.logs import print_logs
from rich.console import Console
from rich.table import Table
from rich.text import Text

app = typer.Typer(
    name="evalstream_devcluster",
    help="A whole cluster on this machine, for development: Kafka, a stand-in for ClickHouse, and every service as a "
    "process of its own, on loopback. No Docker: it needs Java 17 and, once, Maven.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(kafka_cli.app)
app.add_typer(clickhouse_cli.app, name="clickhouse")
#: How the command is called.
_SELF: Final = "python -m evalstream_devcluster"
_out = Console(highlight=False, markup=False)
_errors = Console(stderr=True, highlight=False, markup=False)


@app.command()
def up(
    matchers: Annotated[int, typer.Option(help="How many matchers share the work.", min=1, max=64)] = 2,
    port: Annotated[
        int,
        typer.Option(help="Of the query service; ingest and matchers have those that follow.", min=0, max=65535),
    ] = topology.QUERY_PORT,
    kafka_port: Annotated[int, typer.Option(help="Of the broker.", min=0, max=65535)] = kafka.DEFAULT_PORT,
    clickhouse_port: Annotated[
        int, typer.Option(help="Of the ClickHouse stand-in.", min=0, max=65535)
    ] = clickhouse_process.DEFAULT_PORT,
) -> None:
    """Start everything that does not run yet, and say where it is.

    It stays up until `python -m evalstream_devcluster down`; data and logs stay in .evalstream (or
    $EVALSTREAM_DEV_HOME). Port 0 takes a free one. Where KAFKA_BOOTSTRAP or CLICKHOUSE_URL is set, that server is used
    instead of one of ours; services get all EVALSTREAM_… variables, EVALSTREAM_KAFKA_USER for instance.
    """
    plan = topology.Plan(dev_home(), matchers, port, kafka_port, clickhouse_port)
    with _explained(), _errors.status("Starting …") as spinner:
        members = topology.up(plan, lambda step: spinner.update(f"Starting {step} …"))
    _show(members)
    ingest = next(member.address for member in members if member.name == "ingest")
    _out.print(f"Upload events to it:  evalstream upload --url {ingest} --no-wait …", soft_wrap=True)


@app.command()
def down() -> None:
    """Stop everything that `python -m evalstream_devcluster up` started: the services first, then what they stand on.

    Data stays for the next `up`. Each service finishes the work in hand.
    """
    with _explained(), _errors.status("Stopping …") as spinner:
        stopped = topology.down(dev_home(), lambda step: spinner.update(f"Stopping {step} …"))
    _out.print(f"Stopped {stopped} processes." if stopped else "Nothing was running.")


@app.command()
def status() -> None:
    """Say what runs, and where; exit with 1 unless something does and nothing is missing."""
    members = topology.status(dev_home())
    _show(members)
    missing = topology.missing(dev_home())
    for name in missing:
        _errors.print(
            f"{name} does not run; see `{_SELF} logs {name}`, start it with `{_SELF} up`",
            soft_wrap=True,
        )
    if missing or not members or not all(member.ready for member in members):
        raise typer.Exit(1)


@app.command()
def logs(
    name: Annotated[str | None, typer.Argument(help="kafka, clickhouse, ingest, matcher-1, query; none: all.")] = None,
    lines: Annotated[int, typer.Option("--lines", "-n", help="How many of the last lines of each.", min=0)] = 20,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
) -> None:
    """Print the end of what each process logged since its last start."""
    files = topology.logs(dev_home())
    if name is not None and name not in files:
        _errors.print(f"There is no log of {name!r}; there are: {', '.join(files) or f'none yet ({_SELF} up)'}")
        raise typer.Exit(1)
    print_logs(files if name is None else {name: files[name]}, lines, follow=follow)


def _show(members: list[topology.Member]) -> None:
    if not members:
        _out.print(f"Nothing is running. Start it: {_SELF} up")
        return
    table = Table(box=None)
    for heading in ("name", "state", "address", "process"):
        table.add_column(heading, overflow="fold")
    for member in members:
        process = "yours" if member.pid is None else str(member.pid)
        state = "ready" if member.ready else "not ready"
        table.add_row(member.name, state, member.address, process)
    _out.print(table)


@contextmanager
def _explained() -> Iterator[None]:
    """Turn what the user can mend into a message and exit code 1."""
    try:
        yield
    except RuntimeError as error:
        _errors.print(Text(str(error), style="red"), soft_wrap=True)
        raise typer.Exit(1) from error
