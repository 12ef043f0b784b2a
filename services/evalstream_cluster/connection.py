"""Connections: FastStream's broker, a producer, the admin client and ClickHouse, from the same settings."""

from __future__ import annotations

import logging
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from clickhouse_connect.driver.client import Client
from evalstream.storage.engine import open_server
from faststream.kafka import KafkaBroker
from faststream.kafka.security import parse_security
from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512

from evalstream_cluster.settings import ServiceSettings

#: The largest record that travels: above what ingest accepts, so that a record that is too large can be put aside with
#: a reason instead of blocking its producer.
MESSAGE_LIMIT = 32 * 1024 * 1024


def security(settings: ServiceSettings) -> BaseSecurity:
    """Describe how to log in, in FastStream's terms."""
    context = settings.kafka_ssl()
    if not settings.kafka_security_protocol.startswith("SASL"):
        return BaseSecurity(ssl_context=context)
    kinds = {"PLAIN": SASLPlaintext, "SCRAM-SHA-256": SASLScram256, "SCRAM-SHA-512": SASLScram512}
    kind = kinds[settings.kafka_sasl_mechanism]
    return kind(settings.kafka_user, settings.kafka_password.get_secret_value(), ssl_context=context)


def kafka_broker(settings: ServiceSettings, client_id: str) -> KafkaBroker:
    """Make the broker that subscribes; it waits for a batch in hand when it is stopped."""
    return KafkaBroker(
        settings.kafka_bootstrap.split(","),
        client_id=client_id,
        security=security(settings),
        allow_auto_create_topics=False,
        graceful_timeout=60,
        logger=logging.getLogger("evalstream_cluster.faststream"),
        log_level=logging.DEBUG,  # of its word on every batch
    )


def kafka_producer(settings: ServiceSettings, client_id: str) -> AIOKafkaProducer:
    """Make a producer: acknowledged by all replicas in sync, each record once and in order."""
    return AIOKafkaProducer(
        client_id=client_id,
        acks="all",
        enable_idempotence=True,
        compression_type="lz4",
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
    return {"bootstrap_servers": settings.kafka_bootstrap.split(","), **parse_security(security(settings))}
