"""The commands for dead letters, reconcile and replay, against a real embedded service."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import uvicorn
from evalstream.storage.dead_letters import DeadLetter, keep_dead_letters
from evalstream_api.uploads import reader_of, route_of
from evalstream_cli.main import app
from evalstream_devcluster.kafka_process import free_ports
from evalstream_embedded.app import make_app
from evalstream_embedded.settings import LocalSettings
from evalstream_service.backend import backend_in
from fastapi import FastAPI
from pydantic import SecretStr
from typer.testing import CliRunner, Result

KEY = "writer"
PAYLOAD = b'{"data_row": "\xff\x00", '
GOOD = {"data_row": "a", "operation": "replace"}
ROUTE = "/v1/dead-letters"


class Service:
    """An embedded service, and what the commands say to it."""

    def __init__(self, embedded: FastAPI, url: str) -> None:
        self.embedded = embedded
        self.url = url
        self.http = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {KEY}"}, trust_env=False)

    def invoke(self, *words: str, key: str = KEY, answer: str | None = None) -> Result:
        return CliRunner().invoke(app, [*words, "--url", self.url, "--api-key", key], input=answer)

    def say(self, *words: str) -> str:
        result = self.invoke(*words)
        assert result.exit_code == 0, result.output
        return result.output

    def ids(self, *filters: str) -> list[str]:
        return [letter["id"] for letter in json.loads(self.say("dead-letters", "list", "--json", *filters))]

    def upload(self, dataset: str, *lines: bytes) -> None:
        self.http.post(f"/v1/datasets/{dataset}/annotations", content=b"\n".join(lines)).raise_for_status()


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    (port,) = free_ports(1)
    settings = LocalSettings(
        _env_file=None,
        port=port,
        data=tmp_path_factory.mktemp("data"),
        api_keys=SecretStr(f"{KEY}=read+write+admin,reader=read"),
    )
    embedded = make_app(settings)
    server = uvicorn.Server(uvicorn.Config(embedded, host=settings.host, port=port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    made = Service(embedded, f"http://{settings.host}:{port}")
    yield made
    made.http.close()
    server.should_exit = True
    thread.join()


@pytest.fixture
def service(serving: Service, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """The service, with no dead letters in it."""
    monkeypatch.delenv("EVALSTREAM_CLICKHOUSE_URL", raising=False)
    yield serving
    while ids := serving.ids():
        serving.say("dead-letters", "drop", "--yes", *ids)


def test_listed_by_source_reason_and_time(service: Service) -> None:
    service.upload("one", PAYLOAD, json.dumps(GOOD | {"schema_version": 9}).encode())
    service.upload("two", PAYLOAD)
    assert len(service.ids()) == 3
    assert len(set(service.ids())) == 3  # two uploads do not collide
    assert len(service.ids("--source", "/v1/datasets/one/annotations")) == 2
    assert len(service.ids("--reason", "SCHEMA_Version")) == 1
    assert service.ids("--reason", "schema%") == []
    assert len(service.ids("--since", "1h")) == 3
    later = datetime.now(UTC) + timedelta(minutes=1)
    assert service.ids("--since", later.isoformat()) == []
    assert len(service.ids("--since", "2020-01-01T00:00")) == 3
    assert service.ids("--limit", "1") == service.ids()[:1]
    table = service.say("dead-letters", "list")
    assert service.ids()[0] in table
    assert "There are no such" in service.say("dead-letters", "list", "--source", "nowhere")
    assert "write 30m" in service.invoke("dead-letters", "list", "--since", "yesterday").output


def test_shown_whole(service: Service) -> None:
    service.upload("shown", b'{"data_row": "row 7"}', PAYLOAD)
    readable, binary = sorted(service.ids(), key=lambda name: name.rpartition("/")[2])
    shown = service.say("dead-letters", "show", readable)
    assert '{"data_row": "row 7"}' in shown
    assert "/v1/datasets/shown/annotations" in shown
    assert repr(PAYLOAD) in service.say("dead-letters", "show", binary)
    assert service.invoke("dead-letters", "show", binary, "--raw").stdout_bytes == PAYLOAD
    assert json.loads(service.say("dead-letters", "show", binary, "--json"))["size"] == len(PAYLOAD)
    missing = service.invoke("dead-letters", "show", "none/1")
    assert missing.exit_code == 2
    assert "there is no dead letter 'none/1'" in missing.output


def test_dropped_only_when_meant(service: Service) -> None:
    service.upload("dropped", PAYLOAD, b"other", b"another")
    assert service.invoke("dead-letters", "drop", answer="n\n").exit_code == 1
    assert len(service.ids()) == 3
    first = service.ids()[0]
    assert "1 dropped" in service.say("dead-letters", "drop", first, "--yes")
    assert "There are no such" in service.say("dead-letters", "drop", "--source", "nowhere")
    assert "not both" in service.invoke("dead-letters", "drop", first, "--reason", "x").output
    assert service.invoke("dead-letters", "drop", "--limit", "1", answer="y\n").exit_code == 0
    assert len(service.ids()) == 1


def test_replayed_to_where_it_came_from(service: Service) -> None:
    source = "/v1/datasets/m%3Fnded%20%23/annotations"
    service.upload("m%3Fnded%20%23", b"still bad", b"too")
    before = service.ids("--source", source)
    assert len(before) == 2
    # One whose cause is mended by now, an upgrade may do that; and an id of nothing, which counts for nothing.
    letter = {"id": "earlier/1", "source": source, "partition": -1, "position": 1, "key": None, "headers": []}
    kept = DeadLetter(**letter, data_row="", reason="schema_version: 2", payload=json.dumps(GOOD).encode())
    keep_dead_letters(backend_in(service.embedded).clients(), [kept, kept])
    assert "1 put back" in service.say("dead-letters", "replay", "--yes", "earlier/1", "none/1")
    assert service.ids() == before
    assert "2 put back" in service.say("dead-letters", "replay", "--yes", "--reason", "JSON")
    assert len(service.ids()) == 2
    assert not set(service.ids()) & set(before)
    found = backend_in(service.embedded).clients().query("SELECT data_row FROM events WHERE dataset = 'm?nded #'")
    assert found.result_rows == [("a",)]


def test_the_first_error_ends_it_and_what_was_done_stays_done(service: Service) -> None:
    service.upload("stopped", b"1", b"2", b"3")
    names = service.ids()[::-1]
    intake = backend_in(service.embedded).intake
    assert intake is not None
    real = intake.put_back

    async def put_back(letter: DeadLetter) -> None:
        if letter.position == 2:
            raise ValueError("it holds nothing")
        await real(letter)

    intake.put_back = put_back
    try:
        stopped = service.invoke("dead-letters", "replay", "--yes")
    finally:
        intake.put_back = real
    assert stopped.exit_code == 2
    assert "after 1 put back: it holds nothing" in stopped.output
    assert names[0] not in service.ids()
    assert {names[1], names[2]} <= set(service.ids())
    assert len(service.ids()) == 3


def test_only_for_those_who_may_write(service: Service) -> None:
    refused = service.invoke("dead-letters", "list", key="reader")
    assert refused.exit_code == 2
    assert "scope `write`" in refused.output
    for method, path in (("GET", ROUTE), ("DELETE", ROUTE), ("POST", f"{ROUTE}/replay"), ("POST", "/v1/reconcile")):
        assert httpx.request(method, service.url + path, trust_env=False).status_code == 401


def test_too_much_at_once_is_refused(service: Service) -> None:
    assert service.http.post(f"{ROUTE}/replay", json={"ids": ["x"] * 101}).status_code == 422
    assert service.http.delete(ROUTE).status_code == 422
    assert service.http.get(ROUTE, params={"limit": 10_001}).status_code == 422


@pytest.mark.parametrize("route", ["/v1/datasets/a%2Fb%20%25/annotations", "/v1/datasets/%C3%A9/runs/r%3F/predictions"])
def test_a_route_and_its_reader_are_each_other_s_inverse(route: str) -> None:
    assert route_of(reader_of(route)) == route


@pytest.mark.parametrize("route", ["evalstream.predictions", "/v1/datasets/a", "/v1/datasets/a/runs/r/annotations", ""])
def test_what_is_no_route_is_refused(route: str) -> None:
    with pytest.raises(ValueError, match="not a route for uploads"):
        reader_of(route)


def test_reconcile_and_replay(service: Service) -> None:
    service.upload("repaired", json.dumps(GOOD).encode())
    service.http.post("/v1/datasets/repaired/runs/r/predictions", content=json.dumps(GOOD)).raise_for_status()
    progress = "/v1/datasets/repaired/runs/r/progress"
    while service.http.get(progress).json()["pending"]:
        time.sleep(0.01)
    assert "up to date" in service.say("reconcile", "--failed")
    backend_in(service.embedded).clients().command("DELETE FROM results WHERE dataset = 'repaired'")
    assert service.http.get(progress).json()["pending"] == 1
    assert "1 data rows matched anew" in service.say("reconcile", "--dataset", "repaired")
    assert service.http.get(progress).json()["pending"] == 0
    assert "1 data rows matched anew" in service.say("replay", "--dataset", "repaired")
    assert "there is no dataset 'none'" in service.invoke("replay", "--dataset", "none").output
    refused = service.invoke("reconcile", key="reader")
    assert refused.exit_code == 2
    assert "scope `admin`" in refused.output
