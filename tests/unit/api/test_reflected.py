"""Questions that wait until what was uploaded is reflected."""

from __future__ import annotations

import threading
from typing import Any
from unittest.mock import AsyncMock

import pytest
from evalstream.positions import PositionsUnknownError
from evalstream_embedded import matcher
from evalstream_embedded.matcher import Matcher
from evalstream_service.backend import backend_in
from fastapi.testclient import TestClient

from tests.unit.api.embedded import base, box, client, replace, send

__all__ = ["client"]

SOON = 25


def summary(client: TestClient, dataset: str, **query: Any) -> Any:
    return client.get(f"{base(dataset, 'r')}/summary", params=query)


def test_two_uploads_and_a_question_need_no_pause(client: TestClient) -> None:
    send(client, "now", "", *(replace(str(i), box("car")) for i in range(30)))
    for count in (10, 30):
        lines = (replace(str(i), box("car"), predicted=True) for i in range(count))
        position = send(client, "now", "r", *lines)["position"]
        answer = summary(client, "now", at_least=position, at_least_seconds=SOON, confidence=0.5)
        assert answer.status_code == 200, answer.text
        assert answer.json()["tp"] == count
    assert client.get(f"{base('now', 'r')}/progress", params={"at_least": position}).json()["pending"] == 0


def test_what_is_not_reflected_in_time_is_told(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    send(client, "late", "r", replace("a", box("car"), predicted=True))
    rematch, go_on = matcher.rematch, threading.Event()

    def held_up(*said: Any) -> None:
        assert go_on.wait(60)
        rematch(*said)

    monkeypatch.setattr(matcher, "rematch", held_up)
    position = send(client, "late", "r", replace("b", box("car"), predicted=True))["position"]
    try:
        answer = summary(client, "late", at_least=position, at_least_seconds=0)
        assert answer.status_code == 425
        assert answer.headers["Retry-After"] == "1"
        assert f"position {position} is not reflected yet, after 0 s" in answer.json()["detail"]
    finally:
        go_on.set()
    assert summary(client, "late", at_least=position, at_least_seconds=SOON).json()["predictions"] == 2


def test_what_is_rejected_is_not_waited_for(client: TestClient) -> None:
    before = send(client, "bad", "r", replace("a", box("car"), predicted=True))["position"]
    assert send(client, "bad", "r", b"bad")["position"] == before
    assert summary(client, "bad", at_least=before, at_least_seconds=SOON).status_code == 200


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ({"at_least": ""}, "'' is no position"),
        ({"at_least": "a.1,b"}, "'a.1,b' is no position"),
        ({"at_least": "a.1,a.2"}, "is no position"),
        ({"at_least": "a.1", "at_least_seconds": "31"}, "a number from 0 to 30"),
        ({"at_least": "a.1", "at_least_seconds": "nan"}, "a number from 0 to 30"),
        ({"at_least": "a.1", "at_least_seconds": "soon"}, "a number from 0 to 30"),
    ],
)
def test_what_is_no_position_is_refused(client: TestClient, query: dict[str, str], reason: str) -> None:
    answer = summary(client, "now", **query)
    assert (answer.status_code, reason in answer.json()["detail"]) == (422, True), answer.text


def test_the_rest_of_the_query_is_held_to_its_model(client: TestClient) -> None:
    position = send(client, "rest", "r", replace("a", box("c&r"), predicted=True))["position"]
    known = {"at_least": position, "at_least_seconds": SOON, "feature": ["c&r", "bus"]}
    assert summary(client, "rest", **known).json()["predictions"] == 1
    assert summary(client, "rest", **known, colour="red").status_code == 422


def test_a_service_that_does_not_match_refuses(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend_in(client.app), "reflected", None)
    answer = summary(client, "now", at_least="a.1")
    assert (answer.status_code, "does not know how far uploads have come" in answer.json()["detail"]) == (422, True)


def test_who_knows_of_positions_and_does_not_answer_is_told(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = AsyncMock(side_effect=PositionsUnknownError("Kafka is away"))
    monkeypatch.setattr(backend_in(client.app), "reflected", away)
    answer = summary(client, "now", at_least="a.1")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert answer.json()["detail"] == "at_least: Kafka is away"
    away.assert_awaited_once_with({"a": 1}, 5)


def test_an_upload_of_nothing_has_a_position(client: TestClient) -> None:
    send(client, "something", "r", replace("a", box("car"), predicted=True))
    position = send(client, "nothing", "r")["position"]
    assert summary(client, "something", at_least=position, at_least_seconds=SOON).status_code == 200


def test_positions_of_an_earlier_process_wait_for_what_it_left() -> None:
    own = Matcher()
    assert not own.is_reflected({"another": 7})
    own._finish()
    assert own.is_reflected({"another": 7})
    own.tell([])
    name, number = own.position().split(".")
    assert number == "0"
    own.tell([("d", "a")])
    assert not own.is_reflected({name: 1, "another": 7})
    assert own._wait(at_most=0) == ({"d": ["a"]}, set())
    own._finish()
    assert own.is_reflected({name: 1, "another": 7})
