"""Processes, ports and locks of this machine: what start and stop of the broker and of the services are made of."""

from __future__ import annotations

import fcntl
import json
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from evalstream.errors import EvalstreamError

HOST = "127.0.0.1"
#: Below the ports that systems give to outgoing connections. There, a client that keeps trying to reach a killed
#: broker may be given the broker's own port, connect to itself, and keep the broker from coming back.
FREE_PORTS = range(20_000, 32_000)


class KafkaDevError(EvalstreamError, RuntimeError):
    """The development broker cannot do what was asked; the message says what to do next."""


class Process(NamedTuple):
    """One process and no later one that was given the same number."""

    pid: int
    born: str


def run(
    command: Sequence[str], *, timeout: float = 60, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end and return what it said, whether or not it failed."""
    try:
        return subprocess.run(  # noqa: S603 - every command is put together in this package
            command, capture_output=True, text=True, timeout=timeout, check=False, env=environment
        )
    except subprocess.TimeoutExpired as error:
        raise KafkaDevError(f"{Path(command[0]).name} did not come to an end within {timeout:.0f} s.") from error


def dev_home() -> Path:
    """Return where development keeps everything: $EVALSTREAM_DEV_HOME, or else `.evalstream` here."""
    return Path(os.environ.get("EVALSTREAM_DEV_HOME") or ".evalstream").absolute()


def spawn(command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None) -> Process:
    """Start a process that outlives this one, in a session of its own so that Ctrl-C here does not reach it.

    Parameters
    ----------
    command
        The program's path and its arguments.
    log
        Receives standard output and standard error from its beginning. What was there before is kept beside it, as
        `….previous.log`: what a process said before it was killed is worth reading while the next one runs.
    environment
        Of the process; this one's if None.
    """
    if log.exists():
        log.replace(log.with_suffix(".previous.log"))
    pid = os.posix_spawn(
        command[0],
        list(command),
        os.environ if environment is None else dict(environment),
        setsid=True,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
    )
    # Our own child keeps its number until it is reaped, so there is something to read even if it died at once.
    return Process(pid, _birth_and_end(pid)[0])


def remember(path: Path, process: Process, **facts: str | int) -> None:
    """Write down which process it is, and what else must be known of it; see `recall`."""
    path.write_text(json.dumps({**facts, **process._asdict()}), encoding="utf-8")


def recall(path: Path) -> tuple[Process, dict[str, Any]] | None:
    """Read which process `remember` wrote down, with the facts; None unless this very process still runs."""
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    process = Process(facts.pop("pid"), facts.pop("born"))
    return (process, facts) if alive(process) else None


def alive(process: Process) -> bool:
    """Tell whether this very process still runs; reap it if it was our child and has ended."""
    born, ended = _birth_and_end(process.pid)
    if not born or born != process.born:
        return False
    if ended:
        with suppress(ChildProcessError):
            os.waitpid(process.pid, os.WNOHANG)
    return not ended


def end(process: Process, *, patience: float) -> None:
    """Ask a process to end and wait; end it by force when `patience` seconds were not enough (0: at once)."""
    for sign, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, 10.0)):
        if seconds <= 0 or not alive(process):
            continue
        with suppress(ProcessLookupError):
            os.kill(process.pid, sign)
        deadline = time.monotonic() + seconds
        while alive(process) and time.monotonic() < deadline:
            time.sleep(0.02)
    if alive(process):
        raise KafkaDevError(f"Process {process.pid} does not end, not even by SIGKILL.")


def _birth_and_end(pid: int) -> tuple[str, bool]:
    """Return when a process began, empty if there is none, and whether it only waits to be reaped."""
    if Path("/proc/self/stat").exists():
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return "", True
        # The name in parentheses before may itself hold spaces and parentheses.
        fields = stat.rpartition(")")[2].split()
        state, threads, born = fields[0], int(fields[17]), fields[19]
        # A killed JVM is a zombie at once, yet holds its ports until the last of its threads is gone.
        return born, state in "ZX" and threads <= 1
    state, _, born = run(["ps", "-o", "stat=,lstart=", "-p", str(pid)]).stdout.strip().partition(" ")
    return born.strip(), state.startswith("Z")


def free_ports(count: int) -> list[int]:
    """Return different loopback ports that nobody listens on."""
    free: list[int] = []
    for port in random.SystemRandom().sample(FREE_PORTS, len(FREE_PORTS)):
        if len(free) == count:
            return free
        with suppress(KafkaDevError):
            require_free(port)
            free.append(port)
    raise KafkaDevError(f"No {count} free ports between {FREE_PORTS.start} and {FREE_PORTS.stop}.")


def require_free(port: int) -> None:
    """Raise a `KafkaDevError` that names the port unless a server could listen on it."""
    with socket.socket() as probe:
        # As servers do: connections of a former server that linger in TIME_WAIT do not matter.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise KafkaDevError(
                f"Port {port} of {HOST} cannot be used ({os.strerror(error.errno or 0)}). "
                "Stop what listens there, or choose another port."
            ) from error


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file `path`, waiting for other processes that do; the system frees it when we die."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
