"""The service as a client sees it: uploads in parts that can be repeated, and questions."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, NamedTuple
from urllib.parse import quote

import httpx
import orjson
import typer
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from evalstream_cli.console import fail

#: What one request carries: small enough that repeating it costs little, large enough that a request costs nothing.
PART_LINES = 1_000
PART_BYTES = 4 * 1024 * 1024
#: Seconds that a service may have this client wait before it tries again.
LONGEST_PAUSE = 120

Url = Annotated[str, typer.Option(envvar="EVALSTREAM_URL", help="Where the service listens.")]
ApiKey = Annotated[str, typer.Option(envvar="EVALSTREAM_API_KEY", help="API key, if the service wants one.")]
DEFAULT_URL = "http://127.0.0.1:8000"


class Uploaded(NamedTuple):
    """What became of all parts of an upload."""

    accepted: int
    rejected: int
    reasons: list[str]


@contextmanager
def service(url: str, api_key: str) -> Iterator[httpx.Client]:
    """Connect; tell what is wrong in one line rather than with a traceback."""
    headers = {b"Authorization": f"Bearer {api_key}".encode()} if api_key else {}
    try:
        with httpx.Client(base_url=url, headers=headers, timeout=120) as http:
            yield http
    except httpx.HTTPStatusError as error:
        fail(f"{error.request.method} {error.request.url.path}: {_detail(error.response)}")
    except (httpx.TransportError, httpx.InvalidURL) as error:
        fail(f"no evalstream answers at {url} ({error}); start one with `evalstream up`, or name it with --url")
    except orjson.JSONDecodeError:
        fail(f"what answers at {url} is no evalstream; name one with --url")


def route(dataset: str, run: str | None = None) -> str:
    """Where a dataset, or a run of it, is found; their names may hold what has a meaning in URLs."""
    path = f"/v1/datasets/{quote(dataset, safe='')}"
    return path if run is None else f"{path}/runs/{quote(run, safe='')}"


def get(http: httpx.Client, path: str, **query: Any) -> Any:
    """Ask; return the answer's JSON."""
    return orjson.loads(http.get(path, params=query).raise_for_status().content)


def put(http: httpx.Client, path: str, content: bytes, **query: Any) -> Any:
    """Put a document; return the answer's JSON. Without an answer it is put again, which has to change nothing."""
    return _patiently()(_put, http, path, content, query)


def upload(http: httpx.Client, path: str, payloads: Iterable[bytes], on_part: Callable[[int, int], None]) -> Uploaded:
    """Send events in parts; a part that gets no answer is sent again, which changes nothing if it had arrived.

    ``on_part`` hears how many lines, and how many bytes, were sent since the last time.
    """
    patiently = _patiently()
    accepted = rejected = sent = 0
    reasons: list[str] = []
    for part in _parts(payloads):
        answer = patiently(_post, http, path, b"\n".join(part))
        accepted += answer["accepted"]
        rejected += answer["rejected"]
        reasons += [f"line {sent + item['line']}: {item['reason']}" for item in answer["errors"]]
        sent += len(part)
        on_part(len(part), sum(map(len, part)))
    return Uploaded(accepted, rejected, reasons)


def stamped(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Give each event without a version the present time, so that sending it twice is sending it once."""
    last = 0
    for line in lines:
        last = max(last + 1, time.time_ns())
        try:
            event = orjson.loads(line)
        except orjson.JSONDecodeError:
            yield line.rstrip(b"\n")  # the service says what is wrong with it, and keeps it
            continue
        if isinstance(event, dict) and event.get("version") is None:
            yield orjson.dumps(event | {"version": last})
        else:
            yield line.rstrip(b"\n")


def _parts(payloads: Iterable[bytes]) -> Iterator[list[bytes]]:
    part: list[bytes] = []
    size = 0
    for payload in payloads:
        part.append(payload)
        size += len(payload)
        if len(part) >= PART_LINES or size >= PART_BYTES:
            yield part
            part, size = [], 0
    if part:
        yield part


def _patiently() -> Retrying:
    return Retrying(
        stop=stop_after_attempt(6),
        wait=_pause,
        retry=retry_if_exception(_passing),
        reraise=True,
    )


#: The pause between attempts, unless the service asks for a longer one.
_growing = wait_exponential_jitter(multiplier=0.5, max=10)


def _pause(attempt: RetryCallState) -> float:
    """Wait for as long as a service that refuses more for now says, and a little longer each time."""
    error = attempt.outcome and attempt.outcome.exception()
    asked = error.response.headers.get("Retry-After", "") if isinstance(error, httpx.HTTPStatusError) else ""
    return _growing(attempt) + min(int(asked) if asked.isdecimal() else 0, LONGEST_PAUSE)


def _post(http: httpx.Client, path: str, body: bytes) -> Any:
    headers = {"Content-Type": "application/x-ndjson"}
    return orjson.loads(http.post(path, content=body, headers=headers).raise_for_status().content)


def _put(http: httpx.Client, path: str, content: bytes, query: dict[str, Any]) -> Any:
    headers = {"Content-Type": "application/json"}
    return orjson.loads(http.put(path, content=content, headers=headers, params=query).raise_for_status().content)


def _passing(error: BaseException) -> bool:
    """Whether the failure may pass: no answer, or a server that is busy."""
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code in {429, 502, 503, 504}
    return isinstance(error, httpx.TransportError)


def _detail(response: httpx.Response) -> str:
    try:
        detail = response.json()["detail"]
    except (ValueError, KeyError, TypeError):
        return f"status {response.status_code}"
    if isinstance(detail, list):
        return "; ".join(f"{'.'.join(map(str, item['loc'][1:]))}: {item['msg']}" for item in detail)
    return str(detail)
