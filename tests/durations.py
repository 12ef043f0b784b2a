"""Where the time of the tests goes: by file, by fixture and by kind of work. A pytest plugin: ``make test-durations``.

Seconds of the clock and, apart from them, seconds of CPU: of the tests themselves and of the programs that they
started, by name. On a machine that does other things besides, only the latter say what a test takes.

A second spent inside a kind of work counts there and nowhere else: what an engine's start asks in SQL is part of the
start. "Python" is the rest: oracles, hypothesis, and waiting for anything that has no kind of its own.
"""

from __future__ import annotations

import functools
import os
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from clickhouse_connect.driver.client import Client
from evalstream.storage import engine
from evalstream_devcluster import clickhouse_process, kafka, services
from playwright._impl._sync_base import SyncBase
from rich.console import Console
from rich.table import Table

KINDS: Final = ("engine start", "SQL", "browser", "Kafka and services", "Python")
#: Programs whose seconds of CPU are told apart, by how the names of their processes begin.
PROGRAMS: Final = {"tests": "", "browser": "chrom", "java": "java", "others": ""}
#: Rows of each table that are printed.
LONGEST: Final = 40

_seconds: Counter[str] = Counter()
_inside = False
_cpu: Counter[str] = Counter()


def _cpu_seconds() -> Counter[str]:
    """Add up the CPU seconds of this process and of all that it started, by program; without ``/proc`` as they end."""
    seconds, parents = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = stat.read_text(errors="replace").partition("(")[2].rpartition(")")
        except OSError:  # ended meanwhile
            continue
        fields = rest.split()
        pid, parents[pid] = int(stat.parent.name), int(fields[1])
        seconds[pid] = name, sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")  # with children that have ended
    own = os.getpid()
    found = Counter(tests=time.process_time())

    def is_own(pid: int) -> bool:
        while pid > 1 and pid != own:
            pid = parents.get(pid, 0)
        return pid == own

    for pid, (name, spent) in seconds.items():
        if pid != own and is_own(pid):
            found[next((kind for kind, start in PROGRAMS.items() if start and name.startswith(start)), "others")] += (
                spent
            )
    ended = os.times()
    found["others"] += ended.children_user + ended.children_system
    return found


@contextmanager
def _counted(kind: str) -> Iterator[None]:
    """Count the time of a block as work of a kind, unless it is part of work that is counted already."""
    global _inside
    if _inside:
        yield
        return
    _inside, start = True, time.perf_counter()
    try:
        yield
    finally:
        _inside = False
        _seconds[kind] += time.perf_counter() - start


def _watch(owner: Any, name: str, kind: str) -> None:
    function: Callable[..., Any] = getattr(owner, name)

    @functools.wraps(function)
    def counting(*args: Any, **kwargs: Any) -> Any:
        with _counted(kind):
            return function(*args, **kwargs)

    setattr(owner, name, counting)


def pytest_configure(config: pytest.Config) -> None:
    """Watch the functions in which each kind of work is done."""
    _watch(engine.clickhouse_connect, "get_client", "engine start")
    for client in _subclasses(Client):
        for name in ("query", "raw_query", "command", "insert", "insert_arrow", "raw_insert"):
            if name in vars(client):
                _watch(client, name, "SQL")
    for module, names in (
        (kafka, ("start", "restart", "stop", "kill")),
        (clickhouse_process, ("start", "stop", "kill")),
        (services, ("start_service", "wait_ready", "wait_ended", "stop")),
    ):
        for name in names:
            _watch(module, name, "Kafka and services")
    _watch(SyncBase, "_sync", "browser")


def _subclasses(base: type) -> Iterator[type]:
    yield base
    for sub in base.__subclasses__():
        yield from _subclasses(sub)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Send what was counted along with the report of each phase, from whichever process ran it."""
    report = yield
    spent = _cpu_seconds()
    more = {kind: spent[kind] - _cpu[kind] for kind in PROGRAMS}
    # What a program took passes to this process when it ends: it was counted by then.
    more["others"] += sum(min(own, 0.0) for own in more.values())
    report.work = dict(_seconds) | {f"CPU {kind}": max(own, 0.0) for kind, own in more.items()}
    _seconds.clear()
    _cpu.clear()
    _cpu.update(spent)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: Any) -> Generator[None, object, object]:
    """Time fixtures of more than one test."""
    start = time.perf_counter()
    result = yield
    if fixturedef.scope != "function":
        _seconds[f"fixture {fixturedef.baseid}::{fixturedef.argname}"] += time.perf_counter() - start
    return result


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the tables."""
    files: dict[str, Counter[str]] = {}
    fixtures: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if not isinstance(report, pytest.TestReport):
                continue
            of_file = files.setdefault(report.nodeid.partition("::")[0], Counter())
            work: dict[str, float] = getattr(report, "work", {})
            of_kind = Counter({kind: work.get(kind, 0.0) for kind in KINDS})
            of_kind["Python"] = max(report.duration - of_kind.total(), 0.0)
            of_file.update(of_kind)
            of_file["tests"] += report.when == "call"
            of_file.update({f"CPU {kind}": work.get(f"CPU {kind}", 0.0) for kind in PROGRAMS})
            fixtures.update({name: spent for name, spent in work.items() if name.startswith("fixture ")})
    console = Console(width=180)
    total: Counter[str] = Counter()
    for of_file in files.values():
        total.update(of_file)
    title = "Where the time goes, in seconds of all workers together"
    figures = (*(f"CPU {kind}" for kind in PROGRAMS), *KINDS)
    table = Table("file", "tests", "seconds", *figures, title=title)
    ordered = sorted(files.items(), key=lambda of_file: -_spent(of_file[1]))
    for name, of_file in [*ordered[:LONGEST], (f"all {len(files)} files", total)]:
        spent = (_spent(of_file), *(of_file[figure] for figure in figures))
        table.add_row(name, str(of_file["tests"]), *(f"{seconds:.1f}" for seconds in spent))
    console.print(table)
    table = Table("fixture", "seconds", title="Fixtures of more than one test")
    for name, spent in fixtures.most_common(LONGEST):
        table.add_row(name.removeprefix("fixture "), f"{spent:.1f}")
    console.print(table)


def _spent(of_file: Counter[str]) -> float:
    return sum(of_file[kind] for kind in KINDS)
