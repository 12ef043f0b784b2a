"""Every block of Python in docs/library.md runs, and prints what is shown below it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.docs.blocks import blocks, printed

BLOCKS = blocks("library.md")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the first block writes."""
    folder = tmp_path_factory.mktemp("library")
    printed(BLOCKS[0][0], folder)
    return folder


@pytest.mark.parametrize("i", range(len(BLOCKS)))
def test_a_block_prints_what_is_shown(i: int, folder: Path) -> None:
    script, shown = BLOCKS[i]
    assert shown, "what it prints is to be shown"
    assert printed(script, folder).endswith(shown)  # pycocotools tells before that how long it read


def test_every_block_is_found() -> None:
    assert len(BLOCKS) > 4
