"""Work on several threads: the results of a loop, in its order, and its errors."""

from __future__ import annotations

import threading

import evalstream
import pytest
from evalstream import threads
from evalstream.metrics import detections
from evalstream.queries import average_precision, errors
from evalstream.threads import at_once, on_threads

from benchmarks.workload import coco_files


@pytest.mark.parametrize("processors", [1, 2, 64])
@pytest.mark.parametrize("worth_it", [True, False])
def test_results_are_those_of_a_loop(processors: int, worth_it: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_processors", lambda: processors)
    assert on_threads(lambda item: item * item, range(20), worth_it=worth_it) == [item * item for item in range(20)]


def test_two_work_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_processors", lambda: 2)
    both = threading.Barrier(2)
    on_threads(lambda _: both.wait(timeout=30), range(2))


def test_two_things_are_done_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_processors", lambda: 2)
    both = threading.Barrier(2)
    assert at_once(lambda: (both.wait(timeout=30), "one")[1], lambda: (both.wait(timeout=30), "other")[1]) == (
        "one",
        "other",
    )
    assert at_once(lambda: 1, lambda: 2, worth_it=False) == (1, 2)


def test_an_error_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_processors", lambda: 2)
    with pytest.raises(ZeroDivisionError):
        on_threads(lambda item: 1 // item, [1, 0])


@pytest.mark.parametrize("question", ["average_precision", "errors"])
def test_figures_are_the_same_with_and_without(question: str, monkeypatch: pytest.MonkeyPatch) -> None:
    truth, found = coco_files(40, 12)
    monkeypatch.setattr(threads, "_processors", lambda: 2)
    answers = []
    for many in (0, 10**9):
        for module in (detections, average_precision, errors):
            monkeypatch.setattr(module, "MANY", many)
        answers.append(getattr(evalstream.evaluate(truth, found, policy="coco"), question)())
    assert answers[0] == answers[1]
