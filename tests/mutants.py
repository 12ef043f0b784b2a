"""Do the tests notice? Faults are seeded into what computes figures, one at a time: ``make test-mutants``.

Each fault is one small change of one place, chosen by a seed: a comparison that is strict or not, a sum for a
difference, AND for OR, in Python, in SQL and in C. The tests of the changed module run until the first one fails. What
survives is printed, for somebody to judge whether a test is missing or the change makes no difference.
"""

from __future__ import annotations

import argparse
import functools
import io
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from rich.console import Console
from rich.progress import track

ROOT: Final = Path(__file__).resolve().parents[1]
SHARED: Final = "shared/evalstream"
#: Modules to change, how many of the faults go there, and which tests must notice, the quickest first.
PLACES: Final = (
    (f"{SHARED}/matching/*.[pc]*", 12, ("unit/matching", "pipeline/test_outcomes.py", "pipeline/queries", "parity")),
    (f"{SHARED}/pipeline/fold.py", 4, ("pipeline/test_fold.py", "pipeline/test_any_event.py")),
    (f"{SHARED}/pipeline/objects.py", 2, ("pipeline/test_any_event.py", "pipeline", "parity")),
    (f"{SHARED}/metrics/*.[pc]*", 8, ("unit/metrics", "pipeline/queries", "parity", "pipeline")),
    (f"{SHARED}/geometry/*.[pc]*", 4, ("unit/geometry", "parity", "pipeline/test_any_event.py")),
    (f"{SHARED}/stored/*.py", 5, ("pipeline/queries", "pipeline", "parity", "unit/api")),
    (f"{SHARED}/queries/*.py", 5, ("pipeline/queries", "pipeline", "parity", "unit/api")),
    (f"{SHARED}/scoring/*.py", 6, ("unit/test_evaluator.py", "pipeline/queries", "parity")),
)
_CHANGES: Final = {
    "<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==", "+": "-", "-": "+", "*": "+", "/": "*",
    "+=": "-=", "-=": "+=", "and": "or", "or": "and", "not": "", "0": "1", "1": "2", "True": "False", "False": "True",
}  # fmt: skip
_IN_SQL: Final = {
    " <= ": " < ",
    " >= ": " > ",
    " < ": " <= ",
    " > ": " >= ",
    " AND ": " OR ",
    " = ": " != ",
    "NOT ": "",
}
_IN_C: Final = {
    " < ": " <= ", " <= ": " < ", " > ": " >= ", " >= ": " > ", " == ": " != ", " != ": " == ", " + ": " - ",
    " - ": " + ", " += ": " -= ", " && ": " || ", " || ": " && ", "= 0;": "= 1;", "true": "false", "false": "true",
}  # fmt: skip
_IS_SQL: Final = re.compile(r"SELECT|array[A-Z]|countIf|\{\w+:\w+\}")


class Fault(NamedTuple):
    """One change: where it is, and what stands there before and after."""

    path: Path
    line: int
    column: int
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column + 1}  {self.before.strip()!r} -> {self.after.strip()!r}"

    def put_in(self, text: str) -> str:
        lines = text.splitlines(keepends=True)
        own = lines[self.line - 1]
        assert own[self.column :].startswith(self.before), self
        lines[self.line - 1] = own[: self.column] + self.after + own[self.column + len(self.before) :]
        return "".join(lines)


def faults_in(path: Path) -> Iterator[Fault]:
    """Find every change that could be made in a module; not in its docstrings, imports and decorators."""
    if path.suffix == ".c":
        yield from _in_c(path)
        return
    text = (ROOT / path).read_text(encoding="utf-8")
    before, starting = "", True
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in (tokenize.NEWLINE, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.COMMENT):
            starting = starting or token.type == tokenize.NEWLINE
            before = ""
            continue
        first_word = token.line.split()[0] if token.line.strip() else ""
        if token.type == tokenize.STRING and not starting and _IS_SQL.search(token.string):
            yield from _in_sql(path, token)
        elif (
            token.string in _CHANGES and first_word not in ("import", "from", "def") and not first_word.startswith("@")
        ):
            is_sign = token.string in "+-*" and (
                before in ("", "(", ",", "=", "[", ":", "return", "*") or before in _CHANGES
            )
            if not is_sign:
                yield Fault(path, *token.start, token.string, _CHANGES[token.string])
        before, starting = token.string, False


def _in_c(path: Path) -> Iterator[Fault]:
    """Find every change that could be made in a C file; not in comments, and not in how memory is taken."""
    for number, line in enumerate((ROOT / path).read_text(encoding="utf-8").splitlines(), start=1):
        code = line.partition("/*")[0]
        if code.lstrip().startswith(("*", "#")) or "OUT_OF_MEMORY" in code or "ALLOCATE" in code:
            continue
        for found in re.finditer("|".join(map(re.escape, _IN_C)), code):
            yield Fault(path, number, found.start(), found[0], _IN_C[found[0]])


