"""One service as a process on loopback: start it, wait until it is ready, stop it, kill it.

>>> ingest = start_service("ingest", folder, {"EVALSTREAM_KAFKA_BOOTSTRAP": broker.bootstrap})    # doctest: +SKIP
>>> wait_ready(ingest)                                                                            # doctest: +SKIP
>>> kill(ingest)                                                                                  # doctest: +SKIP

A process is known by its folder, which holds its log and, in `service.json`, which process it is.
"""

from __future__ import annotations

import functools
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, NamedTuple

import httpx
from evalstream.errors import EvalstreamError
from evalstream_devcluster import kafka_process
from evalstream_devcluster.kafka_process import HOST, Process, free_ports

ServiceName = Literal["ingest", "matcher", "query"]

#: A service waits for the batch in hand (60 s) and for open answers (70 s) before it goes.
STOP_SECONDS: Final = 90.0
READY_SECONDS: Final = 60.0
#: How much of the log an error message shows.
LOG_LINES: Final = 20


class ServiceError(EvalstreamError, RuntimeError):
    """A service does not do what it should; the message says what to do next."""


class ServiceProcess(NamedTuple):
    """A service that was started; `alive` tells whether it still runs."""

    name: ServiceName
    folder: Path
    port: int
    process: Process

    @property
    def pid(self) -> int:
        """The process's number."""
        return self.process.pid

    @property
    def url(self) -> str:
        """Return the URL of its HTTP routes."""
        return f"http://{HOST}:{self.port}"

    @property
    def log(self) -> Path:
        """Return its log since it was started; that of the start before is `service.previous.log` beside it."""
        return log_file(self.folder)


def start_service(
    name: ServiceName, folder: Path, settings: Mapping[str, str], *, port: int | None = None
) -> ServiceProcess:
    """Start a service and return at once; see `wait_ready`.

    Parameters
    ----------
    name
        Which one.
    folder
        The process's own; made if missing. Started again on the same folder, it is the same service's next life.
    settings
        `EVALSTREAM_…` variables. It gets no others: those in this process's environment are not handed on.
    port
        Where its HTTP routes are to be; any free one if None.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if port is None:
        port = free_ports(1)[0]
    else:
        kafka_process.require_free(port)
    others = {key: value for key, value in os.environ.items() if not key.startswith("EVALSTREAM_")}
    environment = {**others, **settings, "EVALSTREAM_HOST": HOST, "EVALSTREAM_PORT": str(port)}
    command = [str(Path(sys.executable).with_name("evalstream")), "service", name]
    process = kafka_process.spawn(command, log_file(folder), environment)
    kafka_process.remember(_record(folder), process, name=name, port=port)
    return ServiceProcess(name, folder, port, process)


def running(folder: Path) -> ServiceProcess | None:
    """Return the service of a folder as it runs now, None if it does not run."""
    known = kafka_process.recall(_record(folder))
    if known is None:
        return None
    process, facts = known
    return ServiceProcess(facts["name"], folder, facts["port"], process)


def alive(service: ServiceProcess) -> bool:
    """Tell whether this very process still runs."""
    return kafka_process.alive(service.process)


@functools.cache
def _http() -> httpx.Client:
    """Give one client for all attempts: to make one takes 20 ms of CPU."""
    return httpx.Client(trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))


def ready(service: ServiceProcess) -> bool:
    """Tell whether it takes work: it has partitions, and nothing is stuck."""
    try:
        return _http().get(f"{service.url}/ready", timeout=5).is_success
    except httpx.HTTPError:
        return False


def wait_ready(service: ServiceProcess, timeout: float = READY_SECONDS) -> None:
    """Wait until it takes work.

    Raises
    ------
    ServiceError
        With the end of its log, if it ends or is not ready in time.
    """
    deadline = time.monotonic() + timeout
    while not ready(service):
        if not alive(service):
            raise ServiceError(f"{service.name} ended while it started. From {service.log}:\n{_tail(service.log)}")
        if time.monotonic() > deadline:
            raise ServiceError(
                f"{service.name} is not ready after {timeout:.0f} s. From {service.log}:\n{_tail(service.log)}"
            )
        time.sleep(0.05)


def wait_ended(service: ServiceProcess, timeout: float = READY_SECONDS) -> int:
    """Wait until a service that this process started ends by itself; return its exit status.

    Raises
    ------
    ServiceError
        If it does not end in time.
    """
    deadline = time.monotonic() + timeout
    while True:
        pid, status = os.waitpid(service.pid, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            raise ServiceError(f"{service.name} has not ended after {timeout:.0f} s; see {service.log}")
        time.sleep(0.05)


def stop(service: ServiceProcess, patience: float = STOP_SECONDS) -> None:
    """Stop it in good order, by force after `patience` seconds; nothing happens if it does not run any more."""
    kafka_process.end(service.process, patience=patience)
    _record(service.folder).unlink(missing_ok=True)


def kill(service: ServiceProcess) -> None:
    """End it with SIGKILL, as a crash would; nothing happens if it does not run any more."""
    kafka_process.end(service.process, patience=0)


def crashed(folder: Path) -> bool:
    """Tell whether the service of a folder has ended without having been stopped."""
    return _record(folder).exists() and running(folder) is None


def log_file(folder: Path) -> Path:
    """Return where the service of a folder logs."""
    return folder / "service.log"


def _record(folder: Path) -> Path:
    return folder / "service.json"


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:])
