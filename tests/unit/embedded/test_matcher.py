"""The matcher thread of the embedded mode, with the stages replaced: in which order it works, and after failures."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from evalstream_embedded import matcher
from evalstream_embedded.matcher import running_matcher

PATIENCE = 20


class Stages:
    """Remembers what was matched; the first so many calls fail."""

    def __init__(self) -> None:
        self.stale = {"declared": [str(number) for number in range(7)], "empty": []}
        self.matched: list[tuple[str, list[str]]] = []
        self.failures = 0
        self.then: Callable[[], None] = lambda: None
        self.news = threading.Condition()

    def stale_rows(self, _client: Any, dataset: str, _policies: Any) -> list[str]:
        return self.stale[dataset]

    def rematch(self, _client: Any, dataset: str, data_rows: list[str], _policies: Any, _recent: Any = None) -> None:
        if self.failures:
            self.failures -= 1
            raise OSError("the disk is full")
        with self.news:
            self.matched.append((dataset, data_rows))
            self.then()
            self.news.notify()

    def wait_for(self, count: int) -> list[tuple[str, list[str]]]:
        with self.news:
            assert self.news.wait_for(lambda: len(self.matched) >= count, PATIENCE), self.matched
        return self.matched


@pytest.fixture
def stages(monkeypatch: pytest.MonkeyPatch) -> Stages:
    stages = Stages()
    monkeypatch.setattr(matcher, "reconcile", lambda _client, _policies: 0)
    monkeypatch.setattr(matcher, "stale_rows", stages.stale_rows)
    monkeypatch.setattr(matcher, "rematch", stages.rematch)
    monkeypatch.setattr(matcher, "BACKLOG_ROWS", 3)
    return stages


def test_a_declared_dataset_is_matched_in_parts_and_news_goes_first(stages: Stages) -> None:
    with running_matcher(lambda: None, ["coco"]) as running:  # type: ignore[arg-type, return-value]
        stages.then = lambda: running.tell([("news", "r")]) if len(stages.matched) == 1 else None
        running.tell_all("declared")
        found = stages.wait_for(4)
    assert found == [
        ("declared", ["0", "1", "2"]),
        ("news", ["r"]),
        ("declared", ["3", "4", "5"]),
        ("declared", ["6"]),
    ]


def test_a_failure_loses_no_part_of_it(stages: Stages) -> None:
    stages.failures = 2
    with running_matcher(lambda: None, ["coco"]) as running:  # type: ignore[arg-type, return-value]
        running.tell_all("declared")
        found = stages.wait_for(3)
    assert [row for _, rows in found for row in rows] == stages.stale["declared"]


def test_declared_again_it_begins_anew(stages: Stages) -> None:
    with running_matcher(lambda: None, ["coco"]) as running:  # type: ignore[arg-type, return-value]
        stages.then = lambda: running.tell_all("declared") if len(stages.matched) == 2 else None
        running.tell_all("declared")
        found = stages.wait_for(5)
    assert [rows[0] for _, rows in found] == ["0", "3", "0", "3", "6"]


def test_nothing_stale_is_nothing_to_do_and_it_stops(stages: Stages) -> None:
    with running_matcher(lambda: None, ["coco"]) as running:  # type: ignore[arg-type, return-value]
        running.tell_all("empty")
        running.tell([("news", "r")])
        stages.wait_for(1)
    assert ("news", ["r"]) in stages.matched