def _in_sql(path: Path, token: tokenize.TokenInfo) -> Iterator[Fault]:
    for number, line in enumerate(token.string.splitlines()):
        for found in re.finditer("|".join(map(re.escape, _IN_SQL)), line):
            column = found.start() + (token.start[1] if number == 0 else 0)
            yield Fault(path, token.start[0] + number, column, found[0], _IN_SQL[found[0]])


def sample(seed: int, share: float) -> list[tuple[Fault, list[list[str]]]]:
    """Choose the faults to seed, and the tests that must notice each, by runs; of every place a share of its number."""
    rng = random.Random(seed)
    chosen = []
    for pattern, count, tests in PLACES:
        modules = sorted(path.relative_to(ROOT) for path in ROOT.glob(pattern))
        possible = [fault for module in modules for fault in faults_in(module)]
        for fault in rng.sample(possible, max(1, round(count * share))):
            chosen.append((fault, [_nearest(fault.path), *([test] for test in tests)]))
    return chosen


@functools.cache
def _texts() -> dict[str, str]:
    """Read every test that needs no browser and no broker, by path."""
    folders = [ROOT / "tests" / folder for folder in ("unit", "pipeline", "parity")]
    tests = sorted(test for folder in folders for test in folder.rglob("test_*.py"))
    return {str(test.relative_to(ROOT / "tests")): test.read_text(encoding="utf-8") for test in tests}


@functools.cache
def _nearest(module: Path) -> list[str]:
    """Find the tests that are called as a module or import it, if any: they fail soonest."""
    imports = f"{module.parent.name}.{module.stem}", f"{module.parent.name} import {module.stem}\n"
    return [
        test for test, text in _texts().items() if module.stem in Path(test).stem or any(one in text for one in imports)
    ]


def noticed(fault: Fault, tests: list[list[str]], tree: Path, seconds: float) -> str:
    """Seed a fault into a copy of the tree and run tests; give the name of the test that failed, or nothing."""
    file = tree / fault.path
    text = file.read_text(encoding="utf-8")
    file.write_text(fault.put_in(text), encoding="utf-8")
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(str(tree / part) for part in ("shared", "services", "dev")),
        "CI": "",
    }
    try:
        if not _built(fault, tree):
            return "it does not compile"
        for some in filter(None, tests):
            command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:randomly", "-p", "no:cacheprovider"]
            done = subprocess.run(
                [*command, *(f"tests/{one}" for one in some)],
                cwd=tree, env=environment, capture_output=True, text=True, check=False, timeout=seconds,
            )  # fmt: skip
            if done.returncode not in (0, 5):
                failed = re.search(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
                return failed[1] if failed else f"{' '.join(some)} ended with {done.returncode}"
    except subprocess.TimeoutExpired:
        return "it never ended"
    finally:
        file.write_text(text, encoding="utf-8")
        _built(fault, tree)
    return ""


def _built(fault: Fault, tree: Path) -> bool:
    """Build the kernels of the copy anew if the fault is in one."""
    if fault.path.suffix != ".c":
        return True
    return not subprocess.run([sys.executable, "hatch_build.py"], cwd=tree, capture_output=True, check=False).returncode


def main() -> None:
    """Seed the faults one after another and print what became of each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=40, help="which faults")
    parser.add_argument("--share", type=float, default=1.0, help="of all these faults; 0.25 for a quick look")
    parser.add_argument("--skip", type=int, default=0, help="so many of them, to go on where a run was stopped")
    parser.add_argument("--seconds", type=float, default=1200, help="the longest that one set of tests may take")
    arguments = parser.parse_args()
    console = Console(width=160)
    chosen = sample(arguments.seed, arguments.share)[arguments.skip :]
    survived = []
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "evalstream"
        skipped = shutil.ignore_patterns(".git", ".venv", "node_modules", ".hypothesis", ".evalstream", "*cache")
        shutil.copytree(ROOT, tree, ignore=skipped)
        for fault, tests in track(chosen, "seeding faults", console=console):
            start = time.monotonic()
            by = noticed(fault, tests, tree, arguments.seconds)
            console.print(f"{time.monotonic() - start:6.0f} s  {fault}: {by or '[red]SURVIVED'}", highlight=False)
            if not by:
                survived.append(fault)
    console.print(f"{len(chosen) - len(survived)} of {len(chosen)} noticed")


if __name__ == "__main__":
    main()
