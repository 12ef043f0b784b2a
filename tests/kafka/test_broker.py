"""The development broker, started for real."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaConnectionError, KafkaError
from evalstream_devcluster import kafka
from evalstream_devcluster.kafka_cli import app
from evalstream_devcluster.kafka_secured import Secured
from typer.testing import CliRunner

from tests.kafka.conftest import USERS

pytestmark = pytest.mark.kafka

PASSWORD = USERS["alice"]
PARTITION = TopicPartition("numbers", 0)


async def produce(bootstrap: str, values: range, **security: object) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", **security)
    await producer.start()
    try:
        for value in values:
            await producer.send(PARTITION.topic, str(value).encode())
    finally:
        await producer.stop()


async def consume(bootstrap: str, count: int) -> list[int]:
    """Read `count` numbers from where the group stands, and commit."""
    consumer = AIOKafkaConsumer(
        PARTITION.topic,
        bootstrap_servers=bootstrap,
        group_id="readers",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    await consumer.start()
    try:
        numbers = [int((await asyncio.wait_for(consumer.getone(), 15)).value) for _ in range(count)]
        await consumer.commit({PARTITION: await consumer.position(PARTITION)})
        return numbers
    finally:
        await consumer.stop()


async def create_topic(bootstrap: str, **security: object) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, **security)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(PARTITION.topic, num_partitions=1, replication_factor=1)])
    finally:
        await admin.close()


async def cluster_id(bootstrap: str, **security: object) -> str:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, **security)
    try:
        await admin.start()
        return str((await admin.describe_cluster())["cluster_id"])
    finally:
        await admin.close()


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def crash_and_stop(broker: kafka.Broker) -> kafka.Broker:
    """Kill a broker and start it again, stop it and start it elsewhere: nothing of what it has taken may be lost."""
    asyncio.run(create_topic(broker.bootstrap))
    asyncio.run(produce(broker.bootstrap, range(100)))
    assert asyncio.run(consume(broker.bootstrap, 40)) == list(range(40))

    kafka.kill(broker)
    assert kafka.status(broker) is None
    assert not listens(broker.port)
    crashed, broker = broker, kafka.restart(broker)
    assert (broker.port, broker.data) == (crashed.port, crashed.data)
    assert broker.process != crashed.process
    assert asyncio.run(consume(broker.bootstrap, 30)) == list(range(40, 70))

    kafka.stop(broker)
    port, controller_port = kafka.free_ports(2)
    broker = kafka.start(broker.home, port=port, controller_port=controller_port, data=broker.data)
    asyncio.run(produce(broker.bootstrap, range(100, 110)))
    assert asyncio.run(consume(broker.bootstrap, 40)) == list(range(70, 110))
    return broker


def test_messages_and_offsets_survive_a_crash_and_a_stop_that_leaves_no_process_and_no_folder() -> None:
    async def run_and_leave() -> kafka.Broker:
        async with kafka.running_async() as broker:
            assert kafka.status(broker) == broker
            with pytest.raises(kafka.KafkaDevError, match=f"already runs in .*process {broker.process.pid}"):
                kafka.start(broker.home, port=broker.port, data=broker.data)
            assert listens(broker.port)
            return await asyncio.to_thread(crash_and_stop, broker)

    broker = asyncio.run(run_and_leave())
    with pytest.raises(ProcessLookupError):
        os.kill(broker.process.pid, 0)
    assert not listens(broker.port)
    assert not listens(broker.controller_port)
    assert not broker.data.exists()


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(kafka.KafkaDevError, match=f"Port {port} of 127.0.0.1 cannot be used"):
            kafka.start(kafka.default_home(), port=port, data=tmp_path)
    assert not (tmp_path / "broker.json").exists()


def test_a_listener_elsewhere_than_on_loopback_is_refused(tmp_path: Path) -> None:
    with pytest.raises(kafka.KafkaDevError, match=r"0\.0\.0\.0:9999 is not at 127\.0\.0\.1"):
        kafka.start(tmp_path, data=tmp_path, extra={"listeners": "WIDE://0.0.0.0:9999"})


def test_a_wrong_setting_is_named() -> None:
    with pytest.raises(kafka.KafkaDevError, match=r"settings.*\n.*Invalid value few for configuration num\.io"):
        kafka.running(extra={"num.io.threads": "few"}).__enter__()


def test_a_broker_that_dies_at_once_says_why() -> None:
    without_key = {
        "listeners": f"SSL://127.0.0.1:{kafka.free_ports(1)[0]}",
        "listener.security.protocol.map": "SSL:SSL",
        "ssl.keystore.location": "/nowhere.p12",
    }
    with pytest.raises(kafka.KafkaDevError, match=r"(?s)died while it started.*key store password is not specified"):
        kafka.running(extra=without_key).__enter__()


def test_a_process_that_only_has_the_number_of_the_broker_is_spared(tmp_path: Path) -> None:
    record = {"home": str(tmp_path), "port": 1, "controller_port": 2, "pid": os.getpid(), "born": "long ago"}
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "broker.json").write_text(json.dumps(record))
    assert kafka.status(tmp_path) is None
    kafka.kill(tmp_path)


def trusting(certificate: Path) -> dict[str, object]:
    return {"ssl_context": ssl.create_default_context(cafile=certificate)}


def as_alice(mechanism: str, password: str = PASSWORD) -> dict[str, object]:
    return {
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": mechanism,
        "sasl_plain_username": "alice",
        "sasl_plain_password": password,
    }


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_a_password_opens_and_a_wrong_one_does_not(
    doors: Secured, mechanism: str, caplog: pytest.LogCaptureFixture
) -> None:
    tls = {"security_protocol": "SASL_SSL", **trusting(doors.certificate)}
    assert asyncio.run(cluster_id(doors.sasl_plaintext, **as_alice(mechanism)))
    assert asyncio.run(cluster_id(doors.sasl_ssl, **as_alice(mechanism) | tls))
    with caplog.at_level(logging.ERROR, "aiokafka"), pytest.raises(KafkaConnectionError):
        asyncio.run(cluster_id(doors.sasl_plaintext, **as_alice(mechanism, "shut")))
    assert "Authentication failed" in caplog.text
    with pytest.raises(KafkaError):
        asyncio.run(cluster_id(doors.sasl_plaintext))


def test_tls_clients_connect_if_they_trust_the_certificate(doors: Secured, caplog: pytest.LogCaptureFixture) -> None:
    trusted = {"security_protocol": "SSL", **trusting(doors.certificate)}
    asyncio.run(create_topic(doors.ssl, **trusted))
    asyncio.run(produce(doors.ssl, range(3), **trusted))
    assert asyncio.run(consume(doors.broker.bootstrap, 3)) == [0, 1, 2]
    with caplog.at_level(logging.ERROR, "aiokafka"), pytest.raises(KafkaConnectionError):
        asyncio.run(cluster_id(doors.ssl, security_protocol="SSL", ssl_context=ssl.create_default_context()))
    assert "CERTIFICATE_VERIFY_FAILED" in caplog.text


def test_two_installations_at_once_fetch_the_jars_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor() as threads:
        first, second = threads.map(kafka.install, [tmp_path, tmp_path])
    assert first == second
    assert list(first.glob("kafka_2.13-*.jar"))
    assert {path.name for path in tmp_path.iterdir()} == {first.name, "install.lock"}


def test_classes_are_kept_for_the_next_start() -> None:
    (option,) = kafka._archived(kafka.default_home())
    said, _, archive = option.partition("=")
    assert said == "-XX:SharedArchiveFile"
    assert Path(archive).stat().st_size > 10_000_000


def test_a_java_that_keeps_no_classes_does_without_and_is_not_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / kafka.install(kafka.default_home()).name).mkdir()
    asked: list[Path] = []

    def refused(home: Path, *_: object) -> None:
        asked.append(home)
        raise kafka.KafkaDevError("Unrecognized option")

    monkeypatch.setattr(kafka, "_format", refused)
    assert kafka._archived(tmp_path) == kafka._archived(tmp_path) == []
    assert asked == [tmp_path]


def test_what_is_missing_is_named_with_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(kafka.KafkaDevError, match="apt install maven"):
        kafka.install(tmp_path / "home")
    (tmp_path / "mvn").touch(mode=0o755)
    with pytest.raises(kafka.KafkaDevError, match="apt install openjdk-17"):
        kafka.install(tmp_path / "home")


def test_the_environment_names_another_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KAFKA_BOOTSTRAP", raising=False)
    assert kafka.bootstrap_from_environment() is None
    monkeypatch.setenv("KAFKA_BOOTSTRAP", "broker.example:9092")
    assert kafka.bootstrap_from_environment() == "broker.example:9092"
    answer = CliRunner().invoke(app, ["up"])
    assert answer.exit_code == 0
    assert "broker.example:9092" in answer.output


def test_the_command_line_starts_shows_and_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jars = kafka.install(kafka.default_home())
    (tmp_path / "kafka").mkdir()
    (tmp_path / "kafka" / jars.name).symlink_to(jars)
    monkeypatch.setenv("EVALSTREAM_DEV_HOME", str(tmp_path))
    monkeypatch.delenv("KAFKA_BOOTSTRAP", raising=False)
    port = str(kafka.free_ports(1)[0])

    def said(*words: str, exit_code: int) -> str:
        answer = CliRunner().invoke(app, words)
        assert answer.exit_code == exit_code, answer.output
        return answer.output

    assert "evalstream_devcluster kafka up" in said("status", exit_code=1)
    assert "evalstream_devcluster kafka up" in said("logs", exit_code=1)
    assert "KEY=VALUE" in said("up", "--port", port, "--set", "nonsense", exit_code=1)
    try:
        assert f"127.0.0.1:{port}" in said("up", "--port", port, "--set", "message.max.bytes=2097152", exit_code=0)
        assert f"127.0.0.1:{port}" in said("up", "--port", port, exit_code=0)
        assert "evalstream_devcluster kafka down" in said("up", "--port", "9", exit_code=1)
        assert f"127.0.0.1:{port}" in said("status", exit_code=0)
        assert "Kafka Server started" in said("logs", "-n", "5", exit_code=0)
    finally:
        assert "Stopped" in said("down", exit_code=0)
    assert "No broker" in said("down", exit_code=0)
