"""The command ``evalstream``."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

import evalstream
import typer
from evalstream.collector import uncollected
from typer.core import TyperGroup
from typer.main import get_command

if TYPE_CHECKING:
    from typer._click.core import Command, Context
    from typer._click.formatting import HelpFormatter


class _Place(NamedTuple):
    module: str
    name: str  # a function, or a group of commands
    line: str  # the first sentence of its help, for a list of commands that needs no module


COMMANDS: Final = {
    "up": _Place(
        "evalstream_cli.up",
        "up",
        "Run evalstream on this machine: upload, matching and questions in one process, with nothing else to install.",
    ),
    "upload": _Place("evalstream_cli.upload", "upload", "Upload annotations, predictions or both."),
    "complete": _Place(
        "evalstream_cli.complete",
        "complete",
        "Close a run: on annotated data rows that it has said nothing of, it found nothing.",
    ),
    "ontology": _Place(
        "evalstream_cli.ontology",
        "ontology",
        "Declare classes, their hierarchy and how shapes are compared; or show what is declared, and used.",
    ),
    "report": _Place(
        "evalstream_cli.report",
        "report",
        "Print the figures of model runs, side by side, as the service knows them now.",
    ),
    "export": _Place(
        "evalstream_cli.export",
        "export",
        "Write every annotation and prediction of a run to a file, with its score and what became of it.",
    ),
    "export-report": _Place(
        "evalstream_cli.export_report",
        "export_report",
        "Write a run's report to one file: an HTML page with plots that opens offline, Markdown, or JSON.",
    ),
    "export-mislabels": _Place(
        "evalstream_cli.export_mislabels",
        "mislabels",
        "Write data rows that may be labelled wrongly to a file that Labelbox, Label Studio or CVAT imports.",
    ),
    "import": _Place(
        "evalstream_cli.import_files",
        "import_files",
        "Turn files of other formats into events, as JSON lines on standard output; or only tell what is in them.",
    ),
    "evaluate": _Place("evalstream_cli.evaluate", "evaluate", "Evaluate files, with no service."),
    "backup": _Place(
        "evalstream_cli.backup",
        "backup",
        "Write all data of a running `evalstream up` to one file, while it goes on working.",
    ),
    "restore": _Place(
        "evalstream_cli.backup",
        "restore",
        "Fill a new folder of data with what a backup holds; then start `evalstream up` on it.",
    ),
    "reconcile": _Place(
        "evalstream_cli.reconcile", "reconcile", "Find results that are missing or out of date, and repair them."
    ),
    "replay": _Place(
        "evalstream_cli.reconcile",
        "replay",
        "Rebuild every result of a dataset from its events, after an upgrade that changes a policy for instance.",
    ),
    "demo": _Place("evalstream_cli.demo", "demo", "Show evalstream on real models with real mistakes."),
    "spool": _Place(
        "evalstream_cli.spool",
        "spool",
        "Send what training loops have logged and could not send, because they ended or the service was down.",
    ),
    "dead-letters": _Place(
        "evalstream_cli.dead_letters",
        "app",
        "Records that could not be read: look at them, put them back once the cause is mended, or drop them.",
    ),
    "delete": _Place(
        "evalstream_cli.delete",
        "app",
        "Delete a dataset, a run or a data row, with everything that was made of it.",
    ),
    "retention": _Place(
        "evalstream_cli.retention",
        "retention",
        "Say how long a dataset keeps what; or, without options, show what it keeps and what retention has removed.",
    ),
    "keys": _Place(
        "evalstream_cli.keys",
        "app",
        "API keys: make, list and revoke them.",
    ),
    "service": _Place(
        "evalstream_cli.service",
        "app",
        "Run one service of a cluster; settings come from EVALSTREAM_… variables (see deploy/).",
    ),
}


class _Commands(TyperGroup):
    """Imports a command's module when it is run: importing all of them takes longer than most commands."""

    def list_commands(self, ctx: Context) -> list[str]:  # noqa: ARG002 -- as it is called
        """Name the commands, in the order of the list."""
        return list(COMMANDS)

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:  # noqa: ARG002
        """Give a command; none, where there is none of the name."""
        return command(cmd_name) if cmd_name in COMMANDS else None

    def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:  # noqa: ARG002
        """Print the list of commands, each with its whole line."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, place.line) for name, place in COMMANDS.items()])


def command(name: str) -> Command:
    """Import a command, or a group of them."""
    place = COMMANDS[name]
    group = getattr(uncollected(import_module)(place.module), place.name)
    if not isinstance(group, typer.Typer):
        function, group = group, typer.Typer(add_completion=False, rich_markup_mode=None)
        group.command(name)(function)
    made = get_command(group)
    made.name = name
    return made


app = typer.Typer(
    cls=_Commands,
    help="Continuous evaluation of machine-learning models: exact metrics while predictions are still arriving.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # help is plain text: what would draw boxes around it takes longer to import than all else
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"evalstream {evalstream.__version__}")
        raise typer.Exit


@app.callback()
def _main(
    _shown: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version, and end.")
    ] = False,
) -> None:
    pass
