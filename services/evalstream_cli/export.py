"""``evalstream export``: the labels of a run, with their scores, to files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from evalstream.exporters.export import Exported
from evalstream.exporters.questions import Format
from evalstream.words import count_of

from evalstream_cli.client import DEFAULT_URL, ApiKey, Url, service
from evalstream_cli.console import err, fail, out, progress_bar
from evalstream_cli.filters import filtered


@filtered()
def export(
    dataset: Annotated[str, typer.Argument(help="Name of the dataset.")],
    run: Annotated[str, typer.Argument(help="Name of the model run.")],
    output: Annotated[Path, typer.Option(help="File to write, or folder for coco; there must be none yet.")],
    form: Annotated[
        Format, typer.Option("--format", help="A data row a line (ndjson), a label a line (csv, parquet), or COCO.")
    ] = "ndjson",
    *,
    asked: dict[str, Any],
    where: Annotated[list[str] | None, typer.Option(help="Only rows with, for instance, fp>=1.")] = None,
    cause: Annotated[str | None, typer.Option(help="Only rows with an error of this cause.")] = None,
    url: Url = DEFAULT_URL,
    api_key: ApiKey = "",
) -> None:
    """Write every annotation and prediction of a run to a file, with its score and what became of it.

    evalstream export street v7 --format parquet --output labels.parquet --confidence 0.5

    Outcome (tp, fp, fn, ignored), cause, partner and IoU of each object, at this policy and these thresholds; and the
    metrics of its data row. What the file is of, and what is not in it, stands beside it: OUTPUT.about.json.
    """
    rows = {name: value for name, value in (("where", where), ("cause", cause)) if value is not None}
    try:
        with service(url, api_key) as client, progress_bar() as bar:
            task = bar.add_task(f"exporting {run}", total=None)
            done = client.export(
                dataset,
                run,
                output,
                form,
                on_progress=lambda _what, own, total: bar.update(task, completed=own, total=total),
                **asked,
                **rows,
            )
    except OSError as error:
        fail(str(error))
    tell(done)
    out.print(
        f"{output}: {count_of(done.rows, 'data row')}, {count_of(done.annotations, 'annotation')},"
        f" {count_of(done.predictions, 'prediction')}; tp {done.tp:,}, fp {done.fp:,}, fn {done.fn:,}",
        highlight=False,
        soft_wrap=True,
    )


def tell(done: Exported) -> None:
    """Say what is not in an export."""
    for note in (*done.notes, *(f"Left out: {count_of(count, what)}." for what, count in done.left_out.items())):
        err.print(note, highlight=False, soft_wrap=True)
