"""The command ``evalstream``."""

from __future__ import annotations

import typer
from evalstream_devcluster import topology_cli

from evalstream_cli import dead_letters, delete, keys, service
from evalstream_cli.backup import backup, restore
from evalstream_cli.demo import demo
from evalstream_cli.evaluate import evaluate
from evalstream_cli.ontology import ontology
from evalstream_cli.reconcile import reconcile, replay
from evalstream_cli.report import report
from evalstream_cli.up import up
from evalstream_cli.upload import upload

app = typer.Typer(
    help="Continuous evaluation of machine-learning models: exact metrics while predictions are still arriving.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for command in (up, upload, ontology, report, evaluate, reconcile, replay, backup, restore, demo):
    app.command()(command)
app.add_typer(dead_letters.app)
app.add_typer(delete.app)
app.add_typer(keys.app)
app.add_typer(service.app)
app.add_typer(topology_cli.app)


@app.callback()
def _main() -> None:
    pass
