"""Each line of the limits and of the threat model names a test that is there, and each number is the code's."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from evalstream.events.decoding import PAYLOAD_LIMIT
from evalstream.events.objects.mask import PNG_PIXELS_LIMIT, PNG_PIXELS_TOGETHER
from evalstream.geometry.limits import MOST_COMPARED, MOST_PAIRS
from evalstream.geometry.polygon import MOST_CROSSINGS, MOST_CROSSINGS_TOGETHER
from evalstream.ontology import CLASSES_LIMIT, DEPTH_LIMIT
from evalstream_api.arrow_stream import BATCH_BYTES, BATCH_ROWS
from evalstream_cli.up import STOP_SECONDS
from evalstream_cluster.settings import ServiceSettings
from evalstream_embedded.app import RECENT_BYTES
from evalstream_embedded.settings import LocalSettings
from evalstream_service import bodies, connections

ROOT = Path(__file__).resolve().parents[3]
LIMITS, THREATS = (ROOT / "docs" / f"{name}.md" for name in ("limits", "threat-model"))
NAMED = re.compile(r"`(tests/\S+\.py)::(\w+)`")
PROMISES = [
    (page.name, line)
    for page in (LIMITS, THREATS)
    for line in page.read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and not line.startswith(("| what", "| promise", "| ---"))
]


@pytest.mark.parametrize(("page", "line"), PROMISES)
def test_a_promise_names_its_test(page: str, line: str) -> None:
    found = NAMED.findall(line)
    assert found, f"{page}: no test holds this: {line}"
    for path, name in found:
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, f"{path}::{name}"


def test_the_numbers_are_those_of_the_code() -> None:
    text = LIMITS.read_text(encoding="utf-8")
    settings = LocalSettings.model_fields
    upload = settings["max_upload_bytes"].default
    for name in ("questions_at_work", "questions_under_way", "uploads_under_way"):
        assert settings[name].default == ServiceSettings.model_fields[name].default
        assert f"| {settings[name].default} | " in text, name
    for value in (upload, PAYLOAD_LIMIT, MOST_PAIRS, MOST_COMPARED, MOST_CROSSINGS, MOST_CROSSINGS_TOGETHER):
        assert f"| {value:,}" in text, value
    for value in (CLASSES_LIMIT, DEPTH_LIMIT):
        assert f"| {value:,} |" in text, value
    assert f"| {BATCH_BYTES:,} bytes, {BATCH_ROWS:,} rows |" in text
    for value in (PNG_PIXELS_LIMIT, PNG_PIXELS_TOGETHER):
        assert f"| {value:,}" in text, value
    for seconds in (bodies.SILENCE_SECONDS, connections.HEAD_SECONDS, connections.READ_SECONDS):
        assert f"| {seconds} s |" in text, seconds
    assert f"| {connections.MOST_CONNECTIONS} |" in text
    assert f"| {bodies.DOCUMENT_LIMIT:,} bytes |" in text
    assert f"| {STOP_SECONDS} s |" in text
    assert f"| {RECENT_BYTES // 2**20} MiB |" in text
