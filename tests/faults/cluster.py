"""A whole cluster of real processes that a test may hurt."""

from __future__ import annotations

import asyncio
import json
import random
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from clickhouse_connect.driver.client import Client
from evalstream.storage.engine import open_server
from evalstream_cluster.row_key import row_key
from evalstream_devcluster import clickhouse_process, kafka, services
from evalstream_devcluster.services import ServiceName, ServiceProcess

from tests.faults.workload import RUNS, Part, ResultRow, results

PATIENCE = 180
PARTITIONS = 6


class Message(NamedTuple):
    topic: str
    key: bytes | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


class Cluster:
    """Broker, ClickHouse stand-in and services, and a supervisor that starts a service again when it ends.

    A supervisor is what compose, systemd and Kubernetes are; without one a crash would be the end of every service.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.broker = kafka.start(kafka.default_home(), port=kafka.free_ports(1)[0], data=folder / "kafka")
        self.endpoint = clickhouse_process.start(folder / "clickhouse", port=0)
        self.settings = {
            "EVALSTREAM_KAFKA_BOOTSTRAP": self.broker.bootstrap,
            "EVALSTREAM_KAFKA_PARTITIONS": str(PARTITIONS),
            "EVALSTREAM_CLICKHOUSE_URL": self.endpoint.url,
            "EVALSTREAM_BATCH_RECORDS": "30",  # many small batches: many moments at which a fault can strike
            "EVALSTREAM_ATTEMPTS": "6",
        }
        self._members: dict[str, ServiceProcess] = {}
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._supervisor = threading.Thread(target=self._supervise, daemon=True)
        for name in ("ingest", "matcher-1", "matcher-2", "query"):
            self.join(name)
        self._supervisor.start()

    def join(self, name: str) -> None:
        """Start a service under the supervisor's care; its kind is the first word of its name."""
        kind: ServiceName = name.partition("-")[0]  # type: ignore[assignment]
        with self._lock:
            port = self._members[name].port if name in self._members else None
            if port is not None and not _is_free(port):
                port = None  # somebody else on this machine was quicker, and may stay
            self._members[name] = services.start_service(kind, self.folder / name, self.settings, port=port)

    def leave(self, name: str) -> None:
        """Stop a service in good order, for good."""
        with self._lock:
            services.stop(self._members.pop(name))

    def kill(self, name: str) -> None:
        """Kill -9 a service; the supervisor starts it again."""
        services.kill(self._members[name])

    def wait_ready(self) -> None:
        """Wait until every service takes work."""
        deadline = time.monotonic() + PATIENCE
        while not all(services.ready(member) for member in list(self._members.values())):
            assert time.monotonic() < deadline, "a service does not become ready"
            time.sleep(0.1)

    def url(self, name: str) -> str:
        return self._members[name].url

    def stop_clickhouse(self) -> None:
        clickhouse_process.kill(self.endpoint)

    def start_clickhouse(self) -> None:
        port = self.endpoint.port
        self.endpoint = clickhouse_process.start(self.folder / "clickhouse", port=port)

    def clickhouse(self) -> Client:
        return open_server(self.endpoint.url)

    def end(self) -> None:
        self._stopped.set()
        self._supervisor.join()
        for member in self._members.values():
            services.kill(member)
        clickhouse_process.kill(self.endpoint)
        kafka.kill(self.broker)

    def _supervise(self) -> None:
        while not self._stopped.wait(0.5):
            for name, member in list(self._members.items()):
                with self._lock:
                    ended = self._members.get(name) == member and not services.alive(member)
                if ended:
                    self.join(name)


def _is_free(port: int) -> bool:
    try:
        kafka.require_free(port)
    except kafka.KafkaDevError:
        return False
    return True


@contextmanager
def running_cluster(folder: Path) -> Iterator[Cluster]:
    cluster = Cluster(folder)
    try:
        cluster.wait_ready()
        yield cluster
    finally:
        cluster.end()


def messages(parts: Sequence[Part], dataset: str) -> list[Message]:
    """The workload as a producer would put it on the topics, under another dataset's name."""
    found = []
    for part in parts:
        topic = "evalstream.predictions" if part.run else "evalstream.annotations"
        run = f'"run": "{part.run}", ' if part.run else ""
        for line in part.lines:
            value = f'{{"dataset": "{dataset}", {run}'.encode() + line[1:]
            found.append(Message(topic, None, value))
    return found


