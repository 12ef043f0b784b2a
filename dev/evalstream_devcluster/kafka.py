"""A real Apache Kafka broker on this machine's loopback, for development, tests and CI.

One JVM is both broker and controller (KRaft). It needs `java` 17 or newer, and `mvn` once to fetch the jars; no Docker.

>>> with running() as broker:                                           # doctest: +SKIP
...     AIOKafkaProducer(bootstrap_servers=broker.bootstrap)

A broker is known by its data folder, which holds all that belongs to it: `server.properties`, `broker.log`,
`broker.json` with the process that runs it, and Kafka's own log in `log/`. What is started again on the same folder
has the same topics, messages and committed offsets.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import NamedTuple

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from evalstream_devcluster import kafka_process
from evalstream_devcluster.kafka_jars import SHORT_LIVED, archive_file, install, java_tool
from evalstream_devcluster.kafka_process import HOST, KafkaDevError, Process, free_ports, locked, require_free
from tenacity import RetryError, Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

__all__ = [
    "Broker",
    "KafkaDevError",
    "bootstrap_from_environment",
    "default_home",
    "free_ports",
    "install",
    "kill",
    "log_file",
    "restart",
    "running",
    "running_async",
    "start",
    "status",
    "stop",
]

DEFAULT_PORT = 9092
READY_SECONDS = 60
#: What the JVM may take, unless Kafka's own variable KAFKA_HEAP_OPTS says otherwise.
HEAP = "-Xmx512m"
#: Log4j needs no file for this. Its own shutdown hook would cut off what Kafka says while it stops.
LOGGING = ("-Dlog4j2.level=INFO", "-Dlog4j2.shutdownHookEnabled=false")
CLUSTER_ID = "evalstream-dev-cluster"
LOG = "broker.log"
#: How much of the log an error message shows.
LOG_LINES = 12

_NOTHING: Mapping[str, str] = MappingProxyType({})
#: Settings to which a caller's value is added, because the broker could not do without its own.
_ADDED_TO = ("listeners", "listener.security.protocol.map")


class Broker(NamedTuple):
    """A broker that was started; `status` tells whether it still runs."""

    home: Path
    data: Path
    port: int
    controller_port: int
    process: Process

    @property
    def bootstrap(self) -> str:
        """The address to give to clients."""
        return f"{HOST}:{self.port}"

    @property
    def log(self) -> Path:
        """Return what the JVM printed since its last start."""
        return log_file(self)


def default_home() -> Path:
    """Return `kafka` in $EVALSTREAM_DEV_HOME, or else in `.evalstream` of the current directory."""
    return kafka_process.dev_home() / "kafka"


def bootstrap_from_environment() -> str | None:
    """Return the cluster that the user wants instead of a broker of ours: $KAFKA_BOOTSTRAP, if set."""
    return os.environ.get("KAFKA_BOOTSTRAP") or None


def start(
    home: Path,
    *,
    port: int = DEFAULT_PORT,
    controller_port: int | None = None,
    data: Path | None = None,
    extra: Mapping[str, str] = _NOTHING,
    scram: Mapping[str, str] = _NOTHING,
) -> Broker:
    """Start a broker, fetching the jars and formatting the data folder where that is still to be done.

    Parameters
    ----------
    home
        The folder that keeps the jars.
    port
        Where clients connect, in plain text and without a password.
    controller_port
        Where the broker reaches its own controller; any free port if None.
    data
        The broker's folder; `data` in `home` if None.
    extra
        Settings of `server.properties` that replace ours. Only `listeners` and `listener.security.protocol.map` are
        added to ours; a listener must be at 127.0.0.1.
    scram
        Passwords by user, for SCRAM-SHA-256 and SCRAM-SHA-512. They are stored when the folder is formatted, so they
        have no effect on a folder that was used before.

    Returns
    -------
    Broker
        It answers requests.

    Raises
    ------
    KafkaDevError
        A broker runs there already, a port is in use, Java is missing, or the JVM did not come up; the message then
        shows the log's errors.
    """
    home = home.absolute()
    data = data.absolute() if data else _data_of(home)
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    properties = _properties(data, port, controller_port or free_ports(1)[0], extra)
    with locked(data / "start.lock"):
        _require_stopped(data)
        _require_ports(properties)
        _settings(data).write_text(_as_properties_file(properties), encoding="ascii")
        classes = _archived(home)
        _format(home, data, classes, scram)
        broker = _launch(home, data, classes)
    return _ready(broker)


def restart(where: Broker | Path) -> Broker:
    """Start a broker again with the settings of its last start, stopping it first if it runs.

    Parameters
    ----------
    where
        The broker, or the home whose default data folder it uses.
    """
    stop(where)
    home = where.home if isinstance(where, Broker) else where.absolute()
    data = _data_of(where)
    with locked(data / "start.lock"):
        _require_stopped(data)
        _require_ports(_read_properties(data))
        broker = _launch(home, data, _archived(home))
    return _ready(broker)


def stop(where: Broker | Path, *, patience: float = 30.0) -> None:
    """Stop a broker in good order, by force after `patience` seconds; nothing happens if it does not run.

    Parameters
    ----------
    where
        The broker, or the home whose default data folder it uses.
    patience
        How long it may take to write its data and go.
    """
    broker = status(where)
    if broker is not None:
        kafka_process.end(broker.process, patience=patience)
        _record(broker.data).unlink(missing_ok=True)


def kill(where: Broker | Path) -> None:
    """End a broker with SIGKILL, as a crash would; nothing happens if it does not run."""
    stop(where, patience=0)


def status(where: Broker | Path) -> Broker | None:
    """Return the broker of a data folder as it runs now, None if it does not run.

    Parameters
    ----------
    where
        The broker (an earlier one of the same folder will do), or the home whose default data folder it uses.
    """
    return _running_in(_data_of(where))


def log_file(where: Broker | Path) -> Path:
    """Return where the JVM of a broker prints; that of its start before is `broker.previous.log` beside it."""
    return _data_of(where) / LOG


@contextmanager
def running(
    home: Path | None = None, *, extra: Mapping[str, str] = _NOTHING, scram: Mapping[str, str] = _NOTHING
) -> Iterator[Broker]:
    """Run a broker of its own for a block: free ports, a temporary data folder, nothing left afterwards.

    The block may `kill` and `restart` it; whatever runs in its folder at the end is stopped. In a coroutine take
    `running_async`, which leaves the event loop free while it waits.

    Parameters
    ----------
    home
        The folder that keeps the jars; `default_home()` if None.
    extra, scram
        As in `start`.
    """
    with TemporaryDirectory(prefix="evalstream-kafka-") as directory:
        port, controller_port = free_ports(2)
        broker = start(
            home or default_home(),
            port=port,
            controller_port=controller_port,
            data=Path(directory),
            extra=extra,
            scram=scram,
        )
        try:
            yield broker
        finally:
            stop(broker)


@asynccontextmanager
async def running_async(
    home: Path | None = None, *, extra: Mapping[str, str] = _NOTHING, scram: Mapping[str, str] = _NOTHING
) -> AsyncIterator[Broker]:
    """Run a broker for a block of a coroutine; see `running`."""
    stack = ExitStack()
    manager = running(home, extra=extra, scram=scram)
    starting = asyncio.create_task(asyncio.to_thread(stack.enter_context, manager))
    try:
        yield await asyncio.shield(starting)
    finally:
        # A thread cannot be cancelled: when we are, the broker must first be up before it can be stopped.
        await asyncio.wait([starting])
        await asyncio.to_thread(stack.close)


def _properties(data: Path, port: int, controller_port: int, extra: Mapping[str, str]) -> dict[str, str]:
    ours = {
        "process.roles": "broker,controller",
        "node.id": "1",
        # A static quorum: a dynamic one writes the controller's port into the data, which then could not change.
        "controller.quorum.voters": f"1@{HOST}:{controller_port}",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller_port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": str(data / "log"),
        "auto.create.topics.enable": "false",
        # There is one node, and it is in no hurry to wait for others.
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
        # After a crash the controller lets the broker come back when its former session has run out (default 9 s).
        "broker.session.timeout.ms": "3000",
        "broker.heartbeat.interval.ms": "500",
        # The defaults are for servers: 50 partitions for each internal topic, 128 MiB for the cleaner.
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.num.partitions": "4",
        "share.coordinator.state.topic.num.partitions": "4",
        "num.network.threads": "2",
        "num.io.threads": "4",
        "background.threads": "4",
        "log.cleaner.dedupe.buffer.size": str(16 * 2**20),
    }
    theirs = {key: f"{ours[key]},{value}" if key in _ADDED_TO else value for key, value in extra.items()}
    properties = ours | theirs
    for listener in properties["listeners"].split(","):
        if f"://{HOST}:" not in listener:
            raise KafkaDevError(f"The listener {listener} is not at {HOST}, where a development broker stays.")
    return properties


def _as_properties_file(properties: Mapping[str, str]) -> str:
    # JSON's escapes, without its quotation marks, mean the same to Java.
    return "".join(f"{key}={json.dumps(value)[1:-1]}\n" for key, value in properties.items())


def _read_properties(data: Path) -> dict[str, str]:
    try:
        lines = _settings(data).read_text(encoding="ascii").splitlines()
    except FileNotFoundError as error:
        raise KafkaDevError(f"No broker was started in {data} yet, so there is none to restart.") from error
    return {key: json.loads(f'"{value}"') for key, _, value in (line.partition("=") for line in lines)}


def _ports(properties: Mapping[str, str]) -> list[int]:
    return [int(port) for port in re.findall(r":(\d+)", properties["listeners"])]


def _running_in(data: Path) -> Broker | None:
    known = kafka_process.recall(_record(data))
    if known is None:
        return None
    process, facts = known
    return Broker(Path(facts["home"]), data, facts["port"], facts["controller_port"], process)


def _require_stopped(data: Path) -> None:
    broker = _running_in(data)
    if broker is not None:
        raise KafkaDevError(
            f"A broker already runs in {data}: process {broker.process.pid}, at {broker.bootstrap}. "
            "Use that one, or stop it first."
        )


def _require_ports(properties: Mapping[str, str]) -> None:
    for port in _ports(properties):
        require_free(port)


def _archived(home: Path) -> list[str]:
    """Give the options by which a JVM takes Kafka's classes from an archive: half of the CPU of a start.

    The first start of all makes it, with a broker that is stopped at once.
    """
    archive = archive_file(install(home).resolve())
    if not archive.exists():
        with locked(archive.with_suffix(".lock")):
            if not archive.exists():
                _archive(home, archive)
    return [f"-XX:SharedArchiveFile={archive}"] if archive.stat().st_size else []


def _archive(home: Path, archive: Path) -> None:
    with TemporaryDirectory(dir=archive.parent, prefix="arriving-") as directory:
        data, arriving = Path(directory), Path(directory, "classes")
        port, controller_port = free_ports(2)
        properties = _properties(data, port, controller_port, _NOTHING)
        _settings(data).write_text(_as_properties_file(properties), encoding="ascii")
        # Not every Java can do this. Such a one does without, and is not asked again.
        with suppress(KafkaDevError):
            _format(home, data, [], _NOTHING)
            stop(_ready(_launch(home, data, [f"-XX:ArchiveClassesAtExit={arriving}"])))
        arriving.touch()
        arriving.replace(archive)


def _format(home: Path, data: Path, classes: Sequence[str], scram: Mapping[str, str]) -> None:
    """Make the data folder a broker's own, unless it is one already."""
    if (data / "log" / "meta.properties").exists():
        return
    command = [*_java(home), *SHORT_LIVED, *classes, "kafka.tools.StorageTool", "format"]
    command += ["--config", str(_settings(data)), "--cluster-id", CLUSTER_ID]
    for user, password in scram.items():
        # Kafka splits what follows at these signs, and knows no way to quote them.
        if set(user + password) & set(',"[]'):
            raise KafkaDevError(f'The name and SCRAM password of {user!r} must not contain any of , " [ ]')
        for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512"):
            command += ["--add-scram", f'{mechanism}=[name="{user}",password="{password}"]']
    result = kafka_process.run(command)
    if result.returncode:
        said = (result.stdout + result.stderr).partition("\n\tat ")[0]
        raise KafkaDevError(f"Kafka refused to format {data / 'log'}. Look at the settings. It said:\n{said}")


