"""``evalstream export-report``: a run's report as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from evalstream_cli.client import DEFAULT_URL, ApiKey, Url, service
from evalstream_cli.console import err, fail, out, progress_bar
from evalstream_cli.filters import filtered


@filtered()
def export_report(
    dataset: Annotated[str, typer.Argument(help="Name of the dataset.")],
    run: Annotated[str, typer.Argument(help="Name of the model run.")],
    output: Annotated[Path, typer.Option(help="File to write: .html, .md or .json; there must be none yet.")],
    versus: Annotated[str | None, typer.Option(help="Another run, to compare it with.")] = None,
    *,
    asked: dict[str, Any],
    url: Url = DEFAULT_URL,
    api_key: ApiKey = "",
) -> None:
    """Write a run's report to one file: an HTML page with plots that opens offline, Markdown, or JSON.

    evalstream export-report street v7 --versus v6 --confidence 0.5 --output report.html

    Headline, intervals, classes, confusion matrix, precision and recall, causes of errors, and the comparison with
    another run; with policy, thresholds, filter, version and time, and the command that makes it again.
    """
    with service(url, api_key) as client, progress_bar() as bar:
        task = bar.add_task("asking", total=None)
        try:
            report = client.report(
                dataset,
                run,
                output,
                versus=versus,
                on_progress=lambda what, done, total: bar.update(task, description=what, completed=done, total=total),
                **asked,
            )
        except (ValueError, OSError) as error:
            fail(str(error))
    for name, why in report.refused.items():
        err.print(f"{name}: not answered: {why}", highlight=False, soft_wrap=True)
    out.print(str(output), highlight=False, soft_wrap=True)
