"""The list of commands: complete, true, and made without importing any of them."""

from __future__ import annotations

import subprocess
import sys

import pytest
from evalstream_cli.main import COMMANDS, app, command
from typer.testing import CliRunner


@pytest.mark.parametrize("name", COMMANDS)
def test_the_line_in_the_list_begins_the_help_of_the_command(name: str) -> None:
    help_text = " ".join((command(name).help or "").split())
    assert help_text.startswith(COMMANDS[name].line)
    shown = CliRunner().invoke(app, [name, "--help"])
    assert shown.exit_code == 0, shown.output
    assert f"Usage: evalstream {name}" in " ".join(shown.output.replace("root", "evalstream").split())


def test_help_lists_every_command_and_imports_none() -> None:
    script = (
        "import sys; from evalstream_cli.main import app\n"
        "try: app(['--help'])\n"
        "except SystemExit: pass\n"
        "print([name for name in ('numpy', 'fastapi', 'pyarrow', 'httpx') if name in sys.modules])"
    )
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert printed.splitlines()[-1] == "[]"
    assert all(f" {name} " in printed for name in COMMANDS)


def test_an_unknown_command_is_told() -> None:
    result = CliRunner().invoke(app, ["uplod"])
    assert result.exit_code == 2
    assert "uplod" in result.output


def test_the_library_imports_nothing_that_it_does_not_need() -> None:
    script = "import sys, evalstream; print('numpy' in sys.modules, 'pydantic' in sys.modules)"
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert printed.split() == ["False", "False"]
