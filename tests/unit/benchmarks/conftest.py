"""The services that benchmarks start are forked: how long they take to start is not asked here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks import load
from tests.prefork import COMMAND, Forked, can_fork, fork


@pytest.fixture(autouse=True)
def forked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Fork what :func:`benchmarks.load.service` starts."""

    def start(command: Sequence[str | Path], cwd: str, env: Mapping[str, str]) -> Forked:
        return Forked(fork(command, env, tmp_path / "service.log", Path(cwd)))

    if can_fork([COMMAND], {}):
        monkeypatch.setattr(load, "subprocess", SimpleNamespace(Popen=start))
