"""Print logs, and go on as they grow."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path

import typer


def print_logs(files: Mapping[str, Path], lines: int, *, follow: bool) -> None:
    """Print the last lines of each file, with its name in front where there are several; go on until Ctrl-C."""
    width = max(map(len, files), default=0)
    prefixes = {name: f"{name:{width}} | " if len(files) > 1 else "" for name in files}
    with ExitStack() as stack:
        opened = {
            name: stack.enter_context(path.open(encoding="utf-8", errors="replace")) for name, path in files.items()
        }
        for name, log in opened.items():
            _print(deque(log, maxlen=lines), prefixes[name])
        while follow:
            for name, log in opened.items():
                _print(log, prefixes[name])
            time.sleep(0.2)


def _print(lines: Iterable[str], prefix: str) -> None:
    for line in lines:
        typer.echo(prefix + line.rstrip("\n"))
