"""Every block of Python in docs/library.md runs, and prints what is shown below it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[3] / "docs" / "library.md"
BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```)?", re.DOTALL | re.MULTILINE)
BLOCKS = BLOCK.findall(PAGE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the first block writes."""
    folder = tmp_path_factory.mktemp("library")
    printed(BLOCKS[0][0], folder)
    return folder


def printed(script: str, folder: Path) -> str:
    # A process of its own, for one block changes what others would import.
    done = subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("i", range(len(BLOCKS)))
def test_a_block_prints_what_is_shown(i: int, folder: Path) -> None:
    script, shown = BLOCKS[i]
    assert shown, "what it prints is to be shown"
    assert printed(script, folder).endswith(shown)  # pycocotools tells before that how long it read


def test_every_block_is_found() -> None:
    assert len(BLOCKS) == PAGE.read_text(encoding="utf-8").count("```python\n") > 4
