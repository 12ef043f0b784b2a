"""``evalstream spool``: send what training loops have logged and could not send."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from evalstream.client.runs import send_leftovers
from evalstream.client.spool import DEFAULT_FOLDER, leftovers
from evalstream.words import count_of

from evalstream_cli.client import DEFAULT_URL, ApiKey, Url, service
from evalstream_cli.console import err, out


def spool(
    folder: Annotated[Path, typer.Option(help="Where runs keep what they have logged.")] = DEFAULT_FOLDER,
    url: Url = DEFAULT_URL,
    api_key: ApiKey = "",
) -> None:
    """Send what training loops have logged and could not send, because they ended or the service was down.

    evalstream spool

    Only what was logged for the service at --url; loops that still run send their own. Safe to repeat: what had
    arrived already changes nothing. With a rejected image the command ends with status 1.
    """
    with service(url, api_key) as client:
        sent = send_leftovers(client, folder)
    for own in sent:
        header = own.header
        count = f"{count_of(own.accepted, 'image')} sent"
        out.print(f"{header.dataset}, run {header.run}: {count}, {own.rejected:,} rejected", highlight=False)
        for reason in own.reasons:
            err.print(f"  {reason}", highlight=False, soft_wrap=True)
    if not sent:
        out.print("nothing was left to send", highlight=False)
    for url_of in sorted({own.header.url for own in leftovers(folder)} - {url}):
        err.print(f"more is kept for {url_of}: send it with --url", highlight=False, soft_wrap=True)
    if any(own.rejected for own in sent):
        raise typer.Exit(1)
