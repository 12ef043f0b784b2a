"""``evalstream export-mislabels``: candidate mislabels, for a labelling tool to import."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from evalstream.exporters.questions import CONFIDENCE, MOST, OF_OBJECTS, MislabelsFormat
from evalstream.words import count_of

from evalstream_cli.client import DEFAULT_URL, ApiKey, Url, service
from evalstream_cli.console import err, fail, out
from evalstream_cli.filters import filtered


@filtered(without=OF_OBJECTS, confidence=CONFIDENCE)
def mislabels(
    dataset: Annotated[str, typer.Argument(help="Name of the dataset.")],
    run: Annotated[str, typer.Argument(help="Name of the model run.")],
    output: Annotated[Path, typer.Option(help="File to write; there must be none yet.")],
    form: Annotated[MislabelsFormat, typer.Option("--format", help="For which labelling tool.")],
    limit: Annotated[int, typer.Option(min=1, max=MOST, help="The most candidates of each kind.")] = 100,
    *,
    asked: dict[str, Any],
    url: Url = DEFAULT_URL,
    api_key: ApiKey = "",
) -> None:
    """Write data rows that may be labelled wrongly to a file that Labelbox, Label Studio or CVAT imports.

    evalstream export-mislabels street v7 --format cvat --output check.xml --confidence 0.8

    These are the most confident false alarms on background, and objects that the model does not see. Each data row is
    whole: its annotations, and the false alarms as proposals. OUTPUT.candidates.csv lists the candidates;
    OUTPUT.about.json says what the file is of.
    """
    try:
        with service(url, api_key) as client:
            done = client.export_mislabels(dataset, run, output, form, limit=limit, **asked)
    except OSError as error:
        fail(str(error))
    for why, count in done.left_out.items():
        err.print(f"Left out: {count_of(count, 'data row')} {why}.", highlight=False, soft_wrap=True)
    for note in done.notes:
        err.print(note, highlight=False, markup=False, soft_wrap=True)
    out.print(
        f"{output}: {count_of(done.rows, 'data row')}; {done.false_alarms:,} of {done.false_alarms_total:,} false"
        f" alarms on background, {done.missed:,} of {done.missed_total:,} missed objects",
        highlight=False,
        soft_wrap=True,
    )