def as_uploaded(parts: Sequence[Part], dataset: str) -> list[Message]:
    """The workload as an upload to another dataset puts it on the topics: the very same events."""
    found = []
    for part in parts:
        topic = "evalstream.predictions" if part.run else "evalstream.annotations"
        known = {"evalstream-dataset": dataset} | ({"evalstream-run": part.run} if part.run else {})
        headers = tuple((name, value.encode()) for name, value in known.items())
        found += [Message(topic, row_key(dataset, json.loads(line)["data_row"]), line, headers) for line in part.lines]
    return found


class Load:
    """Produces messages at a steady rate from a thread of its own, each until the broker has it."""

    def __init__(self, bootstrap: str, messages: Sequence[Message], seconds: float) -> None:
        self._bootstrap = bootstrap
        self._messages = messages
        self._pause = seconds / max(len(messages), 1)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._held_at = len(messages)
        self.sent = 0
        self.error: BaseException | None = None

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.hold_at(1)
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "the load has come to a halt"
        if self.error:
            raise self.error

    def wait_for(self, share: float) -> None:
        """Wait until a share of the messages has been sent."""
        deadline = time.monotonic() + PATIENCE
        while self.sent < round(share * len(self._messages)) and self._thread.is_alive():
            assert time.monotonic() < deadline, "the load has come to a halt"
            time.sleep(0.02)

    def hold_at(self, share: float) -> None:
        """Send a share of the messages, and no more until told."""
        self._held_at = round(share * len(self._messages))

    async def _run(self) -> None:
        try:
            producer = await _started(self._bootstrap)
            for message in self._messages:
                while self.sent >= self._held_at:  # noqa: ASYNC110 - it is another thread that says so
                    await asyncio.sleep(0.02)
                while True:
                    try:
                        await producer.send_and_wait(
                            message.topic,
                            message.value,
                            key=message.key or _key(message),
                            headers=list(message.headers),
                        )
                        break
                    except KafkaError:
                        await producer.stop()
                        producer = await _started(self._bootstrap)
                self.sent += 1
                await asyncio.sleep(self._pause)
            await producer.stop()
        except BaseException as error:
            self.error = error


async def _started(bootstrap: str) -> AIOKafkaProducer:
    while True:
        producer = AIOKafkaProducer(
            bootstrap_servers=bootstrap, acks="all", request_timeout_ms=5000, max_request_size=64 * 1024 * 1024
        )
        try:
            await producer.start()
        except KafkaError:
            await producer.stop()
            await asyncio.sleep(0.2)
        else:
            return producer


def _key(message: Message) -> bytes:
    event = json.loads(message.value)
    return row_key(event["dataset"], event["data_row"])


def wait_until_matched(cluster: Cluster, dataset: str, rows: int) -> None:
    """Wait until every row of every run is there, and none is pending."""
    deadline = time.monotonic() + PATIENCE
    last: object = None
    with httpx.Client(base_url=cluster.url("query"), timeout=20) as http:  # the service keeps its port
        while time.monotonic() < deadline:
            try:
                answers = [http.get(f"/v1/datasets/{dataset}/runs/{run}/progress") for run in RUNS]
                last = [answer.json() for answer in answers]
                if all(a.status_code == 200 and a.json()["rows"] == rows and not a.json()["pending"] for a in answers):
                    return
            except httpx.HTTPError as error:
                last = error
            time.sleep(0.5)  # to ask takes the engine time, which the matchers can use better
    raise AssertionError(f"not all is matched: {last}")


def found_results(cluster: Cluster, dataset: str) -> dict[tuple[str, str, str], ResultRow]:
    """Every result of a dataset, under the name that the clean run has."""
    client = cluster.clickhouse()
    try:
        found = results(client, dataset)
    finally:
        client.close()
    return {("street", *key[1:]): row | {"dataset": "street"} for key, row in found.items()}


def moments(seed: int, count: int) -> list[float]:
    """Shares of a load at which to strike, in order: one within each of as many equal parts of it."""
    rng = random.Random(seed)
    return [(number + rng.uniform(0.1, 0.9)) / count for number in range(count)]
