"""Where there is neither a broker nor the means to start one, its tests are skipped and say so; never in CI."""

from __future__ import annotations

import os
import shutil

import pytest
from evalstream_devcluster.kafka_jars import java_tool
from evalstream_devcluster.kafka_process import KafkaDevError


def _missing() -> str | None:
    """Say what keeps a broker from being started, if anything."""
    if os.environ.get("KAFKA_BOOTSTRAP"):
        return None
    if shutil.which("mvn") is None:
        return "there is no `mvn` on the PATH to fetch Kafka with (Debian, Ubuntu: apt install maven)"
    try:
        java_tool("java")
    except KafkaDevError as error:
        return str(error)
    return None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    marked = [item for item in items if item.get_closest_marker("kafka")]
    if not marked or os.environ.get("CI") or (reason := _missing()) is None:
        return
    for item in marked:
        item.add_marker(pytest.mark.skip(reason=f"no Kafka broker: {reason}"))
