"""The topics: created with their partitions and retention spelled out, never by accident.

All have one partition count and are keyed by dataset and data row, so that what belongs to one data row lies in one
partition of each, in order.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Self

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code
from evalstream.errors import EvalstreamError
from pydantic import BaseModel, Field, model_validator

from evalstream_cluster.connection import MESSAGE_LIMIT, kafka_admin
from evalstream_cluster.settings import ServiceSettings
from evalstream_cluster.topic_ids import topics_as_they_are

ANNOTATIONS: Final = "annotations"
PREDICTIONS: Final = "predictions"
CHANGED_ROWS: Final = "changed-rows"
TOPICS: Final = (ANNOTATIONS, PREDICTIONS, CHANGED_ROWS)


class ChangedRows(BaseModel):
    """Word from ingest to the matchers that data rows of one partition have new events."""

    dataset: str
    data_rows: list[str]
    accepted_ms: list[int] = Field(
        description="of each data row, when the first of these events was put on its topic, Unix time"
    )

    @model_validator(mode="before")
    @classmethod
    def _one_row(cls, said: Any) -> Any:
        """Read the word of one data row too: services that are not replaced yet send those."""
        if not isinstance(said, dict) or "data_row" not in said:
            return said
        return {
            "dataset": said.get("dataset"),
            "data_rows": [said["data_row"]],
            "accepted_ms": [said.get("accepted_ms")],
        }

    @model_validator(mode="after")
    def _parallel(self) -> Self:
        if len(self.data_rows) != len(self.accepted_ms):
            raise ValueError("accepted_ms needs one time for each of data_rows")
        return self


class TopicError(EvalstreamError, RuntimeError):
    """The topics cannot be made, or are not as they must be."""


async def ensure_topics(settings: ServiceSettings) -> Mapping[str, str]:
    """Create the topics that are missing, and check those that are there; give their ids.

    Raises
    ------
    TopicError
        If no broker can be reached, it refuses, or a topic has another number of partitions: keys would then land
        elsewhere.
    """
    config = {
        "cleanup.policy": "delete",
        "retention.ms": str(settings.kafka_retention_hours * 3600 * 1000),
        "max.message.bytes": str(MESSAGE_LIMIT),
    }
    names = [settings.topic(name) for name in TOPICS]
    admin = kafka_admin(settings)
    try:
        await _start(admin, settings)
        wanted = [
            NewTopic(name, settings.kafka_partitions, settings.kafka_replication, topic_configs=config)
            for name in names
        ]
        answer = await admin.create_topics(wanted)
        for name, code, *rest in answer.topic_errors:
            error = for_code(code)
            if code and error is not TopicAlreadyExistsError:
                raise TopicError(f"topic {name} cannot be created: {rest[0] if rest and rest[0] else error.__name__}")
        descriptions = await admin.describe_topics(names)
        ids = (await topics_as_they_are(admin, names)).ids
    finally:
        await admin.close()
    for topic in descriptions:
        partitions = len(topic["partitions"])
        if not topic["error_code"] and partitions != settings.kafka_partitions:
            raise TopicError(
                f"topic {topic['topic']} has {partitions} partitions, not {settings.kafka_partitions}: set"
                f" EVALSTREAM_KAFKA_PARTITIONS={partitions}, the same for every service"
            )
    return ids


async def _start(admin: AIOKafkaAdminClient, settings: ServiceSettings) -> None:
    try:
        await admin.start()
    except (KafkaError, OSError) as error:
        who = f" as {settings.kafka_user!r} ({settings.kafka_sasl_mechanism})" if settings.kafka_user else ""
        raise TopicError(
            f"Kafka at {settings.kafka_bootstrap} cannot be reached over {settings.kafka_security_protocol}{who}, or"
            " refuses the password; the line above says which. Check EVALSTREAM_KAFKA_BOOTSTRAP, _SECURITY_PROTOCOL,"
            f" _SASL_MECHANISM, _USER, _PASSWORD and _CA_FILE ({error})"
        ) from error
