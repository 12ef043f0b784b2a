"""``evalstream service``: one service of a cluster, as a process of its own."""

from __future__ import annotations

import logging
from collections.abc import Callable
from importlib import import_module

import typer
from clickhouse_connect.driver.exceptions import ClickHouseError
from evalstream.collector import uncollected
from evalstream_cluster.settings import ServiceSettings
from pydantic import ValidationError

from evalstream_cli.console import fail

app = typer.Typer(
    name="service",
    help="Run one service of a cluster; settings come from EVALSTREAM_… variables (see deploy/).",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command()
def ingest() -> None:
    """Take events from Kafka and over HTTP, validate them, and keep them in ClickHouse."""
    _run("ingest")


@app.command()
def matcher() -> None:
    """Bring the results of changed data rows up to date. Run as many as there are partitions, at the most."""
    _run("matcher")


@app.command()
def query() -> None:
    """Answer questions over HTTP."""
    _run("query")


def _run(name: str) -> None:
    """Import a service, of which each needs other libraries, and run it."""
    service: Callable[[ServiceSettings], int] = uncollected(import_module)(f"evalstream_cluster.{name}").run
    from evalstream_cluster.topics import TopicError

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)-8s %(name)s: %(message)s")
    try:
        status = service(ServiceSettings())
    except ValidationError as error:
        fail("; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()))
    except (ValueError, ClickHouseError, TopicError) as error:
        fail(str(error))
    raise typer.Exit(status)
