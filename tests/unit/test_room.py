"""Questions have no more room together than is allowed, wait for each other for a moment, and never in a circle."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

import pytest
from evalstream import room
from evalstream.room import NoRoomError, given_back, take

PATIENCE: Final = 60


@pytest.fixture(autouse=True)
def _hundred(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(room, "_most", 100)
    assert room._taken == 0
    yield
    assert room._taken == room._waiting == 0


class Question:
    """A question on a thread of its own: it takes room, and is answered when it is told to be."""

    def __init__(self, pool: ThreadPoolExecutor, size: int) -> None:
        self._has = threading.Event()
        self._answer = threading.Event()
        self.done: Future[None] = pool.submit(self._work, size)

    @given_back()
    def _work(self, size: int) -> None:
        take(size)
        self._has.set()
        assert self._answer.wait(PATIENCE)

    def has(self) -> bool:
        return self._has.wait(PATIENCE)

    def waits(self) -> bool:
        return not self._has.is_set()

    def answer(self) -> None:
        self._answer.set()
        self.done.result(PATIENCE)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


def wait_until_waiting(count: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while room._waiting != count:
        assert time.monotonic() < deadline, f"{room._waiting} wait, not {count}"
        time.sleep(0.001)


def test_who_fits_beside_others_does_not_wait(pool: ThreadPoolExecutor) -> None:
    first, second = Question(pool, 60), Question(pool, 40)
    assert first.has()
    assert second.has()
    first.answer()
    second.answer()


def test_who_does_not_fit_waits_until_room_is_given_back(pool: ThreadPoolExecutor) -> None:
    first = Question(pool, 60)
    assert first.has()
    second = Question(pool, 41)
    wait_until_waiting(1)
    small = Question(pool, 40)
    assert small.has(), "who fits goes before who does not"
    small.answer()
    assert second.waits()
    first.answer()
    assert second.has()
    second.answer()


def test_who_waits_too_long_is_told(monkeypatch: pytest.MonkeyPatch, pool: ThreadPoolExecutor) -> None:
    monkeypatch.setattr(room, "WAIT_SECONDS", 0.01)
    first = Question(pool, 60)
    assert first.has()
    second = Question(pool, 60)
    with pytest.raises(NoRoomError, match="other questions have the memory"):
        second.done.result(PATIENCE)
    first.answer()


def test_only_so_many_wait(pool: ThreadPoolExecutor) -> None:
    first = Question(pool, 100)
    assert first.has()
    waiting = [Question(pool, 50) for _ in range(room.MOST_WAITING)]
    wait_until_waiting(len(waiting))
    with pytest.raises(NoRoomError):
        Question(pool, 50).done.result(PATIENCE)
    first.answer()
    for one in waiting:
        assert one.has()
    for one in waiting:
        one.answer()


def test_who_has_room_does_not_wait_for_more(pool: ThreadPoolExecutor) -> None:
    other = Question(pool, 50)
    assert other.has()

    @given_back()
    def two() -> None:
        take(50)
        take(1)

    with pytest.raises(NoRoomError):
        two()
    assert room._taken == 50, "what it had is given back"
    other.answer()


def test_a_question_within_a_question_gives_back_its_own() -> None:
    with given_back():
        take(10)
        for _ in range(20):
            with given_back():
                assert room.own() == 0
                take(80)
        assert room.own() == room._taken == 10


def test_room_is_given_back_by_who_fails() -> None:
    @given_back()
    def failing() -> None:
        take(10)
        raise ValueError("it fails")

    with pytest.raises(ValueError, match="it fails"):
        failing()


def test_outside_of_a_question_nothing_is_taken() -> None:
    take(1000)
    assert room._taken == 0


def test_half_of_memory_is_allowed_where_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for memory, most in ((2**33, 2**32), (0, 2**32)):  # where it is not known how much there is, too
        monkeypatch.setattr(room, "machine_memory", lambda memory=memory: memory)
        room.allow(None)
        assert room.most() == most
    room.allow(7)
    assert room.most() == 7
