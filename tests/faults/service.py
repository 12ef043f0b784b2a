"""A real ``evalstream up``, in a process of its own that a test may kill."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.prefork import COMMAND, Forked, can_fork, fork

#: Whether commands are forked here at all; and how the command runs otherwise, after other Python.
FORKS = can_fork([COMMAND], {})
RUN = "from evalstream_cli.main import app; app()"

#: Seconds, for whatever must come sooner or later on however busy a machine.
PATIENCE = 240
#: Seconds in which a service must end that was told to.
ENDS_WITHIN = 60


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(**more: str) -> dict[str, str]:
    """This process's environment, without settings of evalstream's own that may happen to be in it."""
    return {name: value for name, value in os.environ.items() if not name.startswith("EVALSTREAM_")} | more


class Service:
    """``evalstream up`` on a folder and a port; may be started again after it ended.

    ``first`` is Python that its process runs before the command: what a test has to be otherwise.
    """

    def __init__(
        self, folder: Path, command: Sequence[str | Path] = (COMMAND,), first: str = "", **settings: str
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._command = [sys.executable, "-c", f"{first}\n{RUN}"] if first and not FORKS else command
        self._first = first
        self._settings = settings
        self._process: subprocess.Popen[bytes] | Forked | None = None

    @property
    def engine(self) -> Path:
        return self.folder / "data" / "engine"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")

    def start(self) -> None:
        command = [*self._command, "up", "--port", str(self.port), "--data", self.folder / "data"]
        variables, log = environment(**self._settings), self.folder / "log"
        if can_fork(command, variables):
            self._process = Forked(fork(command, variables, log, self.folder, self._first))
        else:
            with log.open("ab") as file:
                self._process = subprocess.Popen(command, cwd=self.folder, env=variables, stdout=file, stderr=file)
        deadline = time.monotonic() + PATIENCE
        with httpx.Client(base_url=self.url) as http:  # one for all attempts: to make it takes 20 ms of CPU
            while time.monotonic() < deadline:
                assert self._process.poll() is None, f"the service ended by itself:\n{self.log}"
                try:
                    http.get("/health").raise_for_status()
                except httpx.HTTPError:
                    time.sleep(0.05)
                else:
                    return
        raise AssertionError(f"the service does not answer:\n{self.log}")

    def end(self, by: signal.Signals) -> int:
        """End it by a signal; return its status."""
        assert self._process is not None
        self._process.send_signal(by)
        return self._process.wait(ENDS_WITHIN)

    def clean_up(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()


@contextmanager
def running(
    folder: Path, command: Sequence[str | Path] = (COMMAND,), first: str = "", **settings: str
) -> Iterator[Service]:
    service = Service(folder, command, first, **settings)
    try:
        service.start()
        yield service
    finally:
        service.clean_up()
