"""``evalstream retention``: say how long a dataset keeps what, or see what it keeps and has not kept."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
import typer
from evalstream.client.service import place
from evalstream.words import count_of

from evalstream_cli.client import DEFAULT_URL, ApiKey, Url, service
from evalstream_cli.console import fail, out


def retention(
    dataset: Annotated[str, typer.Argument(help="Name of the dataset.")],
    days: Annotated[
        float | None, typer.Option(min=0, help="Delete data rows of which no event has come for so many days.")
    ] = None,
    runs: Annotated[int | None, typer.Option(min=1, help="Keep so many runs: those that were heard of last.")] = None,
    keep_all: Annotated[bool, typer.Option("--keep-all", help="Delete nothing by age any more.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of sentences.")] = False,
    url: Url = DEFAULT_URL,
    api_key: ApiKey = "",
) -> None:
    """Say how long a dataset keeps what; or, without options, show what it keeps and what retention has removed.

    evalstream retention street --days 90 --runs 20

    It takes the place of what was said before: an option that is left out bounds nothing. Deletions are made by the
    service, in the background, and cannot be undone. In a cluster --url names the ingest service.
    """
    asked = {"days": days, "runs": runs}
    given = days is not None or runs is not None
    if keep_all and given:
        fail("--keep-all goes with neither --days nor --runs")
    path = f"{place(dataset)}/retention"
    with service(url, api_key) as client:
        if not keep_all and not given:
            said = client.request("GET", path)
        else:
            if not yes and not keep_all:
                preview = client.request("PUT", path, {"dry_run": True}, body=asked)
                typer.confirm(f"Delete of {dataset} now: {_over(preview)}? And the same later.", abort=True, err=True)
            said = client.request("PUT", path, body=asked)
    if as_json:
        out.file.write(orjson.dumps(said, option=orjson.OPT_INDENT_2).decode() + "\n")
    else:
        out.print(f"{dataset} keeps {_kept(said)}", highlight=False)
        if said["removed_rows"] or said["removed_runs"]:
            since = f", the data rows older than {said['older_than']}" if said["older_than"] else ""
            counts = _counts(said["removed_rows"], said["removed_runs"])
            out.print(f"removed by retention: {counts}{since}", highlight=False)


def _kept(said: dict[str, Any]) -> str:
    rows = "all data rows" if said["days"] is None else f"data rows heard of in the last {said['days']:g} days"
    return f"{rows}, and {'all runs' if said['runs'] is None else _runs(said['runs'])}"


def _runs(count: int) -> str:
    return "the run heard of last" if count == 1 else f"the {count:,} runs heard of last"


def _over(preview: dict[str, Any]) -> str:
    named = f" ({', '.join(preview['over_runs'])})" if preview["over_runs"] else ""
    return _counts(preview["over_rows"], len(preview["over_runs"])) + named


def _counts(rows: int, runs: int) -> str:
    return f"{count_of(rows, 'data row')}, {count_of(runs, 'run')}"
