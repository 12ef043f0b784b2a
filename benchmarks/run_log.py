"""Measure the cost of ``run.log`` to a training loop: CPU of the process with the log and without it, in turns.

The loop multiplies matrices for about as long as a small model takes for an image, and has 100 boxes to log each time.
The service is another process that reads what it is sent and accepts it. The CPU time of the loop's thread within
``log`` and that of the thread that sends, each of its own clock, are together the most that the loop can be slowed down
by: what the latter computes might have gone on beside it. The difference between the loop with the log and without it
is shown, too; on a busy machine it says little.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import evalstream
import numpy as np
import orjson
from evalstream.client.runs import Run
from evalstream.scenes import Float
from numpy.typing import NDArray

CLASSES = [f"class {i}" for i in range(80)]


class Cost(NamedTuple):
    """Seconds of CPU an image: of the loop alone, with the log, of the loop's thread within ``log``, of the sender."""

    bare: float
    logged: float
    within: float
    sending: float
    accepted: int

    def __str__(self) -> str:
        more, both = self.logged / self.bare - 1, self.within + self.sending
        return (
            f"the loop alone {self.bare * 1e3:.2f} ms of CPU an image; with the log {self.logged * 1e3:.2f} ms"
            f" ({more:+.1%}); within log() {self.within * 1e6:.0f} µs, sending {self.sending * 1e6:.0f} µs,"
            f" together {both / self.bare:.1%}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--per-image", type=int, default=100)
    parser.add_argument("--milliseconds", type=float, default=28, help="of the loop's own work an image")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    print(measure(given.images, given.per_image, given.milliseconds, given.rounds))


def measure(images: int, per_image: int, milliseconds: float, rounds: int) -> Cost:
    """Run the loop with and without the log, in turns; of each the round with the least CPU counts."""
    rng = np.random.default_rng(0)
    corner = rng.uniform(0, 500, (images, per_image, 2))
    found = [
        {
            "boxes": np.hstack([corner[i], corner[i] + rng.uniform(5, 100, (per_image, 2))]),
            "labels": rng.integers(0, len(CLASSES), per_image),
            "scores": rng.uniform(0, 1, per_image),
        }
        for i in range(images)
    ]
    matrix = rng.uniform(size=(256, 256))
    work = _repetitions(matrix, milliseconds / 1e3)
    bare, logged, within, sending = [], [], [], []
    with accepting() as (url, accepted), tempfile.TemporaryDirectory() as folder, evalstream.connect(url) as client:
        for round_ in range(rounds):
            bare.append(_cpu(lambda: _loop(matrix, work, images)))
            run = Timed(client, "bench", f"run-{round_}", classes=CLASSES, folder=Path(folder), wait=False)
            logged.append(_cpu(lambda: _logged(run, found, matrix, work)))  # noqa: B023 -- at once
            within.append(run.within)
            sending.append(run.sending)
        count = accepted()
    return Cost(min(bare) / images, min(logged) / images, min(within) / images, min(sending) / images, count)


class Timed(Run):
    """A run that knows the CPU seconds of its threads."""

    within = 0.0
    sending = 0.0

    def log(self, *args: Any, **kwargs: Any) -> None:
        """Log, and add up how long it took."""
        begun = time.thread_time()
        super().log(*args, **kwargs)
        self.within += time.thread_time() - begun

    def _work(self) -> None:
        super()._work()
        self.sending = time.thread_time()


def _loop(matrix: Float, work: int, images: int) -> None:
    for _ in range(images * work):
        matrix @ matrix


def _logged(run: Run, found: list[dict[str, NDArray[Any]]], matrix: Float, work: int) -> None:
    with run:
        for image, own in enumerate(found):
            _loop(matrix, work, 1)
            run.log(image, own)


def _repetitions(matrix: Float, seconds: float) -> int:
    once = min(_cpu(lambda: _loop(matrix, 1, 1)) for _ in range(20))
    return max(1, round(seconds / once))


def _cpu(work: Callable[[], None]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


@contextmanager
def accepting() -> Iterator[tuple[str, Callable[[], int]]]:
    """Run a service that accepts everything, in a process of its own; give its URL, and how many events it has had."""
    context = get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_accept, args=(there,), daemon=True)
    process.start()
    try:

        def accepted() -> int:
            here.send(None)
            return int(here.recv())

        yield f"http://127.0.0.1:{here.recv()}", accepted
    finally:
        process.terminate()
        process.join()


def _accept(parent: Connection) -> None:
    count = 0

    class Service(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            nonlocal count
            events = self.rfile.read(int(self.headers["Content-Length"])).count(b"\n") + 1
            count += events
            content = orjson.dumps({"accepted": events, "rejected": 0, "errors": []})
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Service) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        parent.send(server.server_port)
        while True:
            parent.recv()
            parent.send(count)


if __name__ == "__main__":
    main()
