"""``RESULTS.md``: what the benchmarks measured last, a part for each, which it writes by itself with ``--write``."""

from __future__ import annotations

import os
import platform
import re
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from rich.table import Table

RESULTS: Final = Path(__file__).parent / "RESULTS.md"


def write(title: str, about: str, tables: Iterable[str], path: Path = RESULTS) -> None:
    """Write a benchmark's part in the place of its last one, or behind those of others."""
    part = "\n\n".join([f"# {title}", f"{about} {machine()}", *(table.strip() for table in tables)]) + "\n\n"
    known = path.read_text(encoding="utf-8") if path.exists() else ""
    parts = re.split(r"^(?=# )", known, flags=re.MULTILINE)
    heading = f"# {title}\n"
    if any(one.startswith(heading) for one in parts):
        parts = [part if one.startswith(heading) else one for one in parts]
    else:
        parts.append(part)
    path.write_text("\n\n".join(one.strip() for one in parts if one.strip()) + "\n", encoding="utf-8")


def machine() -> str:
    """Say what ran it, and when."""
    return (
        f"Measured on {processor()}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()},"
        f" {time.strftime('%Y-%m-%d')}; load at the end {os.getloadavg()[0]:.1f}."
    )


def processor() -> str:
    """Name the processor, or at least its kind."""
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:  # another system than Linux
        found = None
    return found[1].strip() if found else platform.machine()


def markdown(table: Table) -> str:
    """Give a table of the terminal as Markdown, under its title."""
    rows = [[str(column.header) for column in table.columns]]
    rows.append(["---" if column.justify == "left" else "---:" for column in table.columns])
    rows += zip(*([str(cell) for cell in column.cells] for column in table.columns), strict=True)
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([f"## {table.title}", "", *lines] if table.title else lines)
