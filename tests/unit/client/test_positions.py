"""Uploads answer with a position, and questions wait for one."""

from __future__ import annotations

import asyncio
from typing import Any

import evalstream
import httpx
import pytest
from evalstream.client import AsyncClient, Client, RefusedError
from evalstream.importers.files import Options
from evalstream.positions import PositionError, latest, read
from evalstream.selection import QuestionError

from tests.faults.service import Service

CAR = {"type": "bbox", "feature": "car", "bbox": [0, 0, 9, 9]}


def events(side: str, count: int) -> list[dict[str, Any]]:
    return [{"data_row": str(i), "operation": "replace", side: [CAR]} for i in range(count)]


def test_two_uploads_and_a_question_need_no_pause(service: Service) -> None:
    with evalstream.connect(service.url, api_key="key") as client:
        for count in (5, 20):
            done = client.upload(
                "positions", events("annotations", 20), predictions=events("predictions", count), run="r", wait=False
            )
            found = client.at_least(done.position, seconds=25).summary("positions", "r", confidence=0.5)
            assert found.tp == count
    with evalstream.connect(service.url, api_key="in") as stranger, pytest.raises(RefusedError) as refused:
        stranger.at_least(done.position).summary("positions", "r")
    assert refused.value.status == 403


def test_the_position_of_an_upload_is_of_closing_the_run_too(service: Service) -> None:
    with evalstream.connect(service.url, api_key="key") as client:
        said = {"predictions": events("predictions", 5), "run": "r", "complete": True, "wait": False}
        done = client.upload("closed for a position", events("annotations", 20), **said)
        assert done.closed == 15
        assert client.at_least(done.position, seconds=25).summary("closed for a position", "r").fn == 15


def test_what_is_asked_later_than_a_position_says_so() -> None:
    seen: list[httpx.URL] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.url)
        return httpx.Response(425, json={"detail": "not yet"})

    with Client("http://service", transport=httpx.MockTransport(answer)) as client:
        with pytest.raises(RefusedError, match="not yet"):
            client.at_least("a.1", seconds=2).summary("d", "r", confidence=0.25)
        with pytest.raises(RefusedError):
            client.summary("d", "r")

    async def awaited() -> None:
        async with AsyncClient("http://service", transport=httpx.MockTransport(answer)) as own:
            with pytest.raises(RefusedError):
                await own.at_least("a.1").summary("d", "r")

    asyncio.run(awaited())
    said = {"confidence": "0.25", "at_least": "a.1", "at_least_seconds": "2"}
    assert [dict(url.params) for url in seen] == [said, {}, {"at_least": "a.1", "at_least_seconds": "5"}]


def test_without_a_position_there_is_nothing_to_wait_for() -> None:
    with Client("http://service") as client, pytest.raises(QuestionError, match="there is no position"):
        client.at_least(None)


def test_the_latest_of_positions_is_reached_when_all_are() -> None:
    assert latest([]) is latest(["a.1", None]) is None
    assert latest(["a.9", "b.1,a.10", "b.0"]) == "a.10,b.1"
    for wrong in ("", "a", "a.", ".1", "a.1;b.2", "A.1", "a.-1", "a." + "9" * 30, ",".join(["a.1"] * 2)):
        with pytest.raises(PositionError):
            read(wrong)


def progress_of(pending: int) -> httpx.Response:
    state = "running" if pending else "complete"
    counts = {"rows": 4, "done": 4 - pending, "pending": pending, "failed": 0, "without_predictions": 0}
    return httpx.Response(200, json=counts | {"state": state})


def test_the_service_holds_the_answer_until_an_upload_is_reflected() -> None:
    """Who waits is told at once, and has the service count what is pending no more often than it says so."""
    answers = [httpx.Response(425, json={"detail": "not yet"}), progress_of(3), progress_of(1), progress_of(0)]
    asked, told = [], []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append((request.url.path, request.url.params.get("at_least")))
        return answers[len(asked) - 1]

    with Client("http://service", transport=httpx.MockTransport(answer)) as client:
        done = client.wait("d", "r", position="a.7", on_progress=lambda _what, done, _total: told.append(done))
    path = "/v1/datasets/d/runs/r/progress"
    # The second answer to the position says that something of others is pending: then it is looked now and then.
    assert asked == [(path, "a.7"), (path, None), (path, "a.7"), (path, None)]
    assert told == [1, 3, 4]
    assert done.pending == 0


def test_an_upload_waits_by_its_position() -> None:
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/progress"):
            asked.append(request.url.params.get("at_least"))
            return progress_of(0)
        return httpx.Response(200, json={"accepted": 1, "rejected": 0, "errors": [], "position": "a.7"})

    event = {"data_row": "x", "operation": "replace", "predictions": []}
    with Client("http://service", transport=httpx.MockTransport(answer)) as client:
        client.upload("d", predictions=[event], run="r", options=Options(other_files=True))
    assert asked == ["a.7"]
