"""What stands before the service in these tests: what stays is asked once, and everything else each time."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import httpx
import pytest

from tests.browser.remembering import remembering


@pytest.fixture
def asked() -> Iterator[tuple[str, list[str]]]:
    """A service that answers with how often it was asked anything, and what it was asked."""
    heard: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            heard.append(f"{self.command} {self.path} {body.decode()}".strip())
            self.send_response(404 if "nowhere" in self.path else 200)
            self.end_headers()
            self.wfile.write(str(len(heard)).encode())

        do_GET = do_POST = answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", heard
        server.shutdown()


def test_what_stays_is_asked_once_and_all_else_each_time(asked: tuple[str, list[str]]) -> None:
    url, heard = asked
    with remembering(url, {"a b"}) as address, httpx.Client(base_url=address) as http:
        kept = "/v1/datasets/a%20b/runs/one/rows?limit=5"
        assert [http.get(kept).text for _ in range(3)] == ["1"] * 3
        assert http.get(kept.replace("5", "6")).text == "2"  # another question
        for path in ("/v1/datasets/other/runs/one/rows", "/v1/datasets", "/media/a%20b", "/v1/datasets/a%20b/nowhere"):
            before = len(heard)
            assert [http.get(path).text for _ in range(2)] == [str(before + 1), str(before + 2)]
        assert http.get("/v1/datasets/a%20b/nowhere").status_code == 404
        for text in ("x", "y"):
            http.post(kept, content=text)
        assert heard[-2:] == [f"POST {kept} x", f"POST {kept} y"]
