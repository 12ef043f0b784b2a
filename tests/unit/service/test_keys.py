"""API keys: who may ask, who may write, of which datasets, how often, and what may not be started at all."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from evalstream.storage.dead_letters import DeadLetter, keep_dead_letters
from evalstream_embedded.app import make_app
from evalstream_embedded.settings import LocalSettings
from evalstream_service.backend import backend_in
from evalstream_service.key_file import change_keys
from evalstream_service.keys import SCOPES, new_key, parse_keys
from evalstream_service.security import check_exposure
from fastapi.testclient import TestClient
from httpx import Response
from pydantic import SecretStr

from tests.asking import asking
from tests.unit.api.embedded import base, replace, send, wait_until_matched

KEYS = "reader=read,\n writer=write , both=read+write,with=sign=read, schlüssel=read,admin=read+write+admin"
#: Names of datasets: a key for some must see only the first.
MINE: Final = "mine [a*]"
OTHER: Final = "other"
LETTER: Final = {"source": "evalstream.predictions", "partition": 0, "key": None, "data_row": "r", "reason": "bad"}


class Service:
    """A service with a key file, and keys for it."""

    def __init__(self, client: TestClient, file: Path) -> None:
        self.client = client
        self.file = file
        self._made = 0

    def key(self, *scopes: str, dataset: str = "*", per_minute: int | None = None, name: str = "") -> str:
        """Make a key of these scopes."""
        self._made += 1
        token, kept = new_key(name or f"key-{self._made}", scopes, [dataset], per_minute)
        change_keys(self.file, lambda keys: (*keys, kept))
        return token

    def revoke_all(self) -> None:
        change_keys(self.file, lambda _: ())

    def ask(self, key: str | None, method: str, path: str, **options: Any) -> Response:
        headers = {} if key is None else {"Authorization": f"Bearer {key}".encode()}
        return self.client.request(method, path, headers=headers, **options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("guarded")


@pytest.fixture(scope="module")
def guarded(folder: Path) -> Iterator[TestClient]:
    settings = LocalSettings(
        _env_file=None,
        data=folder / "data",
        media=folder,
        host="0.0.0.0",
        api_keys=SecretStr(KEYS),
        keys_file=folder / "keys.json",
    )
    for dataset in (MINE, OTHER):
        (folder / dataset).mkdir()
        (folder / dataset / "picture.png").write_bytes(dataset.encode())
    (folder / "loose.png").write_bytes(b"loose")
    with asking(make_app(settings)) as client:
        client.headers["Authorization"] = "Bearer admin"
        for dataset in (MINE, OTHER):
            send(client, dataset, "", replace("row"))
            send(client, dataset, "run", replace("row", predicted=True))
            wait_until_matched(client, dataset, "run")
        del client.headers["Authorization"]
        yield client


@pytest.fixture
def service(guarded: TestClient, folder: Path) -> Service:
    made = Service(guarded, folder / "keys.json")
    made.revoke_all()
    return made


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


def test_what_is_missing_is_said(guarded: TestClient) -> None:
    none = guarded.get("/v1/datasets")
    assert none.headers["WWW-Authenticate"] == "Bearer"
    assert "Authorization: Bearer KEY" in none.json()["detail"]
    wrong = guarded.get("/v1/datasets", headers={"Authorization": "Bearer writer"})
    assert wrong.json() == {"detail": "this API key does not have the scope `read`"}


#: Every route that does not only ask a question, and the scope that it wants. Whoever adds one adds it here.
WANTED: Final = {
    ("get", "/v1/dead-letters"): "write",
    ("get", "/v1/dead-letters/{id}"): "write",
    ("delete", "/v1/dead-letters"): "admin",
    ("post", "/v1/dead-letters/replay"): "admin",
    ("post", "/v1/reconcile"): "admin",
    ("get", "/v1/backup"): "admin",
    ("delete", "/v1/datasets/{dataset}"): "admin",
    ("delete", "/v1/datasets/{dataset}/runs/{run}"): "admin",
    ("delete", "/v1/datasets/{dataset}/rows/{data_row}"): "admin",
    ("post", "/v1/datasets/{dataset}/annotations"): "write",
    ("post", "/v1/datasets/{dataset}/other-files"): "write",
    ("post", "/v1/datasets/{dataset}/runs/{run}/predictions"): "write",
    ("put", "/v1/datasets/{dataset}/ontology"): "write",
    ("put", "/v1/datasets/{dataset}/runs/{run}/step"): "write",
    ("put", "/v1/datasets/{dataset}/runs/{run}/complete"): "write",
    ("put", "/v1/datasets/{dataset}/retention"): "admin",
    ("get", "/media/{path}"): "read",
}
#: Routes that speak of no dataset in their path; each has a test of its own below of what a key for some datasets sees.
OF_NO_DATASET: Final = {"/v1/datasets", "/v1/dead-letters", "/v1/dead-letters/{id}", "/v1/dead-letters/replay"} | {
    "/v1/reconcile",
    "/v1/backup",
    "/media/{path}",
}
OPEN: Final = {("get", "/health"), ("get", "/ready"), ("get", "/metrics"), ("get", "/")}


def _routes(client: TestClient) -> list[tuple[str, str]]:
    paths = client.get("/openapi.json").json()["paths"]
    return [(method, path) for path, operations in paths.items() for method in operations]


def _harmless(method: str, path: str) -> dict[str, bool]:
    """What keeps a route from taking away what other tests look at."""
    return {"dry_run": True} if method == "delete" and path.startswith("/v1/datasets") else {}


def _at(path: str, dataset: str = MINE) -> str:
    return re.sub(r"{\w+}", "run", path.replace("{dataset}", dataset))


def test_every_route_wants_a_key_of_its_scope(service: Service) -> None:
    keys = {scope: service.key(scope) for scope in SCOPES}
    routes = _routes(service.client)
    assert set(WANTED) <= set(routes)
    for method, path in routes:
        if (method, path) in OPEN:
            continue
        wanted = WANTED.get((method, path), "read")
        assert wanted != "read" or method == "get", f"say in WANTED which scope {method} {path} wants"
        assert service.ask(None, method, _at(path)).status_code == 401, f"{method} {path}"
        for scope, key in keys.items():
            answer = service.ask(key, method, _at(path), params=_harmless(method, path))
            if scope == wanted:
                assert answer.status_code not in {401, 403}, f"{method} {path} with {scope}"
            else:
                assert answer.status_code == 403, f"{method} {path} with {scope}"
                assert answer.json() == {"detail": f"this API key does not have the scope `{wanted}`"}


@pytest.mark.parametrize("pattern", ["mine [[]a*[]]", "min?*", "mine*"])
def test_a_key_for_a_dataset_opens_no_route_of_another(service: Service, pattern: str) -> None:
    key = service.key(*SCOPES, dataset=pattern)
    for method, path in _routes(service.client):
        if "{dataset}" not in path:
            assert path in OF_NO_DATASET or (method, path) in OPEN, f"test below what {path} gives away"
            continue
        assert service.ask(key, method, _at(path), params=_harmless(method, path)).status_code not in {401, 403}, (
            f"{method} {path}"
        )
        # Whether there is such a dataset cannot be told from the answer.
        for dataset in (OTHER, "nothing", "MINE [a*]", "a mine [a*]"):
            answer = service.ask(key, method, _at(path, dataset))
            assert answer.status_code == 403, f"{method} {path}"
            assert answer.json() == {"detail": f"this API key is not for the dataset {dataset!r}"}


def test_a_key_for_a_dataset_is_told_of_no_other(service: Service) -> None:
    def listed(key: str) -> list[str]:
        return [dataset["dataset"] for dataset in service.ask(key, "GET", "/v1/datasets").json()["datasets"]]

    assert listed("reader") == [MINE, OTHER]
    assert listed(service.key("read", dataset="mine*")) == [MINE]
    assert listed(service.key("read", dataset="none")) == []


def test_a_key_for_a_dataset_sees_and_touches_no_dead_letter_of_another(service: Service) -> None:
    for dataset in (MINE, OTHER):
        service.ask("admin", "POST", f"{base(dataset)}/annotations", content=b"bad")
    of_kafka = [
        DeadLetter(id="t/0/1", position=1, headers=[("evalstream-dataset", MINE.encode())], payload=b"1", **LETTER),
        DeadLetter(id="t/0/2", position=2, headers=[("evalstream-dataset", OTHER.encode())], payload=b"2", **LETTER),
        DeadLetter(id="t/0/3", position=3, headers=[], payload=f'{{"dataset": "{MINE}"'.encode(), **LETTER),
    ]
    keep_dead_letters(backend_in(service.client.app).clients(), of_kafka)

    def listed(key: str, **query: Any) -> dict[str, str]:
        letters = service.ask(key, "GET", "/v1/dead-letters", params=query).json()["dead_letters"]
        return {letter["id"]: letter["source"] for letter in letters}

    everything = listed("admin")
    key = service.key(*SCOPES, dataset="mine*")
    mine = listed(key)
    assert len(everything) == 5
    assert len(mine) == 2
    assert sorted(mine.values()) == [f"{base(MINE)}/annotations", "evalstream.predictions"]
    assert "t/0/1" in mine
    assert len(listed(key, limit=1)) == 1  # of those that it may see, not of all
    hidden = sorted(everything.keys() - mine.keys())
    for name in hidden:
        answer = service.ask(key, "GET", f"/v1/dead-letters/{name}")
        assert answer.status_code == 404
        assert answer.json() == service.ask(key, "GET", "/v1/dead-letters/none").json() | {
            "detail": f"there is no dead letter {name!r}; it may have been replayed or dropped"
        }
    assert service.ask(key, "POST", "/v1/dead-letters/replay", json={"ids": hidden}).json() == {"count": 0}
    assert service.ask(key, "DELETE", "/v1/dead-letters", params={"ids": hidden}).json() == {"count": 0}
    assert listed("admin") == everything
    assert service.ask(key, "DELETE", "/v1/dead-letters", params={"ids": list(everything)}).json() == {"count": 2}
    assert sorted(listed("admin")) == hidden
    assert service.ask("admin", "DELETE", "/v1/dead-letters", params={"ids": hidden}).json() == {"count": 3}


def test_a_key_for_a_dataset_has_no_other_matched_anew(service: Service) -> None:
    key = service.key("admin", dataset="mine*")
    assert service.ask(key, "POST", "/v1/reconcile", json={"dataset": MINE}).status_code == 200
    refused = service.ask(key, "POST", "/v1/reconcile", json={"dataset": OTHER})
    assert (refused.status_code, refused.json()["detail"]) == (403, "this API key is not for the dataset 'other'")
    refused = service.ask(key, "POST", "/v1/reconcile", json={})
    assert refused.status_code == 403
    assert "name one that it is for" in refused.json()["detail"]


def test_a_key_for_a_dataset_sees_the_pictures_in_its_folder_only(service: Service) -> None:
    key = service.key("read", dataset="mine*")
    assert service.ask(key, "GET", f"/media/{MINE}/picture.png").content == MINE.encode()
    for path in (f"{OTHER}/picture.png", "loose.png", f"{MINE}/%2e%2e/{OTHER}/picture.png", f"{MINE}/%2e%2e/loose.png"):
        assert service.ask(key, "GET", f"/media/{path}").status_code == 403, path
        assert service.ask("reader", "GET", f"/media/{path}").status_code == 200, path
    assert service.ask(key, "GET", f"/media/%2f{OTHER}/picture.png").status_code == 403


def test_an_event_goes_nowhere_but_where_its_key_may_write(service: Service) -> None:
    key = service.key("write", dataset="mine*")
    line = json.dumps(replace("smuggled") | {"dataset": OTHER}).encode()
    assert service.ask(key, "POST", f"{base(MINE)}/annotations", content=line).json()["rejected"] == 1
    letters = service.ask(key, "GET", "/v1/dead-letters").json()["dead_letters"]
    assert [letter["source"] for letter in letters] == [f"{base(MINE)}/annotations"]
    ids = [letter["id"] for letter in letters]
    assert service.ask("admin", "DELETE", "/v1/dead-letters", params={"ids": ids}).json() == {"count": 1}


def test_keys_take_effect_and_are_revoked_without_a_restart(service: Service) -> None:
    key = service.key("read")
    assert service.ask(key, "GET", "/v1/datasets").status_code == 200
    service.revoke_all()
    assert service.ask(key, "GET", "/v1/datasets").status_code == 401
    assert service.ask("reader", "GET", "/v1/datasets").status_code == 200  # the environment's stay


@pytest.mark.parametrize("how", ["content", "mode"])
def test_a_key_file_that_cannot_be_read_lets_nobody_in(
    service: Service, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    key = service.key("read")
    assert service.ask(key, "GET", "/v1/datasets").status_code == 200
    if how == "content":
        service.file.write_text("secret", encoding="utf-8")
    else:
        service.file.chmod(0o666)
    try:
        for _ in range(2):
            answer = service.ask(key, "GET", "/v1/datasets")
            assert answer.status_code == 503
            assert str(service.file) not in answer.text
        assert len([record for record in caplog.records if record.levelno == logging.ERROR]) == 1
        assert "secret" not in caplog.text
    finally:
        service.file.unlink()
    assert service.ask(key, "GET", "/v1/datasets").status_code == 401
    assert service.ask("reader", "GET", "/v1/datasets").status_code == 200


def test_a_file_without_keys_opens_nothing(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    for host in ("127.0.0.1", "0.0.0.0"):
        app = make_app(LocalSettings(_env_file=None, data=tmp_path / "data", host=host, keys_file=file))
        assert _status(asking(app), None) == (401, 401)
        assert _status(asking(app), "any") == (401, 401)


def test_a_key_file_that_cannot_be_read_keeps_a_service_from_starting(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_text("{", encoding="utf-8")
    file.chmod(0o600)
    with pytest.raises(ValueError, match=r"keys\.json"):
        make_app(LocalSettings(_env_file=None, data=tmp_path / "data", keys_file=file))


def test_a_key_that_asks_too_often_is_told_when_to_come_back(service: Service) -> None:
    key = service.key("read", per_minute=3)
    for _ in range(3):
        assert service.ask(key, "GET", "/v1/datasets").status_code == 200
    answer = service.ask(key, "GET", "/v1/datasets")
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert "3 times a minute" in answer.json()["detail"]
    assert service.ask(service.key("read", per_minute=3), "GET", "/v1/datasets").status_code == 200
    assert service.ask("reader", "GET", "/v1/datasets").status_code == 200


def test_what_is_refused_for_its_scope_counts_too(service: Service) -> None:
    key = service.key("read", per_minute=1)
    assert service.ask(key, "DELETE", "/v1/dead-letters").status_code == 403
    assert service.ask(key, "DELETE", "/v1/dead-letters").status_code == 429


def test_who_did_what_an_administrator_does_is_logged(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    key = service.key(*SCOPES, name="ops@night")
    caplog.set_level(logging.INFO, "evalstream.audit")
    assert service.ask(key, "POST", f"{base(MINE)}/annotations", content=b"bad\nworse").json()["rejected"] == 2
    ids = [letter["id"] for letter in service.ask(key, "GET", "/v1/dead-letters").json()["dead_letters"]]
    service.ask(key, "POST", "/v1/dead-letters/replay", json={"ids": [ids[0], "none\nforged"]})
    service.ask(key, "DELETE", "/v1/dead-letters", params={"ids": [ids[1], "none\nforged"]})
    service.ask("admin", "POST", "/v1/reconcile", json={"dataset": MINE})
    service.ask(service.key("read"), "DELETE", "/v1/dead-letters", params={"ids": ids})
    lines = [record.getMessage() for record in caplog.records if record.name == "evalstream.audit"]
    assert all("\n" not in line and key not in line for line in lines)
    assert [json.loads(line) for line in lines] == [
        {"key": "ops@night", "action": "dead-letters.replay", "ids": [ids[0]], "count": 1},
        {"key": "ops@night", "action": "dead-letters.drop", "ids": [ids[1], "none\nforged"], "count": 1},
        {"key": "environment-6", "action": "reconcile", "dataset": MINE, "which": "stale"},
    ]
    left = [letter["id"] for letter in service.ask("admin", "GET", "/v1/dead-letters").json()["dead_letters"]]
    service.ask("admin", "DELETE", "/v1/dead-letters", params={"ids": left})


def test_another_scheme_is_no_key(guarded: TestClient) -> None:
    assert guarded.get("/v1/datasets", headers={"Authorization": "Basic reader"}).status_code == 401


@pytest.mark.parametrize("text", ["secret", "secret=", "=read", "secret=root", "secret=read+", "ok=read,secret=reed"])
def test_keys_that_cannot_be_read_are_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match=r"write KEY=read, or several scopes") as error:
        parse_keys(text)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "evalstream.example", ""])
def test_beyond_this_machine_keys_are_needed(host: str) -> None:
    with pytest.raises(ValueError, match="set EVALSTREAM_KEYS_FILE"):
        make_app(LocalSettings(_env_file=None, host=host, api_keys=SecretStr("")))
    check_exposure(host, keys_needed=True)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_on_this_machine_they_are_not(host: str) -> None:
    check_exposure(host, keys_needed=False)


def test_without_keys_loopback_is_open(tmp_path: Path) -> None:
    app = make_app(LocalSettings(_env_file=None, data=tmp_path, api_keys=SecretStr("")))
    assert not app.state.keys.needed
