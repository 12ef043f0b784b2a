"""`python -m evalstream_devcluster kafka`: a development broker from the command line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from evalstream_devcluster import kafka
from evalstream_devcluster.kafka_jars import jars_directory, kafka_version
from evalstream_devcluster.logs import print_logs
from rich.console import Console
from rich.text import Text

app = typer.Typer(
    name="kafka",
    help="A real Apache Kafka broker on this machine, for development. No Docker: it needs Java 17 and, once, Maven.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
_out = Console(highlight=False)
_errors = Console(stderr=True, highlight=False)


@app.command()
def up(
    port: Annotated[
        int, typer.Option(help="Where clients connect, on 127.0.0.1.", min=1, max=65535)
    ] = kafka.DEFAULT_PORT,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="A setting of server.properties, such as message.max.bytes=8388608."
        ),
    ] = None,
) -> None:
    """Start the broker and leave it running; the first time its jars are downloaded (about 45 MB).

    Topics and messages of the last time are still there. If KAFKA_BOOTSTRAP is set, that cluster is used instead and
    nothing is started.
    """
    theirs = kafka.bootstrap_from_environment()
    if theirs:
        _out.print(f"KAFKA_BOOTSTRAP names {theirs}: that cluster is used, so no broker is started.", markup=False)
        return
    with _explained():
        home = kafka.default_home()
        broker = kafka.status(home)
        if broker is not None and broker.port != port:
            raise kafka.KafkaDevError(
                f"The broker already runs at {broker.bootstrap}. Use that address, or stop it first: "
                "python -m evalstream_devcluster kafka down"
            )
        if broker is None:
            extra = _parsed(settings or [])
            if not jars_directory(home).is_dir():
                with _errors.status(f"Downloading Apache Kafka {kafka_version()}, this once …"):
                    kafka.install(home)
            with _errors.status(f"Starting Apache Kafka {kafka_version()} …"):
                broker = kafka.start(home, port=port, extra=extra)
        _describe(broker)


@app.command()
def down() -> None:
    """Stop the broker; its topics and messages stay for the next `up`."""
    with _explained():
        home = kafka.default_home()
        if kafka.status(home) is None:
            _out.print("No broker is running.")
            return
        with _errors.status("Stopping Apache Kafka …"):
            kafka.stop(home)
        _out.print("Stopped.")


@app.command()
def status() -> None:
    """Tell whether the broker runs, and where; exit code 1 if it does not."""
    broker = kafka.status(kafka.default_home())
    if broker is None:
        _out.print("No broker is running. Start it: python -m evalstream_devcluster kafka up")
        raise typer.Exit(1)
    _describe(broker)


@app.command()
def logs(
    lines: Annotated[int, typer.Option("--lines", "-n", help="How many of the last lines.", min=0)] = 50,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
) -> None:
    """Print the end of what the broker logged since its last start."""
    path = kafka.log_file(kafka.default_home())
    if not path.exists():
        _errors.print("There is no log yet. Start the broker: python -m evalstream_devcluster kafka up")
        raise typer.Exit(1)
    print_logs({"kafka": path}, lines, follow=follow)


def _describe(broker: kafka.Broker) -> None:
    _out.print(f"Apache Kafka {kafka_version()} runs at {broker.bootstrap} (process {broker.process.pid}).")
    _out.print(f"Log: {broker.log}", markup=False, soft_wrap=True)


def _parsed(settings: list[str]) -> dict[str, str]:
    pairs = [setting.partition("=") for setting in settings]
    for key, equals, _ in pairs:
        if not key or not equals:
            raise kafka.KafkaDevError(f"--set takes KEY=VALUE, and got {key!r}.")
    return {key.strip(): value.strip() for key, _, value in pairs}


@contextmanager
def _explained() -> Iterator[None]:
    """Turn what the user can mend into a message and exit code 1."""
    try:
        yield
    except kafka.KafkaDevError as error:
        # As plain text: what Kafka logs is full of brackets, which rich would take for markup.
        _errors.print(Text(str(error), style="red"), soft_wrap=True)
        raise typer.Exit(1) from error
