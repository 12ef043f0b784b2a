"""``evalstream delete``: take a dataset, a run or a data row out, with everything that was made of it."""

from __future__ import annotations

from typing import Annotated, Any, Final
from urllib.parse import quote

import httpx
import orjson
import typer

from evalstream_cli.client import DEFAULT_URL, ApiKey, Url, route, service
from evalstream_cli.console import out

app = typer.Typer(
    name="delete",
    help="Delete a dataset, a run or a data row, with everything that was made of it. In a cluster --url names the "
    "ingest service.",
    no_args_is_help=True,
)

#: A large dataset takes its time, and an answer that came too late would look like a failure.
PATIENCE_SECONDS: Final = 3600
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
    _delete(f"dataset {dataset}", route(dataset), version, yes, as_json, url, api_key)


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
    _delete(f"run {run} of dataset {dataset}", route(dataset, run), version, yes, as_json, url, api_key)


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
    # A path of dots would be taken for a way up, and so for the dataset.
    key = quote(data_row, safe="").replace(".", "%2E")
    _delete(
        f"data row {data_row} of dataset {dataset}", f"{route(dataset)}/rows/{key}", version, yes, as_json, url, api_key
    )


def _delete(what: str, path: str, version: int | None, yes: bool, as_json: bool, url: str, api_key: str) -> None:
    query = {} if version is None else {"version": version}
    with service(url, api_key) as http:
        if not yes:
            found = _ask(http, path, query | {"dry_run": True})
            typer.confirm(f"Delete {what}: {_counts(found)}?", abort=True, err=True)
        said = _ask(http, path, query)
    if as_json:
        out.file.write(orjson.dumps(said, option=orjson.OPT_INDENT_2).decode() + "\n")
    else:
        out.print(f"deleted {what}: {_counts(said)}; up to version {said['version']}", highlight=False)


def _ask(http: httpx.Client, path: str, query: dict[str, Any]) -> Any:
    return orjson.loads(http.delete(path, params=query, timeout=PATIENCE_SECONDS).raise_for_status().content)


def _counts(found: dict[str, Any]) -> str:
    counts = ((found[name], word) for name, word in _COUNTED.items())
    return ", ".join(f"{count:,} {word}{'' if count == 1 else 's'}" for count, word in counts if count) or "nothing"
