"""The service that a command asks: which one, and what is wrong with it in one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from evalstream.client import DEFAULT_URL, Client, ClientError
from evalstream.client.errors import told
from evalstream.selection import QuestionError

from evalstream_cli.console import fail

__all__ = ["DEFAULT_URL", "ApiKey", "Url", "service"]

Url = Annotated[str, typer.Option(envvar="EVALSTREAM_URL", help="Where the service listens.")]
ApiKey = Annotated[str, typer.Option(envvar="EVALSTREAM_API_KEY", help="API key, if the service wants one.")]


@contextmanager
def service(url: str, api_key: str) -> Iterator[Client]:
    """Connect; tell what is wrong in one line rather than with a traceback."""
    try:
        with Client(url, api_key) as client, told(url):
            yield client
    except (ClientError, QuestionError) as error:
        fail(str(error))
