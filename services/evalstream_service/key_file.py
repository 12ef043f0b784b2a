"""The file of API keys: JSON that holds only hashes, replaced as a whole, and read again whenever it has changed."""

from __future__ import annotations

import fcntl
import os
import stat
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, Self

from evalstream.errors import EvalstreamError
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from evalstream_service.keys import ApiKey

#: Tells one state of the file from another; None where there is no file.
State = tuple[int, int, int] | None


class KeyFileError(EvalstreamError, ValueError):
    """The file cannot be used; the message says why, and repeats nothing that is in it."""


class _Content(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    version: Literal[1] = 1
    keys: list[ApiKey] = Field(default=[])

    @model_validator(mode="after")
    def _tell_apart(self) -> Self:
        for field in ("name", "sha256"):
            value, count = (Counter(getattr(key, field) for key in self.keys).most_common(1) or [("", 0)])[0]
            if count > 1:
                raise ValueError(f"{count} keys have the {field} {value!r}")
        return self


def state_of(path: Path) -> State:
    """Look at the file without reading it."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    # ctime, for a change of mode counts too.
    return status.st_ctime_ns, status.st_size, status.st_ino


def read_keys(path: Path) -> Sequence[ApiKey]:
    """Read the keys; none where there is no file yet.

    Raises
    ------
    KeyFileError
        If the file cannot be read, or if users other than its owner may write to it.
    """
    try:
        with path.open("rb") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o022:
                raise KeyFileError(f"{path}: others than its owner may write to it; run `chmod 600 {path}`")
            content = file.read()
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror}") from error
    try:
        return tuple(_Content.model_validate_json(content).keys)
    except ValidationError as error:
        raise KeyFileError(f"{path}: {_first(error)}") from None


def change_keys(path: Path, change: Callable[[Sequence[ApiKey]], Sequence[ApiKey]]) -> None:
    """Replace the keys by what ``change`` makes of them. Changes by several processes take effect one after another.

    Raises
    ------
    KeyFileError
        If the file cannot be read or written. It is then as it was.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(path):
            _write(path, change(read_keys(path)))
    except ValidationError as error:
        raise KeyFileError(f"{path}: {_first(error)}") from None
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror}") from error


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    return ": ".join(filter(None, (".".join(map(str, first["loc"])), first["msg"])))


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    # A file of its own: the key file itself is replaced, and a lock on it would be one on what is no longer there.
    descriptor = os.open(path.with_name(path.name + ".lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _write(path: Path, keys: Sequence[ApiKey]) -> None:
    """Write a new file with mode 0600 and put it in the place of the old one: nobody ever reads half a file."""
    content = _Content(keys=list(keys)).model_dump_json(indent=2).encode() + b"\n"
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink()
        raise
