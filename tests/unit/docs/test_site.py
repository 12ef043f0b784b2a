"""The documentation as a site: every page and link is there, and nothing comes from a network."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from evalstream_cli.main import COMMANDS

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_it_asks_for_nothing_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        html = page.read_text(encoding="utf-8")
        assert not re.findall(r"<(?:script|link|img|iframe)[^>]*(?:src|href)=\"?(?:https?:)?//[^>]*", html), page


def test_every_page_is_in_the_table_of_contents(site: Path) -> None:
    home = (site / "index.html").read_text(encoding="utf-8")
    for page in (ROOT / "docs").rglob("*.md"):
        assert f'{page.relative_to(ROOT / "docs").with_suffix(".html")}"' in home, page


def test_the_reference_says_what_the_code_says(site: Path) -> None:
    commands = (site / "reference" / "cli.html").read_text(encoding="utf-8")
    for name in COMMANDS:
        assert f"evalstream {name}</code></h2>" in commands or f"<code>evalstream {name}</code>" in commands, name
    python = (site / "reference" / "python.html").read_text(encoding="utf-8")
    assert "Evaluate predictions against annotations" in python
    assert ":class:" not in python
    assert (site / "reference" / "openapi.json").read_bytes() == (ROOT / "schemas" / "openapi.json").read_bytes()
    rest = (site / "reference" / "rest.html").read_text(encoding="utf-8")
    for path in json.loads((ROOT / "schemas" / "openapi.json").read_text(encoding="utf-8"))["paths"]:
        assert f">{path}</code>" in rest.replace("<wbr/>", ""), path
