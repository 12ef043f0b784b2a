"""Errors of the client; every message says what to do next.

::

    ClientError
    ├── NoServiceError    nobody answers, or somebody who is no evalstream
    ├── RefusedError      the service will not do it: ``status`` and ``detail`` say why
    └── RejectedError     records could not be read: ``reasons`` names each of them
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import httpx
from orjson import JSONDecodeError
from pydantic import ValidationError

from evalstream.errors import EvalstreamError

_SHOWN: Final = 20


class ClientError(EvalstreamError):
    """A request to a service has failed."""


class NoServiceError(ClientError):
    """Nobody answers, or somebody who is no evalstream."""


class RefusedError(ClientError):
    """The service will not do it.

    Attributes
    ----------
    status : int
        The status of HTTP.
    detail : str
        Why, and what to do, in the service's own words.
    """

    def __init__(self, method: str, path: str, status: int, detail: str) -> None:
        super().__init__(f"{method} {path}: {detail}")
        self.status = status
        self.detail = detail


class RejectedError(ClientError):
    """Records could not be read; all others are stored, and what was rejected is kept as dead letters.

    Attributes
    ----------
    count : int
        How many were rejected.
    reasons : list of str
        Which records, and why; of very many the first ones.
    """

    def __init__(self, what: str, count: int, reasons: Sequence[str]) -> None:
        more = [f"… and {count - _SHOWN:,} more"] if count > _SHOWN else []
        said = "\n  ".join([*reasons[:_SHOWN], *more])
        number = "1 record was" if count == 1 else f"{count:,} records were"
        super().__init__(
            f"{what}: {number} rejected; the others are stored, and `evalstream dead-letters list` shows these whole."
            f"\n  {said}"
        )
        self.count = count
        self.reasons = list(reasons)


@contextmanager
def told(url: str) -> Iterator[None]:
    """Turn what goes wrong between a client and the service at ``url`` into the errors of this module."""
    try:
        yield
    except httpx.HTTPStatusError as error:
        request, response = error.request, error.response
        raise RefusedError(request.method, request.url.path, response.status_code, _detail(response)) from None
    except (httpx.TransportError, httpx.InvalidURL) as error:
        raise NoServiceError(
            f"no evalstream answers at {url} ({error}); start one with `evalstream up`, or name one with --url, or"
            " with evalstream.connect(URL)"
        ) from error
    except (ValidationError, JSONDecodeError):
        raise NoServiceError(
            f"what answers at {url} is not an evalstream service, or is of another version; name another with --url or"
            " evalstream.connect(URL)"
        ) from None


def _detail(response: httpx.Response) -> str:
    try:
        detail = response.json()["detail"]
    except (ValueError, KeyError, TypeError):
        return f"status {response.status_code}"
    if isinstance(detail, list):
        return "; ".join(f"{'.'.join(map(str, item['loc'][1:]))}: {item['msg']}" for item in detail)
    return str(detail)
