"""``evalstream complete``: say that a run has said all that it will say."""

from __future__ import annotations

from typing import Annotated

import typer

from evalstream_cli.client import DEFAULT_URL, ApiKey, Url, service
from evalstream_cli.console import progress_bar
from evalstream_cli.upload import tell_closed, wait_until_matched


def complete(
    dataset: Annotated[str, typer.Argument(help="Name of the dataset.")],
    run: Annotated[str, typer.Argument(help="Name of the model run.")],
    wait: Annotated[bool, typer.Option(help="Wait until every number reflects it.")] = True,
    url: Url = DEFAULT_URL,
    api_key: ApiKey = "",
) -> None:
    """Close a run: on annotated data rows that it has said nothing of, it found nothing.

    evalstream complete street v7

    Until then such rows are in no figure. A prediction that comes later holds all the same; rows that are annotated
    later are in no figure until the run is closed once more. Safe to repeat. In a cluster --url names the ingest
    service.
    """
    with service(url, api_key) as client, progress_bar() as bar:
        tell_closed(client.complete(dataset, run, wait=False))
        if wait:
            wait_until_matched(client, bar, dataset, run)
