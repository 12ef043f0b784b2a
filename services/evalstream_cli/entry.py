"""What the command ``evalstream`` calls: it imports the commands and runs the one that the command line names."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import Any, Final

from evalstream.collector import uncollected

#: The command that reads files once and ends, and need not take care of what pays in processes that live long.
_ENDS_SOON: Final = "evaluate"
#: M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of mallopt(3).
_MALLOPT_KEEPING: Final = (-1, -3)
_MOST_KEPT: Final = 2**30


def main() -> None:
    """Run the command that the command line names, and end."""
    app = uncollected(import_module)("evalstream_cli.main").app
    # As a process ends, Python looks for cycles among all that was ever imported: 0.15 s for memory that goes anyway.
    atexit.register(gc.freeze)
    if sys.argv[1:2] == [_ENDS_SOON]:
        _run_and_end(uncollected(app))
    else:
        app()


def _run_and_end(command: Callable[[], Any]) -> None:
    """Leave out what takes a fifth of the time of a process that reads files once."""
    # To look for plugins of pydantic in the metadata of every package takes as long as to read a file. Who observes
    # models by one does so in services, or sets this.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    # The GNU C library gives memory of large columns back to the system, to ask for the same again at the next one.
    import ctypes  # which other commands do without

    tuned = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if tuned is not None:
        for parameter in _MALLOPT_KEEPING:
            tuned(parameter, _MOST_KEPT)
    try:
        command()
    except SystemExit as end:
        if not isinstance(end.code, int):
            raise
        # As mypy ends, too: without giving back, object by object, memory that the system takes back at once.
        with suppress(OSError):  # whoever read the answer is gone: as any process ends then
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(end.code)
        raise
