"""Every fault that is seeded is a program still, and another one."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.mutants import PLACES, ROOT, sample


def program(path: Path, text: str) -> str:
    """Return what of a module is program, without comments; C is compiled when a fault is tried."""
    if path.suffix == ".c":
        return re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    return ast.dump(ast.parse(text))


def test_a_seeded_fault_changes_what_the_module_does() -> None:
    chosen = sample(seed=1, share=2.0)
    assert len(chosen) == 2 * sum(count for _, count, _ in PLACES) >= 2 * 40
    for fault, tests in chosen:
        text = (ROOT / fault.path).read_text(encoding="utf-8")
        assert program(fault.path, fault.put_in(text)) != program(fault.path, text), fault
        assert all((ROOT / "tests" / one).exists() for some in tests for one in some)


def test_the_same_seed_gives_the_same_faults() -> None:
    assert sample(seed=3, share=0.5) == sample(seed=3, share=0.5) != sample(seed=4, share=0.5)
