"""ClickHouse's HTTP interface over the embedded engine: the development stand-in, not for production."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import json
import uuid
from contextlib import asynccontextmanager
from email.parser import BytesFeedParser
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import anyio
import anyio.to_thread
import pyarrow as pa
from evalstream_devcluster.clickhouse_engine import (
    DEFAULT_SETTINGS,
    NOT_IMPLEMENTED,
    Answer,
    Call,
    Engine,
    Refused,
    execute,
)
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from starlette.requests import Request

STAND_IN = "evalstream development stand-in for ClickHouse (chDB), not for production"
MAX_BODY_BYTES = 512 * 1024 * 1024
MAX_QUERIES = 16
COMPRESS_FROM_BYTES = 1024

AUTHENTICATION_FAILED, UNKNOWN_COMPRESSION, TOO_MANY_BYTES, ABORTED = 516, 89, 307, 236
BAD_REQUEST_CODES = frozenset({6, 25, 26, 27, 33, 36, 38, 41, 42, 43, 53, 62, 72, 73, 117, 130, 456, 457})
NOT_FOUND_CODES = frozenset({46, 47, 50, 56, 60, 81, 115})

# The names of ClickHouse's content codings and of the same codecs in pyarrow; the cheapest comes first.
CODECS = {"lz4": "lz4", "zstd": "zstd", "gzip": "gzip", "br": "brotli"}

# What a URL carries besides settings of the engine (and `param_…`).
TRANSPORT = frozenset(
    {
        "query", "user", "password", "database", "default_format", "query_id", "session_id", "session_timeout",
        "session_check", "quota_key", "role", "buffer_size", "wait_end_of_query", "client_protocol_version",
        "compress", "decompress", "enable_http_compression", "send_progress_in_http_headers",
        "http_headers_progress_interval_ms", "cancel_http_readonly_queries_on_client_close",
    }
)  # fmt: skip


class Server(NamedTuple):
    """State that every request needs. `users` maps names to passwords."""

    engine: Engine
    users: Mapping[str, str]
    limiter: anyio.CapacityLimiter


def application(engine: Engine, users: Mapping[str, str]) -> Starlette:
    """The stand-in's web application; it closes the engine when it stops."""
    server = Server(engine, users, anyio.CapacityLimiter(MAX_QUERIES))

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        engine.root.close()

    async def root(request: Request) -> Response:
        return await _answer(server, request)

    async def ping(_: Request) -> Response:
        return PlainTextResponse("Ok.\n", headers=_headers(engine))

    async def info(_: Request) -> Response:
        return JSONResponse({"kind": STAND_IN, "version": engine.version, "limits": DEFAULT_SETTINGS})

    return Starlette(
        routes=[
            Route("/", root, methods=["GET", "POST"]),
            Route("/ping", ping),
            Route("/info", info),
        ],
        # A page in the user's browser must not reach the engine under a name that resolves to this machine.
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost", "::1"])],
        lifespan=lifespan,
    )


async def _answer(server: Server, request: Request) -> Response:
    headers = _headers(server.engine) | {"X-ClickHouse-Query-Id": _query_id(request)}
    try:
        _authenticate(request, server.users)
        body = await _read_body(request)
        if not body and not request.query_params.get("query"):
            return PlainTextResponse("Ok.\n", headers=headers)
        work = partial(_work, server.engine, request, body)
        # Abandoned when the server stops: a running query must not hold up the end of the process.
        content, extra = await anyio.to_thread.run_sync(work, limiter=server.limiter, abandon_on_cancel=True)
    except Refused as refused:
        return _error(refused, headers, server.engine)
    except ClientDisconnect:  # before the whole body was here: nothing has been run
        return Response(status_code=400)
    except asyncio.CancelledError:  # the server stops, and a query outlasts the time for that
        return _error(Refused(ABORTED, "The server is stopping. (ABORTED)", 503), headers, server.engine)
    return Response(content, headers=headers | extra)


def _query_id(request: Request) -> str:
    given = request.query_params.get("query_id", "")
    return given if given and given.isascii() and given.isprintable() else str(uuid.uuid4())


def _headers(engine: Engine) -> dict[str, str]:
    return {"X-ClickHouse-Server-Display-Name": STAND_IN, "X-ClickHouse-Timezone": engine.timezone}


def _work(engine: Engine, request: Request, body: bytes) -> tuple[bytes, dict[str, str]]:
    """Everything that takes time, in a worker thread."""
    call = _call(request, _decompressed(request, body))
    answer = execute(engine, call)
    content, coding = _compressed(request, answer.body)
    return content, _answer_headers(answer, call) | coding


def _answer_headers(answer: Answer, call: Call) -> dict[str, str]:
    headers = {
        "X-ClickHouse-Summary": json.dumps(answer.summary),
        "Content-Type": "text/plain; charset=UTF-8",
    }
    if answer.format:
        headers["X-ClickHouse-Format"] = answer.format
    if timezone := call.settings.get("session_timezone"):
        headers["X-ClickHouse-Timezone"] = timezone
    return headers


