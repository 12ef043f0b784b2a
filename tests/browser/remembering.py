"""A service before the service, which answers a question that it has heard before without asking it again.

Most tests of the page open the same few views of data that never change. To compute their answers takes the service
half of all CPU seconds of those tests, and a page does not show whether its answers were computed just now.
"""

from __future__ import annotations

import socket
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit

import httpx

#: What is between two machines only, or is written anew.
_OWN: Final = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"}


class _Answer(NamedTuple):
    status: int
    headers: list[tuple[str, str]]
    body: bytes


@contextmanager
def remembering(url: str, datasets: Collection[str]) -> Iterator[str]:
    """Serve what a service serves, and give the address; of datasets that stay as they are, ask each question once.

    Parameters
    ----------
    url
        Where the service is.
    datasets
        Those that nobody writes to from the first question on.
    """
    known: dict[tuple[str, str | None], _Answer] = {}

    def stays(path: str) -> bool:
        parts = [unquote(part) for part in urlsplit(path).path.split("/")]
        return parts[1:3] == ["v1", "datasets"] and len(parts) > 3 and parts[3] in datasets

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1  # the head and the body in one packet

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            key = self.path, self.headers.get("Accept-Encoding")
            found = known.get(key) if self.command == "GET" else None
            if found is None:
                headers = [(name, value) for name, value in self.headers.items() if name.lower() not in _OWN]
                with upstream.stream(self.command, self.path, headers=headers, content=body) as response:
                    kept = [(name, value) for name, value in response.headers.multi_items() if name not in _OWN]
                    found = _Answer(response.status_code, kept, b"".join(response.iter_raw()))
                if self.command == "GET" and found.status == 200 and stays(self.path):
                    known[key] = found
            self.send_response(found.status)
            for name, value in found.headers:
                self.send_header(name, value)
            if found.status not in (204, 304):
                self.send_header("Content-Length", str(len(found.body)))
            self.end_headers()
            self.wfile.write(found.body)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Say nothing: the service has a log."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
            """Say nothing of a page that has left: it is gone with what it asked."""

    with (
        httpx.Client(base_url=url, timeout=120, limits=httpx.Limits(max_connections=None)) as upstream,
        Server(("127.0.0.1", 0), Handler) as server,
    ):
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