def _launch(home: Path, data: Path, classes: Sequence[str]) -> Broker:
    options = os.environ.get("KAFKA_HEAP_OPTS", HEAP).split()
    port, controller_port = _ports(_read_properties(data))[:2]
    command = [*_java(home), *options, *classes, *LOGGING, "kafka.Kafka", str(_settings(data))]
    broker = Broker(home, data, port, controller_port, kafka_process.spawn(command, data / LOG))
    kafka_process.remember(_record(data), broker.process, home=str(home), port=port, controller_port=controller_port)
    return broker


def _java(home: Path) -> list[str]:
    return [java_tool("java"), "-cp", f"{install(home).resolve()}/*"]


def _ready(broker: Broker) -> Broker:
    """Return the broker when it answers; leave no process behind when it does not, nor when we are interrupted."""
    transient = retry_if_exception_type((OSError, KafkaError, TimeoutError))
    patiently = Retrying(stop=stop_after_delay(READY_SECONDS), wait=wait_fixed(0.1), retry=transient)
    try:
        patiently(_require_answer, broker)
    except RetryError as error:
        stop(broker)
        raise KafkaDevError(_with_log("The broker does not answer", broker)) from error
    except BaseException:
        stop(broker)
        raise
    return broker


def _require_answer(broker: Broker) -> None:
    if not kafka_process.alive(broker.process):
        raise KafkaDevError(_with_log("The broker died while it started", broker))
    # Cheaper than asking at once, and aiokafka would log every refusal as an error.
    socket.create_connection((HOST, broker.port), timeout=1).close()
    # In a thread of its own, for the caller's may be running an event loop already.
    with ThreadPoolExecutor(max_workers=1) as thread:
        thread.submit(asyncio.run, _require_metadata(broker.bootstrap)).result()


async def _require_metadata(bootstrap: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=5000)
    try:
        await admin.start()
        await admin.describe_cluster()
    finally:
        await admin.close()


def _with_log(what: str, broker: Broker) -> str:
    """Add what the log says of it: from its first error on, or else its end, without the frames of the stacks."""
    text = broker.log.read_text(encoding="utf-8", errors="replace")
    lines = [line for line in text.splitlines() if not line.startswith("\t")]
    errors = (number for number, line in enumerate(lines) if re.search(r" (ERROR|FATAL) |^Error", line))
    first = next(errors, max(0, len(lines) - LOG_LINES))
    return "\n".join([f"{what}. From {broker.log}:", *lines[first : first + LOG_LINES]])


def _data_of(where: Broker | Path) -> Path:
    return where.data if isinstance(where, Broker) else where.absolute() / "data"


def _settings(data: Path) -> Path:
    return data / "server.properties"


def _record(data: Path) -> Path:
    return data / "broker.json"
