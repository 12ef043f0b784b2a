"""Tables for as long as somebody needs them: databases of an engine in a temporary folder of this process."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from evalstream.storage.engine import Clients, open_embedded
from evalstream.storage.migrate import migrated_clients

#: Who collects garbage may close a database while another is opened by the same thread.
_LOCK: Final = threading.RLock()
_NUMBERS: Final = itertools.count(1)
_users = 0
_folder: TemporaryDirectory[str] | None = None


@contextmanager
def scratch_database() -> Iterator[Clients]:
    """Make all tables in a database of its own, and drop them in the end.

    A process can have one folder open at a time, so that all scratch databases share an engine; the last one that ends
    closes it and removes the folder.

    Raises
    ------
    EngineUnavailableError
        If this process has the engine open on another folder.
    """
    with ExitStack() as stack:
        with _LOCK:
            folder = stack.enter_context(_engine_folder())
            first = open_embedded(folder)
            stack.callback(first.close)
        name = f"scratch_{next(_NUMBERS)}"
        first.command(f"CREATE DATABASE {name}")
        stack.callback(first.command, f"DROP DATABASE {name} SYNC")
        yield stack.enter_context(migrated_clients(lambda: open_embedded(folder, name)))


@contextmanager
def _engine_folder() -> Iterator[Path]:
    global _users, _folder
    with _LOCK:
        if _folder is None:
            _folder = TemporaryDirectory(prefix="evalstream-")
        folder = _folder
        _users += 1
    try:
        yield Path(folder.name) / "engine"
    finally:
        with _LOCK:
            _users -= 1
            if not _users:
                _folder = None
                folder.cleanup()
