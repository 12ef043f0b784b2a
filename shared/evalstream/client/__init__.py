"""A service from Python: every question, uploads, and the log of a training loop.

>>> import evalstream
>>> with evalstream.connect("http://127.0.0.1:8000") as client:  # doctest: +SKIP
...     client.summary("street", "v7", confidence=0.5).f1
0.81
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from evalstream.client.clients import AsyncClient, Client
from evalstream.client.errors import ClientError, NoServiceError, RefusedError, RejectedError

if TYPE_CHECKING:
    from evalstream.client.embedded import Embedded

__all__ = [
    "AsyncClient",
    "Client",
    "ClientError",
    "NoServiceError",
    "RefusedError",
    "RejectedError",
    "connect",
    "connect_async",
]

DEFAULT_URL = "http://127.0.0.1:8000"


def connect(where: str | Path | None = None, *, api_key: str | None = None) -> Client:
    """Connect to a service, or open an engine in this process.

    Parameters
    ----------
    where : str or Path, optional
        The URL of a service, or a folder: then the engine runs here, matcher included, and no other process can have
        the folder open. None: the environment's ``EVALSTREAM_URL``, or a service on this machine.
    api_key : str, optional
        Where the service wants one; None: the environment's ``EVALSTREAM_API_KEY``, if there is one.

    Returns
    -------
    Client
        To be closed when it is no longer used: a context manager. Connections are made when something is asked.

    Raises
    ------
    NoServiceError
        If a folder cannot be opened; later on, if nobody answers.
    """
    url, folder, key = _place(where, api_key)
    return Client(url, key, None if folder is None else _embedded(folder), folder=folder)


def connect_async(where: str | Path | None = None, *, api_key: str | None = None) -> AsyncClient:
    """Connect like :func:`connect`; what the client does is awaited."""
    url, folder, key = _place(where, api_key)
    return AsyncClient(url, key, None if folder is None else _embedded(folder))


def _place(where: str | Path | None, api_key: str | None) -> tuple[str, Path | None, str]:
    given = os.environ.get("EVALSTREAM_URL", DEFAULT_URL) if where is None else where
    if isinstance(given, str) and re.fullmatch(r"https?://.*", given, re.IGNORECASE):
        return given, None, os.environ.get("EVALSTREAM_API_KEY", "") if api_key is None else api_key
    if isinstance(given, str) and re.fullmatch(r"[\w.-]+:\d+/?|\w+://.*", given):
        raise ValueError(f"{given!r} is neither a URL nor a folder: write http://{given.rpartition('//')[2]}")
    from evalstream.client.embedded import URL

    return URL, Path(given), ""


def _embedded(folder: Path) -> Embedded:
    from evalstream.client.embedded import Embedded

    return Embedded(folder)
