"""Declaring over HTTP: what is said takes effect on every data row, and what is wrong is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from evalstream_api import ontology as routes
from evalstream_embedded.app import make_app
from evalstream_embedded.settings import LocalSettings
from fastapi.testclient import TestClient

from tests.asking import asking
from tests.unit.api.embedded import base, box, client, replace, send, wait_until_matched

__all__ = ["client"]

POINTS = [{"type": "point", "feature": "nose", "point": [0, 0]}]
FAR = [{"type": "point", "feature": "nose", "point": [0, 15], "confidence": 0.9}]


def put(client: TestClient, dataset: str, document: Any, **query: Any) -> dict[str, Any]:
    answer = client.put(f"{base(dataset)}/ontology", json=document, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def get(client: TestClient, dataset: str, question: str, **query: Any) -> dict[str, Any]:
    answer = client.get(f"{base(dataset)}/{question}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def tp(client: TestClient, dataset: str) -> int:
    wait_until_matched(client, dataset, "v1")
    return client.get(f"{base(dataset, 'v1')}/summary").json()["tp"]


def test_a_declaration_takes_effect_on_what_was_matched_before(client: TestClient) -> None:
    for name in ("1", "2"):
        send(client, "noses", "", replace(name, *POINTS))
        send(client, "noses", "v1", replace(name, *FAR, predicted=True))
    assert tp(client, "noses") == 0
    first = put(client, "noses", {"classes": [{"name": "nose", "tolerance": 20}]})
    assert (first["in_force"], first["revisions"]) == (True, 1)
    assert tp(client, "noses") == 2
    assert put(client, "noses", {"tolerance": 5})["version"] > first["version"]
    assert tp(client, "noses") == 0


def test_saying_it_again_changes_nothing(client: TestClient) -> None:
    document = {"classes": [{"name": "nose", "tolerance": 20}]}
    said = [put(client, "again", document) for _ in range(2)]
    assert said[0] == said[1]
    assert [put(client, "again", document, version=7)["revisions"] for _ in range(2)] == [2, 2]
    explicit = {"classes": [{"name": "nose", "tolerance": 20, "parent": None}], "boxes": "continuous"}
    assert put(client, "again", explicit) == said[0] | {"revisions": 2}


def test_an_older_version_is_kept_and_not_in_force(client: TestClient) -> None:
    put(client, "older", {"tolerance": 3}, version=10)
    assert put(client, "older", {"tolerance": 4}, version=9) == {
        "version": 9,
        "id": routes.content_id(routes.Ontology(tolerance=4)),
        "in_force": False,
        "revisions": 2,
    }
    found = get(client, "older", "ontology")
    assert (found["version"], found["ontology"]["tolerance"], found["revisions"]) == (10, 3, 2)
    assert found["received_at"].endswith("Z")


def test_nothing_declared_is_the_default(client: TestClient) -> None:
    found = get(client, "nobody spoke of it", "ontology")
    assert (found["version"], found["revisions"], found["ontology"]["classes"]) == (None, 0, [])
    assert found["ontology"]["tolerance"] == 10


@pytest.mark.parametrize(
    ("document", "place", "said"),
    [
        ({"classes": [{"name": "a"}, {"name": "b", "color": "red"}]}, ["body", "classes", 1, "color"], "pattern"),
        ({"classes": [{"name": "a", "tolerance": 0}]}, ["body", "classes", 0, "tolerance"], "greater than 0"),
        ({"classes": [{"nom": "a"}]}, ["body", "classes", 0, "name"], "required"),
        ({"classes": [{"name": "a"}, {"name": "a"}]}, ["body"], "2 of them have the name 'a'"),
        ({"classes": [{"name": "a", "parent": "b"}, {"name": "b", "parent": "a"}]}, ["body"], "'a' itself"),
        ({"boxes": "fuzzy"}, ["body", "boxes"], "continuous"),
        (b"{", ["body"], "EOF"),
    ],
)
def test_what_is_wrong_is_named(client: TestClient, document: Any, place: list[Any], said: str) -> None:
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    answer = client.put(f"{base('wrong')}/ontology", content=content)
    assert answer.status_code == 422
    assert any(item["loc"] == place and said in item["msg"] for item in answer.json()["detail"]), answer.text
    assert get(client, "wrong", "ontology")["revisions"] == 0


def test_a_document_is_bounded(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "BODY_LIMIT", 100)
    answer = client.put(f"{base('large')}/ontology", json={"classes": [{"name": "a" * 100}]})
    assert answer.status_code == 413
    assert "at most 100 bytes" in answer.json()["detail"]


def test_classes_are_those_declared_and_those_used(client: TestClient) -> None:
    radio = {"type": "radio", "feature": "weather", "answer": "rain"}
    for run in ("v1", "v2"):
        found = [box("car", confidence=0.5), box("van", 50, confidence=0.1), {**radio, "confidence": 1.0}]
        send(client, "used", run, replace("r", *found, predicted=True))
    send(client, "used", "", replace("r", box("car"), radio))
    declared = [
        {"name": "car", "parent": "vehicle", "color": "#123456", "attributes": {"wheels": "4"}},
        {"name": "van", "parent": "vehicle"},
        {"name": "bus", "parent": "vehicle"},
    ]
    put(client, "used", {"classes": declared})
    wait_until_matched(client, "used", "v1")
    wait_until_matched(client, "used", "v2")
    found = {own["name"]: own for own in get(client, "used", "classes")["classes"]}
    assert {name: (own["annotations"], own["predictions"]) for name, own in found.items()} == {
        "bus": (0, 0),
        "car": (1, 2),
        "van": (0, 2),
        "vehicle": (0, 0),
        "weather": (1, 2),
        "weather=rain": (1, 2),
    }
    assert (found["vehicle"]["annotations_with_kinds"], found["vehicle"]["predictions_with_kinds"]) == (1, 4)
    assert [name for name, own in found.items() if own["declared"]] == ["bus", "car", "van"]
    assert {name: own["level"] for name, own in found.items() if own["level"] > 1} == {"bus": 2, "car": 2, "van": 2}
    assert found["car"]["color"] == "#123456"
    assert found["car"]["attributes"] == {"wheels": "4"}
    one = get(client, "used", "classes", run="v1")["classes"]
    assert {own["name"]: own["predictions"] for own in one} == {
        name: own["predictions"] // 2 for name, own in found.items()
    }

    def names(**query: Any) -> list[str]:
        return [own["name"] for own in get(client, "used", "classes", **query)["classes"]]

    assert names(under="vehicle") == ["bus", "car", "van"]
    assert names(search="WEA") == ["weather", "weather=rain"]
    assert names(sort="predictions", descending=True, limit=2) == ["car", "van"]
    assert names(name=["van", "tram"]) == ["van"]
    assert names(offset=4) == ["weather", "weather=rain"]
    assert get(client, "used", "classes", limit=1)["total"] == 6


def test_the_filter_and_the_roll_up_follow_the_declaration(client: TestClient) -> None:
    send(client, "rolled", "", replace("r", box("car"), box("cat", 100)))
    send(
        client,
        "rolled",
        "v1",
        replace("r", box("van", confidence=0.9), box("cat", 100, confidence=0.8), predicted=True),
    )
    put(client, "rolled", {"classes": [{"name": name, "parent": "vehicle"} for name in ("car", "van")]})
    wait_until_matched(client, "rolled", "v1")

    def ask(question: str, **query: Any) -> Any:
        return client.get(f"{base('rolled', 'v1')}/{question}", params=query).json()

    assert ask("summary")["tp"] == 1
    assert ask("summary", roll_up=1)["tp"] == 2
    assert ask("summary", feature="vehicle")["annotations"] == 1
    assert ask("summary", feature="vehicle", roll_up=1)["tp"] == 1
    (row,) = ask("rows", feature="vehicle", roll_up=1, actual="vehicle", predicted="vehicle")["rows"]
    assert [item["outcome"] for item in row["predictions"]] == ["tp", None]
    assert [own["label"] for own in ask("classes", roll_up=1)["classes"]] == ["cat", "vehicle"]
    assert client.get(f"{base('rolled', 'v1')}/summary", params={"roll_up": 0}).status_code == 422


@pytest.fixture
def guarded(tmp_path: Path) -> TestClient:
    """A service with keys; its routes only, for the engine of this process is open already."""
    return asking(make_app(LocalSettings(_env_file=None, data=tmp_path, api_keys="r=read,w=write")))


def test_declaring_wants_the_write_scope(guarded: TestClient) -> None:
    path = f"{base('d')}/ontology"
    assert guarded.put(path, json={}).status_code == 401
    assert guarded.put(path, json={}, headers={"Authorization": "Bearer r"}).status_code == 403
    assert guarded.get(path, headers={"Authorization": "Bearer w"}).status_code == 403
