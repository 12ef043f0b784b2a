"""Connections: Kafka's consumer, producer and admin client, and ClickHouse, from the same settings."""

from __future__ import annotations

from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from clickhouse_connect.driver.client import Client
from evalstream.storage.engine import open_server

from evalstream_cluster.settings import ServiceSettings

#: The largest record that travels: above what ingest accepts, so that a record that is too large can be put aside with
#: a reason instead of blocking its producer.
MESSAGE_LIMIT = 32 * 1024 * 1024


def stage_group(settings: ServiceSettings, stage: str) -> str:
    """Name the group of a stage's consumers."""
    return f"{settings.kafka_group_prefix}.{stage}"


def kafka_reader(settings: ServiceSettings) -> AIOKafkaConsumer:
    """Make a client that asks how far partitions reach; it is in no group, and reads nothing."""
    return AIOKafkaConsumer(client_id="evalstream-query", **_client(settings))


def kafka_consumer(settings: ServiceSettings, stage: str, least_bytes: int) -> AIOKafkaConsumer:
    """Make a member of a stage's group; it commits nothing by itself.

    The broker gathers so many bytes before it answers, for as long as a batch may wait.
    """
    return AIOKafkaConsumer(
        client_id=f"evalstream-{stage}",
        group_id=stage_group(settings, stage),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_min_bytes=least_bytes,
        fetch_max_wait_ms=settings.batch_wait_ms,
        max_partition_fetch_bytes=4 * 1024 * 1024,
        max_poll_interval_ms=10 * 60 * 1000,
        session_timeout_ms=10_000,
        rebalance_timeout_ms=60_000,
        **_client(settings),
    )


def kafka_producer(settings: ServiceSettings, client_id: str, *, compressing: bool = True) -> AIOKafkaProducer:
    """Make a producer: acknowledged by all replicas in sync, each record once and in order."""
    return AIOKafkaProducer(
        client_id=client_id,
        acks="all",
        enable_idempotence=True,
        compression_type="lz4" if compressing else None,
        linger_ms=5,
        max_batch_size=1024 * 1024,
        max_request_size=MESSAGE_LIMIT,
        **_client(settings),
    )


def kafka_admin(settings: ServiceSettings) -> AIOKafkaAdminClient:
    """Make the client that creates topics."""
    return AIOKafkaAdminClient(**_client(settings))


def clickhouse(settings: ServiceSettings) -> Client:
    """Connect to ClickHouse."""
    return open_server(
        settings.clickhouse_url.get_secret_value(),
        settings.clickhouse_user,
        settings.clickhouse_password.get_secret_value(),
        settings.clickhouse_ca_file,
    )


def _client(settings: ServiceSettings) -> dict[str, Any]:
    """Say where Kafka is, and how to log in, as every client of aiokafka takes it."""
    where = {
        "bootstrap_servers": settings.kafka_bootstrap.split(","),
        "security_protocol": settings.kafka_security_protocol,
        "ssl_context": settings.kafka_ssl(),
    }
    if not settings.kafka_security_protocol.startswith("SASL"):
        return where
    return where | {
        "sasl_mechanism": settings.kafka_sasl_mechanism,
        "sasl_plain_username": settings.kafka_user,
        "sasl_plain_password": settings.kafka_password.get_secret_value(),
    }
