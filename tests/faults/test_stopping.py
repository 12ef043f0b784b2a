"""The service ends when it is told to, whatever clients do; and a client that leaves is no event for its log."""

from __future__ import annotations

import signal
import socket
import time
from pathlib import Path

import httpx

from tests.faults.service import PATIENCE, Service, running

HALF = (
    b"POST /v1/datasets/d/runs/m/predictions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n"
    b'{"data_row":"r","operation":"replace",'
)


def connection(service: Service, sent: bytes) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", service.port), timeout=30)
    client.sendall(sent)
    return client


def test_a_client_that_leaves_is_no_error_and_none_holds_up_the_end(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        connection(service, HALF).close()
        connection(service, b"GET /v1/datasets HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").close()
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


#: `evalstream up` with a matcher that never comes back from a row.
STUCK = """
import threading
from evalstream_cli import up
from evalstream_embedded import matcher

up.STOP_SECONDS = 2

def rematch(*_):
    print("stuck", flush=True)
    threading.Event().wait()

matcher.rematch = rematch
"""


def test_a_stuck_matcher_does_not_hold_up_the_end(tmp_path: Path) -> None:
    with running(tmp_path, first=STUCK) as service:
        route = f"{service.url}/v1/datasets/d/runs/m/predictions"
        httpx.post(route, content=b'{"data_row": "r", "operation": "replace"}', timeout=PATIENCE).raise_for_status()
        deadline = time.monotonic() + PATIENCE
        while "stuck" not in service.log:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert service.end(signal.SIGTERM) == 0
        assert "stopped with work undone" in service.log
        assert "Traceback" not in service.log
    with running(tmp_path) as service:  # and the next start takes it up
        deadline = time.monotonic() + PATIENCE
        while httpx.get(f"{service.url}/v1/datasets/d/runs/m/progress", timeout=PATIENCE).json()["done"] != 1:
            assert time.monotonic() < deadline
            time.sleep(0.05)
