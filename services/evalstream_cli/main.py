"""The command ``evalstream``."""

from __future__ import annotations

import typer

from evalstream_cli import service
from evalstream_cli.demo import demo
from evalstream_cli.evaluate import evaluate
from evalstream_cli.report import report
from evalstream_cli.up import up
from evalstream_cli.upload import upload

app = typer.Typer(
    help="Continuous evaluation of machine-learning models: exact metrics while predictions are still arriving.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for command in (up, upload, report, evaluate, demo):
    app.command()(command)
app.add_typer(service.app)


@app.callback()
def _main() -> None:
    pass
