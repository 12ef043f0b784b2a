"""The matcher of the embedded mode: a thread that brings changed data rows up to date."""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from uuid import uuid4

from evalstream import positions
from evalstream.pipeline.reconcile import reconcile, rematch
from evalstream.storage.engine import Clients
from evalstream.storage.recent import Recent
from evalstream.storage.results import stale_rows
from tenacity import RetryCallState, RetryError, Retrying, stop_when_event_set, wait_exponential_jitter

log = logging.getLogger(__name__)

#: Data rows of a declared dataset that are matched before the matcher looks for news again.
BACKLOG_ROWS = 500


class Matcher:
    """The matcher's side for other threads: they tell it what has changed."""

    def __init__(self) -> None:
        self._changed: set[tuple[str, str]] = set()
        self._declared: set[str] = set()
        self._news = threading.Condition()
        self._stopped = threading.Event()
        #: Tells this process, and so its numbers, from all others.
        self._name = uuid4().hex[:12]
        self._told = 0
        self._taken = 0
        #: How many of the words told are done; below 0 until what an earlier process had left undone is.
        self._done = -1

    def tell(self, changed: Iterable[tuple[str, str]]) -> None:
        """Name data rows, as (dataset, data row), whose events have changed."""
        named = set(changed)
        if not named:
            return
        with self._news:
            self._changed |= named
            self._told += 1
            self._news.notify()

    def position(self) -> str:
        """Give the position of all that was told."""
        with self._news:
            return positions.written({self._name: self._told})

    def is_reflected(self, position: Mapping[str, int]) -> bool:
        """Whether all up to a position is matched; positions of earlier processes are when what they left is."""
        with self._news:
            return all(self._done >= (number if name == self._name else 0) for name, number in position.items())

    def tell_all(self, dataset: str) -> None:
        """Name a dataset of which all data rows have to be matched anew, for something was declared of it."""
        with self._news:
            self._declared.add(dataset)
            self._news.notify()

    def _wait(self, *, at_most: float | None = None) -> tuple[dict[str, list[str]], set[str]]:
        """Wait for news: changed rows by dataset, and datasets declared; nothing once it is time to stop."""
        with self._news:
            self._news.wait_for(lambda: self._changed or self._declared or self._stopped.is_set(), at_most)
            changed, self._changed = self._changed, set()
            declared, self._declared = self._declared, set()
            self._taken = self._told
        by_dataset: dict[str, list[str]] = defaultdict(list)
        for dataset, data_row in sorted(changed):
            by_dataset[dataset].append(data_row)
        return by_dataset, declared

    def _finish(self) -> None:
        """Say that all that was taken last is done."""
        with self._news:
            self._done = self._taken

    def _stop(self) -> None:
        self._stopped.set()
        with self._news:
            self._news.notify()


@contextmanager
def running_matcher(clients: Clients, policies: Sequence[str], recent: Recent | None = None) -> Iterator[Matcher]:
    """Run a matcher for as long as the context lasts.

    It begins with whatever an earlier process left undone. What is told to it but not done when it stops is found
    again by the next one, for the tables say what is pending. ``recent`` holds events that were just written.
    """
    matcher = Matcher()
    thread = threading.Thread(target=_run, args=(matcher, clients, policies, recent), name="matcher")
    thread.start()
    try:
        yield matcher
    finally:
        matcher._stop()
        thread.join()


def _run(matcher: Matcher, clients: Clients, policies: Sequence[str], recent: Recent | None) -> None:
    # A failure here is the engine's, a full disk for instance; it must not end the matcher, nor lose what changed.
    patiently = Retrying(
        wait=wait_exponential_jitter(multiplier=0.5, max=30),
        stop=stop_when_event_set(matcher._stopped),
        after=_report,
    )
    try:
        count = patiently(reconcile, clients(), policies)
        if count:
            log.info("brought %d data rows up to date that an earlier process had left", count)
        matcher._finish()
        backlog: dict[str, list[str]] = {}  # after declarations; news goes first
        while not matcher._stopped.is_set():
            changed, declared = matcher._wait(at_most=0 if backlog else None)
            for dataset, data_rows in changed.items():
                patiently(rematch, clients(), dataset, data_rows, policies, recent)
            matcher._finish()
            for dataset in sorted(declared):
                backlog[dataset] = patiently(stale_rows, clients(), dataset, policies)
            if backlog:
                dataset, data_rows = next(iter(backlog.items()))
                patiently(rematch, clients(), dataset, data_rows[:BACKLOG_ROWS], policies)
                backlog[dataset] = data_rows[BACKLOG_ROWS:]
                if not backlog[dataset]:
                    del backlog[dataset]
    except RetryError:
        log.warning("stopped with matching undone; the next start takes it up")


def _report(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    log.error("matching failed, attempt %d; trying again", state.attempt_number, exc_info=error)