def _error(refused: Refused, headers: dict[str, str], engine: Engine) -> Response:
    code = refused.code
    status = refused.status or (400 if code in BAD_REQUEST_CODES else 404 if code in NOT_FOUND_CODES else 500)
    text = str(refused)
    if "(version " not in text:
        text += f" (version {engine.version})"
    return PlainTextResponse(f"{text}\n", status, headers | {"X-ClickHouse-Exception-Code": str(code)})


def _authenticate(request: Request, users: Mapping[str, str]) -> None:
    if "origin" in request.headers or request.headers.get("sec-fetch-site", "none") != "none":
        raise Refused(AUTHENTICATION_FAILED, "Requests from web pages are refused.", 403)
    user, password = _credentials(request)
    matches = hmac.compare_digest(users.get(user, "").encode(), password.encode())
    if not (matches and user in users):
        message = f"{user}: Authentication failed: password is incorrect, or there is no user with such name."
        raise Refused(AUTHENTICATION_FAILED, f"{message} (AUTHENTICATION_FAILED)", 403)


def _credentials(request: Request) -> tuple[str, str]:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            user, _, password = base64.b64decode(token, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return "", ""
        return user, password
    headers, url = request.headers, request.query_params
    user = headers.get("x-clickhouse-user") or url.get("user") or "default"
    return user, headers.get("x-clickhouse-key") or url.get("password") or ""


async def _read_body(request: Request) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            raise _too_large()
        chunks.append(chunk)
    return b"".join(chunks)


def _too_large() -> Refused:
    message = f"The body of a request is limited to {MAX_BODY_BYTES} bytes. (TOO_MANY_BYTES)"
    return Refused(TOO_MANY_BYTES, message, 413)


def _decompressed(request: Request, body: bytes) -> bytes:
    coding = request.headers.get("content-encoding", "identity")
    if coding == "identity" or not body:
        return body
    if coding not in CODECS:
        raise Refused(UNKNOWN_COMPRESSION, f"Unknown Content-Encoding {coding}. (UNKNOWN_COMPRESSION_METHOD)", 400)
    try:
        with pa.CompressedInputStream(pa.BufferReader(body), CODECS[coding]) as stream:
            data: bytes = stream.read(MAX_BODY_BYTES + 1)
    except OSError as error:
        raise Refused(UNKNOWN_COMPRESSION, f"The body is not valid {coding}: {error}", 400) from error
    if len(data) > MAX_BODY_BYTES:
        raise _too_large()
    return data


def _compressed(request: Request, body: bytes) -> tuple[bytes, dict[str, str]]:
    accepted = {part.split(";")[0].strip() for part in request.headers.get("accept-encoding", "").split(",")}
    coding = next((name for name in CODECS if name in accepted), None)
    wanted = request.query_params.get("enable_http_compression") in {"1", "true"}
    if coding is None or not wanted or len(body) < COMPRESS_FROM_BYTES:
        return body, {}
    return pa.Codec(CODECS[coding]).compress(body, asbytes=True), {"Content-Encoding": coding}


def _call(request: Request, body: bytes) -> Call:
    url = dict(request.query_params)
    if url.get("compress", "0") != "0" or url.get("decompress", "0") != "0":
        message = "compress and decompress are not supported, use Content-Encoding. (NOT_IMPLEMENTED)"
        raise Refused(NOT_IMPLEMENTED, message, 501)
    form: dict[str, str] = {}
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        form, body = _form(request.headers["content-type"], body), b""
    values = url | form
    query = values.get("query", "").encode(errors="surrogateescape")
    return Call(
        sql=query + b"\n" + body if query and body else query or body,
        settings={name: value for name, value in url.items() if not _is_transport(name)},
        parameters={name[6:]: value for name, value in values.items() if name.startswith("param_")},
        database=url.get("database") or request.headers.get("x-clickhouse-database", ""),
        format=request.headers.get("x-clickhouse-format") or url.get("default_format") or "TabSeparated",
        read_only=request.method != "POST",
    )


def _is_transport(name: str) -> bool:
    return name in TRANSPORT or name.startswith("param_")


def _form(content_type: str, body: bytes) -> dict[str, str]:
    """The fields of a multipart form: how a client sends parameters that are too long for a URL."""
    parser = BytesFeedParser()
    parser.feed(f"Content-Type: {content_type}\r\n\r\n".encode("latin-1"))
    parser.feed(body)
    fields: dict[str, str] = {}
    for part in parser.close().walk():
        if part.is_multipart():
            continue
        if part.get_filename() is not None:
            raise Refused(NOT_IMPLEMENTED, "External data is not supported. (NOT_IMPLEMENTED)", 501)
        content = part.get_payload(decode=True)
        name = part.get_param("name", header="content-disposition")
        fields[str(name)] = content.decode(errors="surrogateescape") if isinstance(content, bytes) else ""
    return fields
