"""Start, find and stop the process of the development stand-in for ClickHouse."""

from __future__ import annotations

import fcntl
import functools
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import httpx
from evalstream_devcluster.kafka_process import dev_home

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MODULE = "evalstream_devcluster.clickhouse"
USERS_VARIABLE = "EVALSTREAM_CLICKHOUSE_USERS"
URL_VARIABLE = "CLICKHOUSE_URL"
DEFAULT_PORT = 8123
LOG_TAIL_LINES = 30

# The processes this one has started, so that it can collect them when they end.
_children: dict[int, subprocess.Popen[bytes]] = {}


class Endpoint(NamedTuple):
    """A running stand-in."""

    path: Path
    pid: int
    host: str
    port: int

    @property
    def url(self) -> str:
        """The address, without credentials."""
        return f"http://{self.host}:{self.port}"

    @property
    def log(self) -> Path:
        """The file with everything the process has said."""
        return log_file(self.path)


def default_path() -> Path:
    """The folder of the stand-in of this user's development, `clickhouse` in $EVALSTREAM_DEV_HOME or `.evalstream`."""
    return dev_home() / "clickhouse"


def url_from_environment() -> str | None:
    """The server a user wants instead of the stand-in, if there is one."""
    return os.environ.get(URL_VARIABLE) or None


def without_password(url: str) -> str:
    """The address, fit to be shown."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def pid_file(path: Path) -> Path:
    """The file that the running process keeps locked and describes itself in."""
    return path / "endpoint.pid"


def log_file(path: Path) -> Path:
    """The log of the process that serves `path`."""
    return path / "endpoint.log"


@contextmanager
def claim(path: Path, host: str, port: int) -> Iterator[None]:
    """Own `path` for the life of this process: only a live process can hold the lock on the pid file.

    Raises
    ------
    RuntimeError
        When another process serves `path`.
    """
    with pid_file(path).open("a+") as file:
        if not _lock(file):
            raise RuntimeError(f"another process already serves {path}")
        file.truncate(0)
        json.dump({"pid": os.getpid(), "host": host, "port": port}, file)
        file.flush()
        yield


def _lock(file: IO[str]) -> bool:
    for _ in range(20):  # `running` holds the lock for a moment when nobody else does
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.05)
        else:
            return True
    return False


def running(path: Path) -> Endpoint | None:
    """The live process that serves `path`: a stale pid file is never believed."""
    try:
        with pid_file(path).open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                known = json.load(file)
                return Endpoint(path, known["pid"], known["host"], known["port"])
    except (FileNotFoundError, json.JSONDecodeError):
        pass
    return None


def start(
    path: Path, *, port: int = DEFAULT_PORT, users: Mapping[str, str] | None = None, timeout: float = 30
) -> Endpoint:
    """Start a stand-in on `path` and wait until it answers. Port 0 takes a free one.

    Raises
    ------
    RuntimeError
        With the end of its log, when it does not come up.
    """
    if running(path):
        raise RuntimeError(f"another process already serves {path}")
    path.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", MODULE, "--path", str(path), "--port", str(port)]
    process = _spawn(command, _environment(users), log_file(path))
    _children[process.pid] = process
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline and process.poll() is None:
        endpoint = running(path)
        if endpoint and endpoint.pid == process.pid and _answers(endpoint):
            return endpoint
        time.sleep(0.05)
    process.kill()
    _children.pop(process.pid).wait()
    raise RuntimeError(f"the ClickHouse stand-in did not start; the end of its log:\n{_tail(log_file(path))}")


def _spawn(command: list[str], environment: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as file:
        return subprocess.Popen(  # noqa: S603 - this interpreter and a module of this package
            command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True, env=environment
        )


def stop(endpoint: Endpoint, timeout: float = 20) -> None:
    """End the process in good order, or by force when it takes longer than `timeout`."""
    if not _signal(endpoint, signal.SIGTERM, timeout):
        kill(endpoint)


def kill(endpoint: Endpoint) -> None:
    """End the process at once, as a crash would."""
    if not _signal(endpoint, signal.SIGKILL, timeout=10):
        raise RuntimeError(f"process {endpoint.pid} does not end")


def _signal(endpoint: Endpoint, number: signal.Signals, timeout: float) -> bool:
    """Signal the process if it is still the one that serves, and say whether it ended in time."""
    if running(endpoint.path) == endpoint:
        os.kill(endpoint.pid, number)
    deadline = time.monotonic() + timeout
    while running(endpoint.path) == endpoint:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    if child := _children.pop(endpoint.pid, None):
        child.wait()
    return True


def _environment(users: Mapping[str, str] | None) -> dict[str, str]:
    # Passwords travel in the environment: the command line is visible to every user of the machine.
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    if users is not None:
        environment[USERS_VARIABLE] = json.dumps(dict(users))
    packages = str(Path(__file__).resolve().parents[1])
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [packages, os.environ.get("PYTHONPATH")]))
    return environment


@functools.cache
def _http() -> httpx.Client:
    """Give one client for all attempts: to make one takes 20 ms of CPU."""
    return httpx.Client(trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))


def _answers(endpoint: Endpoint) -> bool:
    try:
        return _http().get(f"{endpoint.url}/ping", timeout=2).text == "Ok.\n"
    except httpx.HTTPError:
        return False


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:])
