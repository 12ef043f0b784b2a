"""Output of the commands: results to standard output, everything about the work itself to standard error."""

from __future__ import annotations

from typing import NoReturn

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

# Names of classes and files may look like markup; they are shown as they are. Style is given by rich.text.Text.
out = Console(markup=False, emoji=False)
err = Console(stderr=True, markup=False, emoji=False)


class RateColumn(ProgressColumn):
    """Show the rate per second."""

    def render(self, task: Task) -> Text:
        """Render the speed, or nothing while there is none yet."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f}/s" if speed else "", style="progress.data.speed")


def progress_bar() -> Progress:
    """Make a bar with count, rate and time left, which leaves no trace on a console that is none."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        RateColumn(),
        TimeRemainingColumn(),
        console=err,
        disable=not err.is_terminal,
    )


def fail(message: str) -> NoReturn:
    """Say what is wrong and end with status 2."""
    err.print(Text.assemble(("error:", "bold red"), f" {message}"), soft_wrap=True)
    raise typer.Exit(2)
