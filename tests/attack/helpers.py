"""What attacks share: how long they go on, and what they measure."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

#: By hand (``make test-attack``) attacks go on for minutes, and otherwise for seconds.
FULL: Final = os.environ.get("ATTACK") == "full"


def p99(milliseconds: Sequence[float]) -> float | None:
    return round(float(np.percentile(milliseconds, 99)), 1) if milliseconds else None


def peak_mb(pid: int | str = "self") -> float | None:
    """The most memory that a living process has had, where the system says so (Linux)."""
    return _status_mb(pid, "VmHWM:")


def rss_mb(pid: int | str) -> float | None:
    """The memory that a living process has now, where the system says so."""
    return _status_mb(pid, "VmRSS:")


def _status_mb(pid: int | str, name: str) -> float | None:
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return None
    return next((int(line.split()[1]) // 1024 for line in status.splitlines() if line.startswith(name)), None)
