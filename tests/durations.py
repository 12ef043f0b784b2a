"""Where the time of the tests goes: by file, by fixture and by kind of work. A pytest plugin: ``make test-durations``.

A second spent inside a kind of work counts there and nowhere else: what an engine's start asks in SQL is part of the
start. "Python" is the rest: oracles, hypothesis, and waiting for anything that has no kind of its own.
"""

from __future__ import annotations

import functools
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest
from clickhouse_connect.driver.client import Client
from evalstream.storage import engine
from evalstream_devcluster import clickhouse_process, kafka, services
from playwright._impl._sync_base import SyncBase
from rich.console import Console
from rich.table import Table

KINDS: Final = ("engine start", "SQL", "browser", "Kafka and services", "Python")
#: Rows of each table that are printed.
LONGEST: Final = 40

_seconds: Counter[str] = Counter()
_inside = False
_cpu = [time.process_time()]


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
    report.work = dict(_seconds) | {"CPU": time.process_time() - _cpu[0]}
    _seconds.clear()
    _cpu[0] = time.process_time()
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
            of_file["CPU"] += work.get("CPU", 0.0)
            fixtures.update({name: spent for name, spent in work.items() if name.startswith("fixture ")})
    console = Console(width=150)
    total: Counter[str] = Counter()
    for of_file in files.values():
        total.update(of_file)
    table = Table(
        "file", "tests", "seconds", "CPU", *KINDS, title="Where the time goes, in seconds of all workers together"
    )
    ordered = sorted(files.items(), key=lambda of_file: -_spent(of_file[1]))
    for name, of_file in [*ordered[:LONGEST], (f"all {len(files)} files", total)]:
        table.add_row(
            name,
            str(of_file["tests"]),
            *(f"{v:.1f}" for v in (_spent(of_file), of_file["CPU"], *(of_file[kind] for kind in KINDS))),
        )
    console.print(table)
    table = Table("fixture", "seconds", title="Fixtures of more than one test")
    for name, spent in fixtures.most_common(LONGEST):
        table.add_row(name.removeprefix("fixture "), f"{spent:.1f}")
    console.print(table)


def _spent(of_file: Counter[str]) -> float:
    return sum(of_file[kind] for kind in KINDS)
