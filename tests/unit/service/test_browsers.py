"""A page of another site reads nothing and changes nothing here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from evalstream_embedded.app import make_app
from evalstream_embedded.settings import LocalSettings
from evalstream_service.browsers import LOOPBACK, name_of, served_names
from fastapi.testclient import TestClient

from tests.asking import asking

LINE = b'{"data_row":"r","operation":"replace","predictions":[]}'
ROUTE = "/v1/datasets/d/runs/m/predictions"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with asking(make_app(LocalSettings(_env_file=None, data=tmp_path_factory.mktemp("data")))) as client:
        yield client


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},  # another port of this machine is another site's
        {"Origin": "http://evil.example"},
        {"Origin": "http://127.0.0.1:3000"},
        {"Origin": "null"},
    ],
)
def test_another_sites_page_changes_nothing(client: TestClient, headers: dict[str, str]) -> None:
    for method, route in (
        ("POST", ROUTE),
        ("PUT", "/v1/datasets/d/ontology"),
        ("DELETE", "/v1/dead-letters/x"),
        ("DELETE", "/v1/datasets/d/runs/m"),
    ):
        answer = client.request(method, route, content=LINE, headers=headers | {"Content-Type": "text/plain"})
        assert answer.status_code == 403
        assert "another site" in answer.json()["detail"]
    assert "d" not in [item["dataset"] for item in client.get("/v1/datasets").json()["datasets"]]


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8000", "", "[::1"])
def test_under_another_name_it_says_nothing(client: TestClient, host: str) -> None:
    for method, route in (("GET", "/v1/datasets"), ("POST", ROUTE), ("GET", "/"), ("GET", "/health")):
        assert client.request(method, route, content=LINE, headers={"Host": host}).status_code == 421


@pytest.mark.parametrize("host", ["localhost:8000", "LOCALHOST", "127.0.0.1:1", "[::1]:8000", "localhost."])
@pytest.mark.parametrize("site", [{}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}])
def test_under_its_own_names_it_does_what_it_is_told(client: TestClient, host: str, site: dict[str, str]) -> None:
    own = {"Host": host} | site
    assert client.get("/health", headers=own).status_code == 200
    answer = client.post("/v1/datasets/mine/runs/m/predictions", content=LINE, headers=own)
    assert answer.json()["accepted"] == 1
    old = {"Host": host, "Origin": f"http://{host}"}  # of a browser that knows no Sec-Fetch-Site
    assert client.post("/v1/datasets/mine/runs/m/predictions", content=LINE, headers=old).status_code == 200


def test_with_keys_any_name_will_do_unless_names_were_given(tmp_path: Path) -> None:
    settings = LocalSettings(_env_file=None, data=tmp_path, api_keys="k=read", host="0.0.0.0")
    key = {"Authorization": "Bearer k"}
    with asking(make_app(settings)) as client:
        assert client.get("/v1/datasets", headers=key | {"Host": "eval.example"}).status_code == 200
        assert client.post(ROUTE, content=LINE, headers=key | {"Origin": "http://evil.example"}).status_code == 403
    named = LocalSettings(_env_file=None, data=tmp_path, api_keys="k=read", allowed_hosts="eval.example, b.example")
    assert named.allowed_hosts == ("eval.example", "b.example")
    with asking(make_app(named)) as client:
        assert client.get("/v1/datasets", headers=key | {"Host": "EVAL.example:443"}).status_code == 200
        assert client.get("/v1/datasets", headers=key | {"Host": "other.example"}).status_code == 421


def test_names() -> None:
    assert served_names("127.0.0.1", (), keys=False) == (*LOOPBACK, "127.0.0.1")
    assert served_names("0.0.0.0", (), keys=True) == ()
    assert served_names("0.0.0.0", ("a",), keys=True) == (*LOOPBACK, "a")
    assert [name_of(host) for host in ("A:1", "[::1]:2", "b.", "x:y", "[")] == ["a", "::1", "b", "x", ""]


def test_answers_are_data_and_are_kept_nowhere(client: TestClient) -> None:
    for answer in (client.get("/v1/datasets"), client.get("/v1/nowhere"), client.post(ROUTE, headers={"Host": "x"})):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
