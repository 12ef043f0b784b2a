"""Every block of Python in docs/exporting.md runs, and prints what is shown below it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.docs.blocks import blocks, printed

BLOCKS = blocks("exporting.md")


@pytest.mark.parametrize("i", range(len(BLOCKS)))
def test_a_block_prints_what_is_shown(i: int, tmp_path: Path) -> None:
    script, shown = BLOCKS[i]
    assert shown, "what it prints is to be shown"
    assert printed(script, tmp_path) == shown
