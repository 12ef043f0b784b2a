"""Every block of Python in docs/tutorial.md runs after those before it, and prints what is shown below it."""

from __future__ import annotations

from pathlib import Path

from tests.unit.docs.blocks import blocks, printed


def test_the_blocks_print_what_is_shown_one_after_the_other(tmp_path: Path) -> None:
    found = blocks("tutorial.md")
    assert len(found) == 6
    for script, shown in found:
        assert shown, "what it prints is to be shown"
        assert printed(script, tmp_path) == shown
