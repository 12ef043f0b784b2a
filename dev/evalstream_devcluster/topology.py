"""A whole cluster on this machine's loopback, for development: broker, ClickHouse stand-in, ingest, matchers, query.

Each is a process of its own, as in production. All that belongs to it lies in one folder, so that whoever knows the
folder can look after it later, from another process. What is started again has the same data.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Final, NamedTuple

from evalstream_devcluster import clickhouse_process, kafka, kafka_process, services
from evalstream_devcluster.services import ServiceName, ServiceProcess

QUERY_PORT: Final = 8000


class Plan(NamedTuple):
    """Services that `up` starts. A port of 0 means any free one."""

    home: Path
    matchers: int = 2
    #: Of the query service; ingest and the matchers have the ports that follow.
    port: int = QUERY_PORT
    kafka_port: int = kafka.DEFAULT_PORT
    clickhouse_port: int = clickhouse_process.DEFAULT_PORT


class Member(NamedTuple):
    """One process of the topology, or a server of the user's own that stands in its place (without a process)."""

    name: str
    address: str
    pid: int | None
    ready: bool


def up(plan: Plan, on_step: Callable[[str], None] = lambda _step: None) -> list[Member]:
    """Start what does not run yet, wait until everything is ready, and say where it is.

    $KAFKA_BOOTSTRAP and $CLICKHOUSE_URL name servers to be used instead of ours. Services get the `EVALSTREAM_…`
    variables of this process's environment, for instance how to log in there.

    Raises
    ------
    RuntimeError
        If something does not come up; what did stays, for `status` and `down`.
    """
    plan.home.mkdir(parents=True, exist_ok=True)
    with kafka_process.locked(plan.home / "topology.lock"):
        on_step("Kafka")
        bootstrap = kafka.bootstrap_from_environment() or _broker(plan).bootstrap
        on_step("ClickHouse")
        url = clickhouse_process.url_from_environment() or _endpoint(plan).url
        own = {key: value for key, value in os.environ.items() if key.startswith("EVALSTREAM_")}
        settings = own | {"EVALSTREAM_KAFKA_BOOTSTRAP": bootstrap, "EVALSTREAM_CLICKHOUSE_URL": url}
        on_step("the services")
        members = [_service(folder, port, settings) for folder, port in _places(plan)]
        for member in members:
            services.wait_ready(member)
    return status(plan.home)


def down(home: Path, on_step: Callable[[str], None] = lambda _step: None) -> int:
    """Stop everything that runs, the services before what they stand on; say how many processes there were."""
    stopped = 0
    if not home.is_dir():
        return stopped
    with kafka_process.locked(home / "topology.lock"):
        for service in _services(home):
            on_step(service.folder.name)
            services.stop(service)
            stopped += 1
        if endpoint := clickhouse_process.running(home / "clickhouse"):
            on_step("ClickHouse")
            clickhouse_process.stop(endpoint)
            stopped += 1
        if broker := kafka.status(home / "kafka"):
            on_step("Kafka")
            kafka.stop(broker)
            stopped += 1
    return stopped


def status(home: Path) -> list[Member]:
    """Say what runs, and where: broker, ClickHouse, ingest, matchers and query, in this order."""
    members: list[Member] = []
    if bootstrap := kafka.bootstrap_from_environment():
        members.append(Member("kafka", bootstrap, None, ready=True))
    elif broker := kafka.status(home / "kafka"):
        members.append(Member("kafka", broker.bootstrap, broker.process.pid, ready=True))
    if url := clickhouse_process.url_from_environment():
        members.append(Member("clickhouse", clickhouse_process.without_password(url), None, ready=True))
    elif endpoint := clickhouse_process.running(home / "clickhouse"):
        members.append(Member("clickhouse", endpoint.url, endpoint.pid, ready=True))
    members += [
        Member(service.folder.name, service.url, service.pid, services.ready(service)) for service in _services(home)
    ]
    return members


def missing(home: Path) -> list[str]:
    """Name what has ended without having been stopped, and what it stands on if that does not run."""
    crashed = [folder.name for folder in _folders(home) if services.crashed(folder)]
    names = {member.name for member in status(home)}
    return [name for name in ("kafka", "clickhouse") if (names or crashed) and name not in names] + crashed


def logs(home: Path) -> dict[str, Path]:
    """Return the log of everything that was ever started, by name."""
    files = {"kafka": kafka.log_file(home / "kafka"), "clickhouse": clickhouse_process.log_file(home / "clickhouse")}
    files |= {folder.name: services.log_file(folder) for folder in _folders(home)}
    return {name: path for name, path in files.items() if path.exists()}


def _broker(plan: Plan) -> kafka.Broker:
    home = plan.home / "kafka"
    return kafka.status(home) or kafka.start(home, port=plan.kafka_port or kafka.free_ports(1)[0])


def _endpoint(plan: Plan) -> clickhouse_process.Endpoint:
    path = plan.home / "clickhouse"
    user = os.environ.get("EVALSTREAM_CLICKHOUSE_USER", "default")
    password = os.environ.get("EVALSTREAM_CLICKHOUSE_PASSWORD", "")
    return clickhouse_process.running(path) or clickhouse_process.start(
        path, port=plan.clickhouse_port, users={user: password}
    )


def _places(plan: Plan) -> Iterator[tuple[Path, int | None]]:
    """The folder and port of each service, in the order in which data flows."""
    names = ["query", "ingest", *(f"matcher-{number}" for number in range(1, plan.matchers + 1))]
    for name, port in zip(names, count(plan.port), strict=False):
        yield plan.home / "services" / name, port if plan.port else None


def _service(folder: Path, port: int | None, settings: dict[str, str]) -> ServiceProcess:
    kind: dict[str, ServiceName] = {"query": "query", "ingest": "ingest"}
    return services.running(folder) or services.start_service(
        kind.get(folder.name, "matcher"), folder, settings, port=port
    )


def _services(home: Path) -> Iterator[ServiceProcess]:
    for folder in _folders(home):
        if service := services.running(folder):
            yield service


def _folders(home: Path) -> list[Path]:
    """The folders of all services that were ever started, in the order in which data flows."""
    return sorted((home / "services").glob("*"), key=lambda folder: (folder.name == "query", folder.name))
