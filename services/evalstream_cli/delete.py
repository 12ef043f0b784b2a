"""``evalstream delete``: take a dataset, a run or a data row out, with everything that was made of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final, Literal

import orjson
import typer
from evalstream.changes import Deleted
from evalstream.words import count_of

from evalstream_cli.client import DEFAULT_URL, ApiKey, Url, service
from evalstream_cli.console import out

app = typer.Typer(
    name="delete",
    help="Delete a dataset, a run or a data row, with everything that was made of it. In a cluster --url names the "
    "ingest service.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_COUNTED: Final = {
    "data_rows": "data row",
    "events": "event",
    "results": "result",
    "declarations": "declaration",
    "dead_letters": "dead letter",
}

Dataset = Annotated[str, typer.Argument(help="Name of the dataset.")]
Version = Annotated[
    int | None, typer.Option(min=0, help="Only what has at most this version; none: all that is there now.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a sentence.")]


@app.command("dataset")
def dataset_(
    dataset: Dataset,
    version: Version = None,
    yes: Yes = False,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
    api_key: ApiKey = "",
) -> None:
    """Delete a dataset: annotations, predictions, results, declarations and dead letters, of all runs.

    evalstream delete dataset street
    """
    _delete(f"dataset {dataset}", "delete_dataset", (dataset,), version, yes, as_json, url, api_key)


@app.command("run")
def run_(
    dataset: Dataset,
    run: Annotated[str, typer.Argument(help="Name of the model run.")],
    version: Version = None,
    yes: Yes = False,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
    api_key: ApiKey = "",
) -> None:
    """Delete a run: its predictions and results. Annotations belong to the dataset, and stay.

    evalstream delete run street v7
    """
    _delete(f"run {run} of dataset {dataset}", "delete_run", (dataset, run), version, yes, as_json, url, api_key)


@app.command("row")
def row_(
    dataset: Dataset,
    data_row: Annotated[str, typer.Argument(help="Key of the data row.")],
    version: Version = None,
    yes: Yes = False,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
    api_key: ApiKey = "",
) -> None:
    """Delete a data row: its annotations, every run's predictions of it, and their results.

    evalstream delete row street img-7
    """
    what = f"data row {data_row} of dataset {dataset}"
    _delete(what, "delete_row", (dataset, data_row), version, yes, as_json, url, api_key)


def _delete(
    what: str,
    how: Literal["delete_dataset", "delete_run", "delete_row"],
    names: tuple[str, ...],
    version: int | None,
    yes: bool,
    as_json: bool,
    url: str,
    api_key: str,
) -> None:
    with service(url, api_key) as client:
        delete: Callable[..., Deleted] = getattr(client, how)
        if not yes:
            typer.confirm(
                f"Delete {what}: {_counts(delete(*names, version=version, dry_run=True))}?", abort=True, err=True
            )
        said = delete(*names, version=version)
    if as_json:
        out.file.write(orjson.dumps(said.model_dump(mode="json"), option=orjson.OPT_INDENT_2).decode() + "\n")
    else:
        out.print(f"deleted {what}: {_counts(said)}; up to version {said.version}", highlight=False)


def _counts(deleted: Deleted) -> str:
    counts = ((getattr(deleted, name), word) for name, word in _COUNTED.items())
    return ", ".join(count_of(count, word) for count, word in counts if count) or "nothing"
