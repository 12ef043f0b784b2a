"""Under load: what is too much is turned away, equal questions are computed once, and the service says how it is."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from anyio.to_thread import current_default_thread_limiter
from evalstream_api import questions as routes
from evalstream_embedded.app import make_app
from evalstream_embedded.settings import LocalSettings
from evalstream_service.load import RETRY_SECONDS, Load, Questions
from fastapi import FastAPI, HTTPException
from fastapi.testclient import TestClient
from httpx import Response

from tests.asking import asking
from tests.unit.api.embedded import base, replace, send, wait_until_matched

PATIENCE: Final = 60


class Held:
    """Computations that begin, and end only when they are let go."""

    def __init__(self) -> None:
        self.begun: list[Any] = []
        self._go = threading.Event()
        self._begun = threading.Semaphore(0)

    def compute(self, what: Any) -> Any:
        self.begun.append(what)
        self._begun.release()
        assert self._go.wait(PATIENCE)
        return what

    def wait_for(self, count: int) -> None:
        """Wait until so many more have begun."""
        for _ in range(count):
            assert self._begun.acquire(timeout=PATIENCE)

    def let_go(self) -> None:
        self._go.set()


def questions(at_work: int = 2, under_way: int = 100) -> Questions:
    return Questions("questions", at_work=at_work, under_way=under_way)


async def settle() -> None:
    """Let everything happen that needs no thread."""
    for _ in range(10):
        await asyncio.sleep(0)


def test_no_more_are_at_work_than_may_be() -> None:
    held = Held()

    async def ask() -> list[int]:
        lane = questions(at_work=3)
        asked = [asyncio.create_task(lane.answer(n, lambda n=n: held.compute(n))) for n in range(10)]
        await asyncio.to_thread(held.wait_for, 3)
        await settle()
        assert sorted(held.begun) == [0, 1, 2]  # those that came first, whichever thread is the quickest
        held.let_go()
        return await asyncio.gather(*asked)

    assert asyncio.run(ask()) == list(range(10))
    assert sorted(held.begun) == list(range(10))


def test_equal_questions_are_computed_once_and_never_for_who_came_after_it_began() -> None:
    held = Held()
    state = ["old"]

    async def ask() -> None:
        lane = questions()

        def asked(count: int) -> list[asyncio.Task[str]]:
            def compute() -> str:
                seen = state[0]
                held.compute(seen)
                return seen

            return [asyncio.create_task(lane.answer("equal", compute)) for _ in range(count)]

        first = asked(5)
        await asyncio.to_thread(held.wait_for, 1)
        state[0] = "new"  # acknowledged while the first is at work: who asks from now on must see it
        second = asked(5)
        other = asyncio.create_task(lane.answer("other", lambda: held.compute("other")))
        await asyncio.to_thread(held.wait_for, 1)  # the other one has a thread, the equal ones keep only one busy
        await settle()
        assert held.begun == ["old", "other"]
        held.let_go()
        assert await asyncio.gather(*first) == ["old"] * 5
        assert await asyncio.gather(*second) == ["new"] * 5
        assert await other == "other"

    asyncio.run(ask())
    assert held.begun == ["old", "other", "new"]


def test_what_fails_fails_for_all_who_asked_and_for_nobody_else() -> None:
    def fail() -> str:
        raise ValueError("it cannot be computed")

    async def ask() -> None:
        lane = questions()
        failed = await asyncio.gather(*(lane.answer("q", fail) for _ in range(3)), return_exceptions=True)
        assert [str(error) for error in failed] == ["it cannot be computed"] * 3
        assert await lane.answer("q", lambda: "fine") == "fine"

    asyncio.run(ask())


def test_who_leaves_takes_no_answer_from_others_and_leaves_no_trace() -> None:
    held = Held()

    async def ask() -> None:
        lane = questions(at_work=1, under_way=3)
        first = asyncio.create_task(lane.answer("blocking", lambda: held.compute("blocking")))
        await asyncio.to_thread(held.wait_for, 1)
        leaving, staying = (asyncio.create_task(lane.answer("q", lambda: held.compute("q"))) for _ in range(2))
        await settle()
        leaving.cancel()
        await settle()
        assert leaving.cancelled()
        joining = asyncio.create_task(lane.answer("q", lambda: held.compute("q")))  # there is room again
        await settle()
        held.let_go()
        assert await asyncio.gather(first, staying, joining) == ["blocking", "q", "q"]

    asyncio.run(ask())
    assert held.begun == ["blocking", "q"]


def test_what_is_too_much_is_turned_away_and_what_is_over_makes_room() -> None:
    held = Held()

    async def ask() -> None:
        lane = questions(at_work=1, under_way=3)
        asked = [asyncio.create_task(lane.answer(n, lambda n=n: held.compute(n))) for n in range(3)]
        await settle()
        with pytest.raises(HTTPException) as turned_away:
            await lane.answer(3, lambda: 3)
        assert turned_away.value.status_code == 429
        assert turned_away.value.headers == {"Retry-After": str(RETRY_SECONDS)}
        held.let_go()
        await asyncio.gather(*asked)
        assert await lane.answer(3, lambda: 3) == 3

    asyncio.run(ask())


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    settings = LocalSettings(
        _env_file=None,
        data=tmp_path_factory.mktemp("data"),
        questions_at_work=2,
        questions_under_way=5,
        uploads_under_way=1,
    )
    with asking(make_app(settings)) as client:
        send(client, "d", "", replace("row"))
        send(client, "d", "run", replace("row", predicted=True))
        wait_until_matched(client, "d", "run")
        yield client


def load_of(service: TestClient) -> Load:
    app = service.app
    assert isinstance(app, FastAPI)
    load: Load = app.state.load
    return load


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@contextmanager
def no_other_threads(service: TestClient) -> Iterator[None]:
    """Have all threads busy that uploads, pictures and files of the page share."""
    portal = service.portal
    assert portal is not None
    limiter = portal.call(current_default_thread_limiter)
    taken = [object() for _ in range(int(limiter.total_tokens))]
    for one in taken:
        portal.call(limiter.acquire_on_behalf_of_nowait, one)
    yield
    for one in taken:
        portal.call(limiter.release_on_behalf_of, one)


@contextmanager
def busy(service: TestClient, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Future[Response]]]:
    """Have all threads for questions busy, and as many questions wait as may."""
    held = Held()
    real = routes.summary

    def summary(*arguments: Any) -> Any:
        held.compute(arguments)
        return real(*arguments)

    monkeypatch.setattr(routes, "summary", summary)
    with ThreadPoolExecutor(5) as pool:
        asked = [
            pool.submit(service.get, f"{base('d', 'run')}/summary", params={"confidence": n / 10}) for n in range(5)
        ]
        try:
            held.wait_for(2)
            wait_until(lambda: load_of(service).questions.under_way == 5)
            yield asked
        finally:
            held.let_go()
    assert [one.result().status_code for one in asked] == [200] * 5


def test_while_all_question_threads_are_busy_the_service_says_how_it_is(
    service: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with busy(service, monkeypatch) as asked:
        with no_other_threads(service):
            for path in ("/health", "/metrics", f"{base('d', 'run')}/progress"):
                assert service.get(path).status_code == 200, path
        send(service, "d", "", replace("row"))  # nor do questions hold up uploads
        for path in ("/v1/datasets", f"{base('d', 'run')}/overview", f"{base('d', 'run')}/summary"):
            answer = service.get(path)
            assert answer.status_code == 429, path
            assert int(answer.headers["Retry-After"]) == RETRY_SECONDS
            assert "5 requests are under way" in answer.json()["detail"]
        assert 'evalstream_requests_shed_total{kind="questions"}' in service.get("/metrics").text
        assert not any(one.done() for one in asked)
    assert service.get(f"{base('d', 'run')}/summary").status_code == 200


def test_uploads_under_way_are_bounded(service: TestClient) -> None:
    with load_of(service).changes.passed():  # as if one were under way
        for method, path in (
            ("POST", f"{base('d')}/annotations"),
            ("POST", f"{base('d', 'run')}/predictions"),
            ("PUT", f"{base('d')}/ontology"),
            ("POST", "/v1/reconcile"),
            ("GET", "/v1/dead-letters"),
        ):
            answer = service.request(method, path, json={})
            assert answer.status_code == 429, path
            assert int(answer.headers["Retry-After"]) == RETRY_SECONDS
        assert service.get(f"{base('d', 'run')}/summary").status_code == 200
    assert load_of(service).changes.inside == 0
    assert service.post(f"{base('d')}/annotations", content=b"").status_code == 200
    assert load_of(service).changes.inside == 0


def test_equal_questions_over_http_have_one_answer(service: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held()
    real = routes.summary

    def summary(*arguments: Any) -> Any:
        held.compute(arguments)
        return real(*arguments)

    monkeypatch.setattr(routes, "summary", summary)
    path = f"{base('d', 'run')}/summary"
    with ThreadPoolExecutor(5) as pool:
        asked = [pool.submit(service.get, path, params={"iou": 0.5})]
        held.wait_for(1)
        # Defaults that are spelled out make no other question; another threshold does.
        asked += [pool.submit(service.get, path, params=params) for params in ({}, {"iou": 0.5, "beta": 1}, {})]
        asked += [pool.submit(service.get, path, params={"iou": 0.6})]
        held.wait_for(1)
        wait_until(lambda: load_of(service).questions.under_way == 5)
        held.let_go()
    assert len(held.begun) == 3  # the first, the other one, and one for the three that came after the first had begun
    answers = [one.result() for one in asked]
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.content for answer in answers[:4]} == {answers[0].content}


def test_who_has_no_key_takes_no_place(tmp_path: Path) -> None:
    settings = LocalSettings(_env_file=None, data=tmp_path, api_keys="k=read+write+admin", uploads_under_way=1)
    app = make_app(settings)
    client = asking(app)
    with app.state.load.changes.passed():
        assert client.post(f"{base('d')}/annotations").status_code == 401
        known = {"Authorization": "Bearer k"}
        assert client.post(f"{base('d')}/annotations", headers=known).status_code == 429
