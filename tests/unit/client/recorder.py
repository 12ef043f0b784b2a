"""A service that keeps what it is sent, without an engine."""

from __future__ import annotations

import json
from typing import Any

import httpx
from evalstream.client import Client

FIGURES = {"ap": 0.5, "f1": 0.75}


class Recorder:
    """A service, while it is up; it rejects what is said of the image `wrong`."""

    def __init__(self, *, up: bool = True) -> None:
        self.up = up
        self.by_run: dict[str, list[dict[str, Any]]] = {}
        self.steps: dict[str, int] = {}
        self.posts = 0
        self.closed: list[str] = []
        self.client = Client("http://service", transport=httpx.MockTransport(self._handle))
        self.client.figures = lambda _dataset, _run, prefix="", **_: self.figures(prefix)  # type: ignore[method-assign]

    @property
    def events(self) -> list[dict[str, Any]]:
        return [event for events in self.by_run.values() for event in events]

    def figures(self, prefix: str = "") -> dict[str, float]:
        return {f"{prefix}/{name}" if prefix else name: value for name, value in FIGURES.items()}

    def _handle(self, request: httpx.Request) -> httpx.Response:
        if not self.up:
            raise httpx.ConnectError("refused")
        run = request.url.path.split("/")[5]
        if request.method == "PUT" and request.url.path.endswith("/complete"):
            self.closed.append(run)
            return httpx.Response(
                200, json={"dataset": "d", "run": run, "annotated": 3, "closed": 2, "position": "a.1"}
            )
        if request.method == "PUT":
            self.steps[run] = json.loads(request.content)["step"]
            return httpx.Response(200, json={})
        if request.method == "GET":
            found = {"rows": 1, "done": 1, "pending": 0, "failed": 0, "without_predictions": 0, "state": "complete"}
            return httpx.Response(200, json=found)
        self.posts += 1
        events = [json.loads(line) for line in request.content.split(b"\n")]
        wrong = [i for i, event in enumerate(events, 1) if event["data_row"] == "wrong"]
        self.by_run.setdefault(run, []).extend(event for event in events if event["data_row"] != "wrong")
        errors = [{"line": i, "data_row": "wrong", "reason": "it is wrong"} for i in wrong]
        accepted = len(events) - len(wrong)
        return httpx.Response(200, json={"accepted": accepted, "rejected": len(wrong), "errors": errors})
