"""The real services against a broker and a ClickHouse endpoint that want to know who is there."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from evalstream_devcluster import clickhouse_process, services
from evalstream_devcluster.kafka_secured import Secured
from evalstream_devcluster.services import ServiceName, ServiceProcess, start_service, wait_ended, wait_ready

from tests.kafka.conftest import USERS
from tests.prefork import services_forked

pytestmark = pytest.mark.kafka

PATIENCE = 60
KAFKA_USER, KAFKA_PASSWORD = next(iter(USERS.items()))
CLICKHOUSE_USER, CLICKHOUSE_PASSWORD = "evalstream", 'it\'s "a" påss:word\\'
WRONG = "wr0ng-passw0rd"
SECRETS = (KAFKA_PASSWORD, CLICKHOUSE_PASSWORD, WRONG)

Settings = dict[str, str]


class Guarded(NamedTuple):
    """A broker and an endpoint that are guarded, and the folder for what a test starts on them."""

    folder: Path
    doors: Secured
    clickhouse: Settings

    def kafka(self, protocol: str, mechanism: str = "") -> Settings:
        """How to log in there, without the password."""
        address = {"SSL": self.doors.ssl, "SASL_PLAINTEXT": self.doors.sasl_plaintext, "SASL_SSL": self.doors.sasl_ssl}
        settings = {
            "EVALSTREAM_KAFKA_BOOTSTRAP": address[protocol],
            "EVALSTREAM_KAFKA_SECURITY_PROTOCOL": protocol,
            "EVALSTREAM_KAFKA_PARTITIONS": "3",
        }
        if mechanism:
            settings |= {"EVALSTREAM_KAFKA_SASL_MECHANISM": mechanism, "EVALSTREAM_KAFKA_USER": KAFKA_USER}
        if protocol.endswith("SSL"):
            settings["EVALSTREAM_KAFKA_CA_FILE"] = str(self.doors.certificate)
        return settings


@pytest.fixture(scope="module")
def guarded(doors: Secured, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("guarded")
    with services_forked():
        users = {CLICKHOUSE_USER: CLICKHOUSE_PASSWORD}
        endpoint = clickhouse_process.start(folder / "clickhouse", port=0, users=users)
        try:
            login = {"EVALSTREAM_CLICKHOUSE_URL": endpoint.url, "EVALSTREAM_CLICKHOUSE_USER": CLICKHOUSE_USER}
            yield Guarded(folder, doors, login)
        finally:
            clickhouse_process.stop(endpoint)


def kafka_password(password: str = KAFKA_PASSWORD) -> Settings:
    return {"EVALSTREAM_KAFKA_PASSWORD": password}


def clickhouse_password(password: str = CLICKHOUSE_PASSWORD) -> Settings:
    return {"EVALSTREAM_CLICKHOUSE_PASSWORD": password}


def secrets_dir(folder: Path, **secrets: str) -> Settings:
    """Put secrets where container platforms mount them."""
    folder.mkdir()
    for name, secret in secrets.items():
        (folder / name).write_text(secret + "\n", encoding="utf-8")
    return {"EVALSTREAM_SECRETS_DIR": str(folder)}


@pytest.fixture
def team(guarded: Guarded) -> Iterator[dict[str, ServiceProcess]]:
    """The services of a whole cluster, each with another way in; one has its secrets from files."""
    files = secrets_dir(
        guarded.folder / "secrets",
        evalstream_kafka_password=KAFKA_PASSWORD,
        evalstream_clickhouse_password=CLICKHOUSE_PASSWORD,
        evalstream_api_keys="uploader=write",
    )
    ways: dict[str, tuple[ServiceName, Settings]] = {
        "ingest": ("ingest", guarded.kafka("SASL_SSL", "SCRAM-SHA-512") | files),
        "plain": ("matcher", guarded.kafka("SASL_PLAINTEXT", "PLAIN") | kafka_password() | clickhouse_password()),
        "scram-256": (
            "matcher",
            guarded.kafka("SASL_PLAINTEXT", "SCRAM-SHA-256") | kafka_password() | clickhouse_password(),
        ),
        "tls": ("matcher", guarded.kafka("SSL") | clickhouse_password()),
        "query": ("query", clickhouse_password()),
    }
    started: dict[str, ServiceProcess] = {}
    try:
        for name, (kind, settings) in ways.items():
            started[name] = start_service(kind, guarded.folder / name, guarded.clickhouse | settings)
        for service in started.values():
            wait_ready(service, PATIENCE)
        yield started
    finally:
        for service in started.values():
            services.stop(service)


def test_every_way_in_carries_events_to_numbers(team: Mapping[str, ServiceProcess]) -> None:
    rows = [json.dumps({"data_row": str(row), "operation": "replace"}).encode() for row in range(30)]
    key = {"Authorization": "Bearer uploader"}
    uploads = f"{team['ingest'].url}/v1/datasets/d/runs/r/predictions"
    assert httpx.post(uploads, content=b"\n".join(rows)).status_code == 401
    accepted = httpx.post(uploads, content=b"\n".join(rows), headers=key).raise_for_status().json()["accepted"]
    assert accepted == len(rows)
    deadline = time.monotonic() + PATIENCE
    with httpx.Client(base_url=team["query"].url) as query:
        while time.monotonic() < deadline:
            answer = query.get("/v1/datasets/d/runs/r/progress")
            if answer.is_success and answer.json()["state"] == "complete" and answer.json()["rows"] == len(rows):
                break
            time.sleep(0.1)
    assert answer.json()["done"] == len(rows)
    for name in ("plain", "scram-256", "tls"):
        assert 'evalstream_batch_seconds_count{stage="matcher"}' in httpx.get(f"{team[name].url}/metrics").text
    for service in team.values():
        said = service.log.read_text(encoding="utf-8")
        assert not [secret for secret in (*SECRETS, "uploader") if secret in said]


@pytest.mark.parametrize(
    ("protocol", "mechanism"),
    [("SASL_PLAINTEXT", "PLAIN"), ("SASL_PLAINTEXT", "SCRAM-SHA-256"), ("SASL_SSL", "SCRAM-SHA-512")],
)
def test_a_wrong_kafka_password_ends_the_service_and_is_not_told(
    guarded: Guarded, protocol: str, mechanism: str
) -> None:
    settings = guarded.clickhouse | guarded.kafka(protocol, mechanism) | kafka_password(WRONG) | clickhouse_password()
    said = ends(guarded.folder / f"refused-{mechanism}", "matcher", settings)
    assert "uthentication failed" in said
    assert f"cannot be reached over {protocol} as 'alice' ({mechanism}), or refuses the password" in said
    assert "EVALSTREAM_KAFKA_BOOTSTRAP" in said


def test_a_broker_of_an_unknown_authority_is_not_trusted(guarded: Guarded) -> None:
    settings = guarded.clickhouse | guarded.kafka("SSL") | clickhouse_password()
    del settings["EVALSTREAM_KAFKA_CA_FILE"]
    said = ends(guarded.folder / "untrusted", "ingest", settings)
    assert "CERTIFICATE_VERIFY_FAILED" in said
    assert "_CA_FILE" in said


@pytest.mark.parametrize("name", ["ingest", "query"])
def test_a_wrong_clickhouse_password_ends_the_service_and_is_not_told(guarded: Guarded, name: ServiceName) -> None:
    settings = guarded.clickhouse | guarded.kafka("SSL") | clickhouse_password(WRONG)
    said = ends(guarded.folder / f"refused-clickhouse-{name}", name, settings)
    assert "Authentication failed" in said
    assert CLICKHOUSE_USER in said


def test_a_missing_password_is_asked_for(guarded: Guarded) -> None:
    settings = guarded.clickhouse | guarded.kafka("SASL_SSL", "PLAIN")
    said = ends(guarded.folder / "missing", "ingest", settings)
    assert "EVALSTREAM_KAFKA_PASSWORD" in said
    assert "evalstream_kafka_password in EVALSTREAM_SECRETS_DIR" in said


def ends(folder: Path, name: ServiceName, settings: Settings) -> str:
    """Start a service that must end by itself, with an error; return what it said."""
    service = start_service(name, folder, settings)
    try:
        assert wait_ended(service, PATIENCE) not in {0, None}
    finally:
        services.kill(service)
    said = service.log.read_text(encoding="utf-8")
    assert "Traceback" not in said
    assert not [secret for secret in SECRETS if secret in said]
    return " ".join(said.split())
