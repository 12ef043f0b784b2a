"""What attacks have found, as a table at the end of the run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields

import pytest


@dataclass
class Attack:
    """What one attack has tried, and what it found."""

    name: str
    tried: int
    crashed: int
    #: Events that were acknowledged and are not there; None: nothing was acknowledged.
    lost: int | None
    #: Milliseconds that 99 of 100 took at most; None: not measured.
    p99_ms: float | None
    #: The most memory of the process that was attacked; None: not known on this system.
    peak_mb: float | None


Tell = Callable[[Attack], None]


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Tell:
    """Put an attack in the table. The assertions are the test's own."""
    return lambda attack: record_property("attack", asdict(attack))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    found = [
        value
        for outcome in ("passed", "failed")
        for report in terminalreporter.stats.get(outcome, [])
        for name, value in report.user_properties
        if name == "attack" and report.when == "call"
    ]
    if found:
        terminalreporter.section("attacks")
        columns = [field.name for field in fields(Attack)]
        terminalreporter.line(f"{columns[0]:<34}" + "".join(f"{name:>10}" for name in columns[1:]))
        for one in sorted(found, key=lambda one: str(one["name"])):
            shown = ("-" if one[name] is None else f"{one[name]:,.10g}" for name in columns[1:])
            terminalreporter.line(f"{one['name']:<34}" + "".join(f"{text:>10}" for text in shown))
