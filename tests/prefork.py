"""Processes of ``evalstream`` for tests, and of the stand-in for ClickHouse, forked from one that has imported all.

To import it takes a service 1 s of CPU, three quarters of its start, and tests start more than a hundred. What happens
after that is the same code in a process of its own, which may be killed; and it is this process's child, by whom the
system has it waited for.
"""

from __future__ import annotations

import atexit
import ctypes
import functools
import gc
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

COMMAND: Final = Path(sys.executable).with_name("evalstream")
#: What modules read when they are imported: who says other things by these starts from the beginning.
READ_ON_IMPORT: Final = ("EVALSTREAM_PAGE", "EVALSTREAM_SECRETS_DIR")
#: What the commands import when they are given.
_MODULES: Final = (
    "evalstream_cli.service",
    "evalstream_cli.up",
    *(f"evalstream_cluster.{name}" for name in ("ingest", "matcher", "query")),
    "evalstream_devcluster.clickhouse",  # its engine does not bear to be forked once it is imported
)
_SUBREAPER: Final = 36  # PR_SET_CHILD_SUBREAPER: children of a process that has ended become this process's
_asking = threading.Lock()


def can_fork(command: Sequence[str | Path], environment: Mapping[str, str]) -> bool:
    """Say whether a fork does the same as a start from the beginning, and can be waited for on this system."""
    told = any(name in environment for name in READ_ON_IMPORT)
    return sys.platform == "linux" and Path(command[0]) == COMMAND and not told


def fork(
    command: Sequence[str | Path],
    environment: Mapping[str, str],
    log: Path,
    folder: Path | None = None,
    first: str = "",
) -> int:
    """Start a command of ``evalstream`` in a session of its own; give its number.

    Parameters
    ----------
    log : Path
        Receives, at its end, standard output and standard error.
    folder : Path, optional
        The process's working directory; this one's if None.
    first : str, optional
        Python that it runs before the command.
    """
    asked = {
        "command": [str(word) for word in command],
        "environment": dict(environment),
        "log": str(log.absolute()),
        "folder": str((folder or Path()).absolute()),
        "first": first,
    }
    with _asking:
        channel = _imported()
        channel.sendall(json.dumps(asked).encode() + b"\n")
        return int(channel.recv(20))


@functools.cache
def _imported() -> socket.socket:
    """Start the process that imports; give what to ask it by. It ends with this one."""
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    own, others = socket.socketpair()
    # Not in this file's folder, nor in that of whoever runs the tests: as the command does.
    given = {name: value for name, value in os.environ.items() if name not in READ_ON_IMPORT}
    process = subprocess.Popen([sys.executable, "-P", __file__], stdin=others, env=given, start_new_session=True)
    others.close()

    def end() -> None:
        own.close()
        process.wait()

    atexit.register(end)
    return own


class Forked:
    """What :class:`subprocess.Popen` says and does of its process, of one that was forked."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._status: int | None = None

    def poll(self) -> int | None:
        """Give its status, None while it runs."""
        if self._status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self._status = os.waitstatus_to_exitcode(status) if pid else None
        return self._status

    def send_signal(self, by: signal.Signals) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, by)

    def terminate(self) -> None:
        """Tell it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it by force."""
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended; give its status."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while (status := self.poll()) is None:
            if deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("evalstream", timeout or 0)
            time.sleep(0.02)
        return status


@contextmanager
def services_forked(*from_the_beginning: str) -> Iterator[None]:
    """Have :mod:`evalstream_devcluster` fork what it starts, too: services, and stand-ins for ClickHouse.

    Parameters
    ----------
    from_the_beginning
        Services of which the first is started as its command is, so that it is tested that it imports what it needs.
    """
    import pytest
    from evalstream_devcluster import clickhouse_process, kafka_process

    spawn = kafka_process.spawn
    as_commands = set(from_the_beginning)

    def forked(
        command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
    ) -> kafka_process.Process:
        if environment is None or not can_fork(command, environment) or command[-1] in as_commands:
            as_commands.discard(command[-1])
            return spawn(command, log, environment)
        if log.exists():
            log.replace(log.with_suffix(".previous.log"))
        pid = fork(command, environment, log)
        return kafka_process.Process(pid, kafka_process._birth_and_end(pid)[0])

    def forked_stand_in(command: list[str], environment: Mapping[str, str], log: Path) -> Forked:
        return Forked(fork(command, environment, log))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kafka_process, "spawn", forked)
        if sys.platform == "linux":
            patch.setattr(clickhouse_process, "_spawn", forked_stand_in)
        yield


def _serve() -> bool:
    """Fork whenever told to: True in the new process; False when nobody can tell any more."""
    channel = socket.socket(fileno=0)
    for line in channel.makefile("rb"):
        asked = json.loads(line)
        read, write = os.pipe()
        with warnings.catch_warnings():
            # Of the memory allocator's thread, which the allocator starts anew in the child.
            warnings.simplefilter("ignore", DeprecationWarning)
            between = os.fork()
            if not between and not (number := os.fork()):
                os.close(read)
                os.close(write)
                channel.detach()  # its number is that of the new process's standard input
                _become(asked)
                return True
        if not between:
            os.write(write, str(number).encode())
            os._exit(0)
        os.close(write)
        os.waitpid(between, 0)  # from now on it is the child of whoever has asked
        channel.sendall(os.read(read, 20))
        os.close(read)
    return False


def _become(asked: Mapping[str, Any]) -> None:
    """Make of this process one that was started by the command."""
    os.setsid()
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    sys.argv = asked["command"]
    nothing = os.open(os.devnull, os.O_RDONLY)
    log = os.open(asked["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for source, place in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, place)
    os.close(nothing)
    os.close(log)
    exec(asked["first"], {})


if __name__ == "__main__":
    gc.disable()  # as the command does while it imports
    for name in _MODULES:
        importlib.import_module(name)
    import typer
    from evalstream_cli.main import app
    from evalstream_devcluster import clickhouse

    # What was imported is no garbage. To look at it all makes each process a copy of its own, at 0.4 s of CPU for one
    # that ends in good order.
    gc.freeze()
    gc.enable()
    if _serve():
        if sys.argv[0] == str(COMMAND):
            sys.exit(app())
        del sys.argv[:2]  # the interpreter, and that a module is to be run
        typer.run(clickhouse.main)
