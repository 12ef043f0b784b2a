"""The command ``evalstream``."""

from __future__ import annotations

import typer

from evalstream_cli.evaluate import evaluate

app = typer.Typer(
    help="Continuous evaluation of machine-learning models: exact metrics while predictions are still arriving.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command()(evaluate)


@app.callback()
def _main() -> None:
    pass
