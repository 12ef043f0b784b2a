"""A connection that is not used is closed: whoever sends slowly, or reads slowly, keeps nothing of the others'."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest
import uvicorn
from evalstream_embedded.app import make_app
from evalstream_embedded.settings import LocalSettings
from evalstream_service import bodies, connections
from evalstream_service.bodies import DOCUMENT_LIMIT
from evalstream_service.connections import PatientProtocol
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import SecretStr
from starlette.types import Receive, Scope, Send

from tests.asking import asking

PATIENCE: Final = 60
REQUEST: Final = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
OK: Final = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}

App = Callable[[Scope, Receive, Send], Awaitable[None]]
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def greets(_scope: Scope, _receive: Receive, send: Send) -> None:
    """Answer without a look at the body."""
    await send(OK)
    await send({"type": "http.response.body", "body": b"hi"})


async def until(is_so: Callable[[], bool]) -> None:
    while not is_so():  # noqa: ASYNC110 -- a server tells nobody
        await asyncio.sleep(0.01)


@asynccontextmanager
async def serving(app: App) -> AsyncIterator[tuple[uvicorn.Server, Callable[[], Awaitable[Streams]]]]:
    config = uvicorn.Config(app, http=PatientProtocol, port=0, log_level="warning", lifespan="off")
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    running = asyncio.create_task(server._serve())
    await until(lambda: server.started)
    opened: list[asyncio.StreamWriter] = []

    async def connect() -> Streams:
        port = server.servers[0].sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        opened.append(writer)
        return reader, writer

    try:
        yield server, connect
    finally:
        for writer in opened:
            writer.close()
        server.should_exit = True
        await running


def attack(app: App, act: Callable[[uvicorn.Server, Callable[[], Awaitable[Streams]]], Awaitable[None]]) -> None:
    async def run() -> None:
        async with asyncio.timeout(PATIENCE), serving(app) as (server, connect):
            await act(server, connect)

    asyncio.run(run())


async def trickle(writer: asyncio.StreamWriter, piece: bytes) -> None:
    """Send on and on, until the other side has had enough."""
    try:
        while True:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.01)
    except ConnectionError:
        pass


async def rest(reader: asyncio.StreamReader) -> bytes:
    """Read until the other side closes."""
    found = b""
    try:
        while piece := await reader.read(2**16):
            found += piece
    except ConnectionResetError:
        pass
    return found


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.2)
    monkeypatch.setattr(connections, "READ_SECONDS", 0.2)


@pytest.mark.parametrize("before", [0, 1])
def test_a_head_that_never_ends_is_given_up(before: int) -> None:
    async def act(_server: uvicorn.Server, connect: Callable[[], Awaitable[Streams]]) -> None:
        reader, writer = await connect()
        for _ in range(before):  # on a connection that is in use, too
            writer.write(REQUEST)
            assert (await reader.readuntil(b"hi")).startswith(b"HTTP/1.1 200")
        writer.write(b"GET / HTTP/1.1\r\n")
        sending = asyncio.create_task(trickle(writer, b"x: y\r\n"))
        assert (await rest(reader)).startswith(b"HTTP/1.1 408")
        await sending

    attack(greets, act)


def test_a_connection_that_says_nothing_is_closed() -> None:
    async def act(_server: uvicorn.Server, connect: Callable[[], Awaitable[Streams]]) -> None:
        reader, _ = await connect()
        assert await rest(reader) == b""

    attack(greets, act)


def test_a_body_that_nobody_wants_is_not_awaited_for_ever() -> None:
    async def act(_server: uvicorn.Server, connect: Callable[[], Awaitable[Streams]]) -> None:
        reader, writer = await connect()
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
        sending = asyncio.create_task(trickle(writer, b"y"))
        assert (await rest(reader)).endswith(b"hi")
        await sending

    attack(greets, act)


def test_an_answer_may_take_longer_than_a_head() -> None:
    waiting: list[bool] = []

    async def act(server: uvicorn.Server, connect: Callable[[], Awaitable[Streams]]) -> None:
        async def thinks(scope: Scope, receive: Receive, send: Send) -> None:
            (connection,) = server.server_state.connections
            waiting.append(connection._head.cancelled())  # type: ignore[union-attr]
            await greets(scope, receive, send)

        inner.append(thinks)
        reader, writer = await connect()
        for _ in range(2):
            writer.write(REQUEST)
            await reader.readuntil(b"hi")
        writer.write(REQUEST * 3)  # sent ahead
        for _ in range(3):
            await reader.readuntil(b"hi")

    inner: list[App] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await inner[0](scope, receive, send)

    attack(app, act)
    assert waiting == [True] * 5


def test_who_does_not_read_an_answer_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    size = 64 * 2**20

    async def large(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({**OK, "headers": [(b"content-length", str(size).encode())]})
        await send({"type": "http.response.body", "body": bytes(size)})

    async def act(server: uvicorn.Server, connect: Callable[[], Awaitable[Streams]]) -> None:
        reader, writer = await connect()
        writer.write(REQUEST)
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"200" in head
        await until(lambda: not server.server_state.connections)  # closed, though nobody has read on
        monkeypatch.setattr(connections, "READ_SECONDS", PATIENCE)
        reader, writer = await connect()  # and who reads gets all of it
        writer.write(REQUEST)
        await reader.readuntil(b"\r\n\r\n")
        assert len(await reader.readexactly(size)) == size

    attack(large, act)


def test_connections_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MOST_CONNECTIONS", 2)
    monkeypatch.setattr(connections, "HEAD_SECONDS", PATIENCE)

    async def act(server: uvicorn.Server, connect: Callable[[], Awaitable[Streams]]) -> None:
        first, second = await connect(), await connect()
        await until(lambda: len(server.server_state.connections) == 2)
        reader, _ = await connect()
        told = await rest(reader)
        assert told.startswith(b"HTTP/1.1 503")
        assert b"Retry-After" in told
        first[1].close()
        await until(lambda: len(server.server_state.connections) == 1)
        reader, writer = await connect()
        for stream in ((reader, writer), second):
            stream[1].write(REQUEST)
            await stream[0].readuntil(b"hi")

    attack(greets, act)


@pytest.fixture
def client(tmp_path: Path) -> Any:
    settings = LocalSettings(_env_file=None, data=tmp_path, api_keys=SecretStr("k=read+write+admin"))
    with asking(make_app(settings)) as client:
        yield client


@pytest.mark.parametrize("path", ["/v1/reconcile", "/v1/dead-letters/replay"])
def test_a_document_is_bounded_before_its_key_is_checked(client: TestClient, path: str) -> None:
    large = json.dumps({"ids": ["x" * DOCUMENT_LIMIT]}).encode()
    answer = client.post(path, content=large, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()) == (413, {"detail": f"a document has at most {DOCUMENT_LIMIT} bytes"})
    assert client.post(path, json={"ids": ["x"]}).status_code == 401


def app_of(client: TestClient) -> FastAPI:
    return client.app  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/reconcile"),
        ("POST", "/v1/dead-letters/replay"),
        ("POST", "/v1/datasets/d/annotations"),
        ("PUT", "/v1/datasets/d/ontology"),
    ],
)
def test_a_body_that_falls_silent_is_given_up(
    client: TestClient, method: str, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "SILENCE_SECONDS", 0.05)
    sent: list[Any] = []

    async def ask() -> None:
        pieces = [{"type": "http.request", "body": b'{"ids":', "more_body": True}]

        async def receive() -> Any:
            if pieces:
                return pieces.pop()
            return await asyncio.Event().wait()

        async def send(message: Any) -> None:
            sent.append(message)

        headers = [(b"host", b"127.0.0.1"), (b"authorization", b"Bearer k"), (b"content-type", b"application/json")]
        scope = {
            "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b"",
            "headers": headers, "http_version": "1.1", "scheme": "http", "server": ("127.0.0.1", 80),
            "client": ("127.0.0.1", 1), "root_path": "", "state": {},
        }  # fmt: skip
        async with asyncio.timeout(PATIENCE):
            await app_of(client)(scope, receive, send)

    asyncio.run(ask())
    assert sent[0]["status"] == 408
    assert b"nothing came for 0.05 s" in sent[1]["body"]
