"""The blocks of Python on a page of the documentation, and what it shows that they print."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Sequence
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


#: Imports what blocks import, and forks itself for each of them: one block changes what others would import. The engine
#: is not among it, for its library does not survive a fork.
_FORKS = """
import gc, json, os, sys
gc.disable()
import evalstream.client.clients, evalstream_embedded.app, numpy, pandas, pyarrow.pandas_compat, pycocotools.cocoeval
import evalstream.events.decoding, evalstream.importers.files
gc.freeze()  # what is imported is no garbage, and no fork looks for some among it
gc.enable()
END = sys.argv[1]
for folder, script in json.load(sys.stdin):
    child = os.fork()
    if not child:
        os.chdir(folder)
        exec(compile(script, "block", "exec"), {"__name__": "__main__"})
        sys.exit()
    if os.waitpid(child, 0)[1]:
        sys.exit("a block failed:\\n" + script)
    print(END, flush=True)
"""
_END = "=== end of a block ==="


def printed(scripts: Sequence[tuple[Path, str]]) -> list[str]:
    """Run scripts one after another, each in its folder and in a process of its own; give what each printed."""
    command = [sys.executable, "-c", _FORKS, _END]
    said = json.dumps([(str(folder), script) for folder, script in scripts])
    done = subprocess.run(command, input=said, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.split(f"{_END}\n")[:-1]
