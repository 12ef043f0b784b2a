"""The service ends when it is told to, whatever clients do; and a client that leaves is no event for its log."""

from __future__ import annotations

import asyncio
import signal
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from evalstream_ingest import gateway
from fastapi import HTTPException, Request

from tests.faults.service import Service, running

HALF = (
    b"POST /v1/datasets/d/runs/m/predictions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n"
    b'{"data_row":"r","operation":"replace",'
)


def connection(service: Service, sent: bytes) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", service.port), timeout=30)
    client.sendall(sent)
    return client


def test_clients_do_not_hold_up_the_end(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        held = [
            connection(service, b""),
            connection(service, b"GET /health HTTP/1.1\r\nHost: "),
            connection(service, b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"),
            connection(service, HALF),
        ]
        assert held[2].recv(100).startswith(b"HTTP/1.1 200")
        assert service.end(signal.SIGTERM) == 0  # which gives it a minute
        for client in held:
            client.close()
        assert "Traceback" not in service.log


def test_a_client_that_leaves_is_no_error(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        connection(service, HALF).close()
        connection(service, b"GET /v1/datasets HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").close()
        with connection(service, b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n") as client:
            assert client.recv(100).startswith(b"HTTP/1.1 200")
        assert service.end(signal.SIGTERM) == 0
        assert "Traceback" not in service.log


async def silent(receive: asyncio.Event) -> dict[str, Any]:
    """What a server gives of a request whose body does not come."""
    await receive.wait()
    raise AssertionError("nobody sets it")


def test_an_upload_that_falls_silent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway, "SILENCE_SECONDS", 0.05)

    async def read() -> None:
        waiting = asyncio.Event()
        app = SimpleNamespace(state=SimpleNamespace(max_upload_bytes=100))
        request = Request({"type": "http", "app": app, "method": "POST", "headers": []}, lambda: silent(waiting))
        async for _ in gateway._bounded(request):
            raise AssertionError("there is nothing to read")

    with pytest.raises(HTTPException, match="408: nothing came"):
        asyncio.run(read())
