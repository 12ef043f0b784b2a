"""The table of what agrees with what: written by the parity tests, read by people who compare."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "agreement.md"

_HEAD = """# What agrees with what

Every metric beside the reference implementation that it is tested against, on which data, over how many figures, and
the largest difference seen. Written by the tests (`make agreement`); they fail where a difference exceeds 1e-9.

| metric | reference | data | figures | largest difference |
| --- | --- | --- | ---: | ---: |
"""

Key = tuple[str, str, str]
#: One figure or several; None where it is not defined.
Figures = float | None | Sequence["float | None"] | Mapping[str, "float | None"]


class Line(NamedTuple):
    """How many figures were compared, and by how much they differed at most."""

    figures: int
    difference: float


def difference(ours: Figures, theirs: Figures) -> Line:
    """Compare figures one by one; a figure that only one side defines differs infinitely."""
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        assert set(ours) == set(theirs), (sorted(ours), sorted(theirs))
        ours, theirs = list(ours.values()), [theirs[name] for name in ours]
    mine = [ours] if isinstance(ours, float | int | None) else list(ours)
    other = [theirs] if isinstance(theirs, float | int | None) else list(theirs)
    assert len(mine) == len(other), (mine, other)
    return Line(len(mine), max((_apart(a, b) for a, b in zip(mine, other, strict=True)), default=0.0))


def _apart(a: float | None, b: float | None) -> float:
    if a is None or b is None or math.isnan(a) or math.isnan(b):
        both = all(value is None or math.isnan(value) for value in (a, b))
        return 0.0 if both else math.inf
    return 0.0 if a == b else abs(a - b)


def read() -> dict[Key, Line]:
    """Read the table as it is."""
    lines = DOCUMENT.read_text(encoding="utf-8").splitlines() if DOCUMENT.exists() else []
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    return {(a, b, c): Line(int(n), float(apart)) for a, b, c, n, apart in rows if n.isdigit()}


def write(found: Mapping[Key, Line]) -> None:
    """Put what was found into the table, in the place of what it said before."""
    table = read() | dict(found)
    rows = [f"| {' | '.join(key)} | {line.figures} | {line.difference:.1e} |" for key, line in sorted(table.items())]
    DOCUMENT.parent.mkdir(exist_ok=True)
    DOCUMENT.write_text(_HEAD + "\n".join(rows) + "\n", encoding="utf-8")
