"""The blocks of Python on a page of the documentation, and what it shows that they print."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), *ROOT.glob("*.md"), ROOT / "deploy" / "README.md"])
_BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```)?", re.DOTALL | re.MULTILINE)


def blocks(page: str) -> list[tuple[str, str]]:
    """Give each block of a page with what is shown below it."""
    text = (DOCS / page).read_text(encoding="utf-8")
    found: list[tuple[str, str]] = _BLOCK.findall(text)
    assert len(found) == text.count("```python\n")
    return found


def printed(script: str, folder: Path) -> str:
    # A process of its own, for one block changes what others would import.
    done = subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout
