"""Settings of the services of a cluster, beyond those of everything that serves HTTP."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Literal, Self

from evalstream_service.settings import HttpSettings
from pydantic import Field, SecretStr, model_validator


class ServiceSettings(HttpSettings):
    """Settings of ingest, matcher and query; each ignores those that it does not use."""

    clickhouse_url: SecretStr = Field(
        default=SecretStr("http://127.0.0.1:8123"), description="http(s)://host:port/database"
    )
    clickhouse_user: str = "default"
    clickhouse_password: SecretStr = SecretStr("")
    clickhouse_ca_file: Path | None = Field(default=None, description="the authority behind its certificate")

    kafka_bootstrap: str = Field(default="127.0.0.1:9092", description="host:port, several with commas")
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    kafka_user: str = ""
    kafka_password: SecretStr = SecretStr("")
    kafka_ca_file: Path | None = None
    kafka_topic_prefix: str = Field(default="evalstream", description="topics are PREFIX.annotations and so on")
    kafka_group_prefix: str = "evalstream"
    kafka_partitions: int = Field(default=12, ge=1, le=1000, description="of every topic; fixed once topics exist")
    kafka_replication: int = Field(default=1, ge=1, description="copies of each partition; 3 in production")
    kafka_retention_hours: int = Field(default=7 * 24, ge=1, description="how long Kafka keeps events")

    batch_records: int = Field(default=5_000, ge=1, description="most records a batch")
    batch_wait_ms: int = Field(default=100, ge=1, description="longest wait for a batch to fill")
    attempts: int = Field(default=8, ge=1, description="before a batch that fails ends the process")
    stuck_seconds: float = Field(default=120, gt=0, description="a batch in hand for longer makes the service unready")
    dead_letter_ratio: float = Field(default=0.5, gt=0, le=1, description="of a partition's last 1,000 records")
    dead_letter_consecutive: int = Field(default=500, ge=1, description="records of one partition, one after another")

    @model_validator(mode="after")
    def _user_fits(self) -> Self:
        if self.kafka_security_protocol.startswith("SASL") and not (
            self.kafka_user and self.kafka_password.get_secret_value()
        ):
            raise ValueError(
                f"EVALSTREAM_KAFKA_SECURITY_PROTOCOL={self.kafka_security_protocol} needs EVALSTREAM_KAFKA_USER and"
                " EVALSTREAM_KAFKA_PASSWORD (or a file evalstream_kafka_password in EVALSTREAM_SECRETS_DIR)"
            )
        return self

    def topic(self, name: str) -> str:
        """Name a topic in full."""
        return f"{self.kafka_topic_prefix}.{name}"

    def kafka_ssl(self) -> ssl.SSLContext | None:
        """Make the TLS context of Kafka connections, or none where they are plain."""
        if not self.kafka_security_protocol.endswith("SSL"):
            return None
        return ssl.create_default_context(cafile=str(self.kafka_ca_file) if self.kafka_ca_file else None)
