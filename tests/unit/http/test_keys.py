"""API keys: who may ask, who may write, and what may not be started at all."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from evalstream_http.security import check_exposure, parse_keys
from evalstream_local.app import make_app
from evalstream_local.settings import LocalSettings
from fastapi.testclient import TestClient
from pydantic import SecretStr

from tests.asking import asking
from tests.unit.http.embedded import base

KEYS = "reader=read,\n writer=write , both=read+write,with=sign=read, schlüssel=read,"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    settings = LocalSettings(
        _env_file=None, data=tmp_path_factory.mktemp("data"), host="0.0.0.0", api_keys=SecretStr(KEYS)
    )
    with asking(make_app(settings)) as client:
        yield client


def _status(client: TestClient, key: str | None) -> tuple[int, int]:
    """What reading and what writing comes to."""
    headers = {} if key is None else {"Authorization": f"Bearer {key}".encode()}
    read = client.get("/v1/datasets", headers=headers)
    write = client.post(f"{base('d')}/annotations", content=b"", headers=headers)
    return read.status_code, write.status_code


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (None, (401, 401)),
        ("", (401, 401)),
        ("unknown", (401, 401)),
        ("reader2", (401, 401)),
        ("reade", (401, 401)),
        ("READER", (401, 401)),
        ("reader", (200, 403)),
        ("writer", (403, 200)),
        ("both", (200, 200)),
        ("with=sign", (200, 403)),
        ("schlüssel", (200, 403)),
        ("schlussel", (401, 401)),
    ],
)
def test_scopes(guarded: TestClient, key: str | None, expected: tuple[int, int]) -> None:
    assert _status(guarded, key) == expected


def test_only_who_may_write_may_delete(guarded: TestClient) -> None:
    both, reader = ({"Authorization": f"Bearer {key}"} for key in ("both", "reader"))
    line = b'{"data_row":"r","operation":"replace","predictions":[]}'
    guarded.post(f"{base('deleted', 'v1')}/predictions", content=line, headers=both).raise_for_status()
    for path in (f"{base('deleted')}/rows/r", base("deleted", "v1"), base("deleted")):
        assert guarded.delete(path).status_code == 401
        assert guarded.delete(path, headers=reader).status_code == 403
        assert guarded.delete(path, headers=both, params={"dry_run": True}).json()["events"] == 1
    assert guarded.delete(path, headers=both).json()["events"] == 1


def test_what_is_missing_is_said(guarded: TestClient) -> None:
    none = guarded.get("/v1/datasets")
    assert none.headers["WWW-Authenticate"] == "Bearer"
    assert "Authorization: Bearer KEY" in none.json()["detail"]
    wrong = guarded.get("/v1/datasets", headers={"Authorization": "Bearer writer"})
    assert wrong.json() == {"detail": "this API key does not have the scope `read`"}


def test_every_route_under_v1_is_guarded(guarded: TestClient) -> None:
    for path, operations in guarded.get("/openapi.json").json()["paths"].items():
        for method in operations:
            if path.startswith("/v1"):
                answer = guarded.request(method, re.sub(r"{\w+}", "1", path))
                assert answer.status_code == 401, f"{method} {path}"


def test_another_scheme_is_no_key(guarded: TestClient) -> None:
    assert guarded.get("/v1/datasets", headers={"Authorization": "Basic reader"}).status_code == 401


@pytest.mark.parametrize("text", ["secret", "secret=", "=read", "secret=admin", "secret=read+", "ok=read,secret=reed"])
def test_keys_that_cannot_be_read_are_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match=r"write KEY=read, KEY=write or KEY=read\+write") as error:
        parse_keys(text)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "evalstream.example", ""])
def test_beyond_this_machine_keys_are_needed(host: str) -> None:
    with pytest.raises(ValueError, match="set EVALSTREAM_API_KEYS"):
        make_app(LocalSettings(_env_file=None, host=host, api_keys=SecretStr("")))
    check_exposure(host, parse_keys("k=read"))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_on_this_machine_they_are_not(host: str) -> None:
    check_exposure(host, {})


def test_without_keys_loopback_is_open(tmp_path_factory: pytest.TempPathFactory) -> None:
    app = make_app(LocalSettings(_env_file=None, data=tmp_path_factory.mktemp("data"), api_keys=SecretStr("")))
    assert app.state.api_keys == {}
