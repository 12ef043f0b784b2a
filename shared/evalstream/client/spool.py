"""Files between a training loop and the service: written before anything is sent, deleted when all of it is there.

A file holds what one run has logged, a line of JSON an image, below a line that says whose it is. Its writer holds a
lock on it for as long as it lives; a file without a lock was left by a process that ended before all was sent. Each
line has its version, so that what had arrived already changes nothing when the file is sent again, whole.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final, NamedTuple

import orjson
from pydantic import BaseModel, ValidationError

#: Where files are, unless said otherwise: beside the data of `evalstream up`.
DEFAULT_FOLDER: Final = Path(".evalstream/spool")
_SUFFIX: Final = ".ndjson"


class Header(BaseModel):
    """Whose events a file holds, and which service they are for."""

    url: str
    dataset: str
    run: str
    step: int | None = None


class Spool:
    """A file that is being written, and read by who sends it.

    Parameters
    ----------
    folder : Path
        Made where there is none.
    header : Header
        Whose events they are.
    """

    def __init__(self, folder: Path, header: Header) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"{time.time_ns()}-{os.getpid()}{_SUFFIX}"
        # Seen by nobody else, for images may have telling names.
        descriptor = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        # Without a buffer: what was written survives this process, whatever ends it.
        self._file: IO[bytes] = os.fdopen(descriptor, "w+b", buffering=0)
        self.size = 0
        self.append(orjson.dumps(header.model_dump()))
        self.begin = self.size

    def append(self, line: bytes) -> None:
        """Add a line; once this returns, it is in the file.

        Raises
        ------
        OSError
            If it cannot be written, on a full disk for instance; then nothing of it is.
        """
        whole = line + b"\n"
        try:
            written = self._file.write(whole)
            if written != len(whole):
                raise OSError(f"only {written} of {len(whole)} bytes could be written")
        except OSError:
            self._file.truncate(self.size)
            self._file.seek(self.size)
            raise
        self.size += len(whole)

    def close(self, *, keep: bool) -> None:
        """End writing, and give up the lock; ``keep`` leaves the file to who sends it later."""
        if not keep:
            self.path.unlink(missing_ok=True)
        self._file.close()


def lines(path: Path, begin: int, end: int) -> Iterator[bytes]:
    """Read the whole lines between two places of a file."""
    with path.open("rb") as file:
        file.seek(begin)
        while begin < end:
            line = file.readline()
            if not line.endswith(b"\n"):  # its writer was killed within a line, which nobody was told is written
                return
            begin += len(line)
            yield line[:-1]


class Leftover(NamedTuple):
    """A file that its writer left."""

    path: Path
    header: Header
    begin: int
    end: int


def leftovers(folder: Path) -> Iterator[Leftover]:
    """Give the files that nobody writes any more, the oldest first, each locked while it is dealt with."""
    for path in sorted(folder.glob(f"*{_SUFFIX}")):
        try:
            with path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                first = file.readline()
                if path.exists():  # not sent and deleted by another process in between
                    yield Leftover(path, Header.model_validate_json(first), len(first), path.stat().st_size)
        except (BlockingIOError, FileNotFoundError, ValidationError):
            continue
