"""What comes without a version is newer than what is there, wherever the machine's clock has gone."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from evalstream.events.versions import LAST, OutOfVersionsError
from evalstream_embedded.app import make_app
from evalstream_embedded.clock import Clock
from evalstream_embedded.settings import LocalSettings
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from tests.asking import asking
from tests.unit.api.embedded import box, replace, send, wait_until_matched

DAY = 24 * 3600 * 10**9
NOW = time.time_ns()


@given(st.integers(0, LAST - 50), st.lists(st.integers(0, LAST - 50), max_size=20))
def test_each_version_is_above_all_before(start: int, seen: list[int]) -> None:
    clock, highest = Clock(start), start
    for version in seen:
        clock.saw(version)
        highest = max(highest, version)
        given_out = clock()
        assert given_out > highest
        highest = given_out


def test_it_is_the_time_where_nothing_is_ahead_of_it() -> None:
    before = time.time_ns()
    assert before < Clock()() < time.time_ns() + DAY


def test_beyond_the_last_version_there_is_none() -> None:
    clock = Clock(LAST - 1)
    assert clock() == LAST
    with pytest.raises(OutOfVersionsError, match="versions of your own"):
        clock()


def found(client: TestClient, run: str = "m") -> list[str]:
    wait_until_matched(client, "d", run)
    rows = client.get(f"/v1/datasets/d/runs/{run}/rows").json()["rows"]
    return [item["feature"] for row in rows for item in row["predictions"]]


def say(client: TestClient, feature: str, **more: Any) -> None:
    assert send(client, "d", "m", replace("r", box(feature), predicted=True, **more))["accepted"] == 1


@pytest.fixture
def settings(tmp_path: Path) -> LocalSettings:
    return LocalSettings(_env_file=None, data=tmp_path)


def test_a_clock_that_is_set_back_loses_nothing(settings: LocalSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    with asking(make_app(settings)) as client:
        monkeypatch.setattr(time, "time_ns", lambda: NOW)
        say(client, "old")
        monkeypatch.setattr(time, "time_ns", lambda: NOW - DAY)
        say(client, "new")
        assert found(client) == ["new"]
    with asking(make_app(settings)) as client:  # and after a restart
        say(client, "newest")
        assert found(client) == ["newest"]


def test_a_version_ahead_of_the_clock_is_not_for_ever(settings: LocalSettings) -> None:
    with asking(make_app(settings)) as client:
        say(client, "ahead", version=NOW + 300 * DAY)
        say(client, "new")
        assert found(client) == ["new"]
        tolerance = {"tolerance": 3.0}
        ahead = {"version": NOW + 900 * DAY}
        assert client.put("/v1/datasets/d/ontology", params=ahead, json=tolerance).json()["in_force"]
        assert client.put("/v1/datasets/d/ontology", json={"tolerance": 4.0}).json()["in_force"]
    with asking(make_app(settings)) as client:
        say(client, "newest")
        assert found(client) == ["newest"]


def test_where_no_version_is_left_it_is_said(settings: LocalSettings) -> None:
    with asking(make_app(settings)) as client:
        say(client, "last", version=LAST)
        line = json.dumps(replace("r", box("new"), predicted=True))
        answer = client.post("/v1/datasets/d/runs/m/predictions", content=line)
        assert answer.status_code == 409
        assert "give the events versions of your own" in answer.json()["detail"]
