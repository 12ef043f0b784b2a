"""The matcher of the embedded mode: a thread that brings changed data rows up to date."""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from evalstream.pipeline.match import warm_up
from evalstream.pipeline.reconcile import reconcile, rematch
from evalstream.storage.engine import Clients
from tenacity import RetryCallState, RetryError, Retrying, stop_when_event_set, wait_exponential_jitter

log = logging.getLogger(__name__)


class Matcher:
    """What the other threads see of the matcher: they tell it what has changed."""

    def __init__(self) -> None:
        self._changed: set[tuple[str, str]] = set()
        self._news = threading.Condition()
        self._stopped = threading.Event()

    def tell(self, changed: Iterable[tuple[str, str]]) -> None:
        """Name data rows, as (dataset, data row), whose events have changed."""
        with self._news:
            self._changed.update(changed)
            self._news.notify()

    def _wait(self) -> dict[str, list[str]]:
        """Wait for changes; return them by dataset, or nothing once it is time to stop."""
        with self._news:
            self._news.wait_for(lambda: self._changed or self._stopped.is_set())
            taken, self._changed = self._changed, set()
        by_dataset: dict[str, list[str]] = defaultdict(list)
        for dataset, data_row in sorted(taken):
            by_dataset[dataset].append(data_row)
        return by_dataset

    def _stop(self) -> None:
        self._stopped.set()
        with self._news:
            self._news.notify()


@contextmanager
def running_matcher(clients: Clients, policies: Sequence[str]) -> Iterator[Matcher]:
    """Run a matcher for as long as the context lasts.

    It begins with whatever an earlier process left undone. What is told to it but not done when it stops is found
    again by the next one, for the tables say what is pending.
    """
    matcher = Matcher()
    thread = threading.Thread(target=_run, args=(matcher, clients, policies), name="matcher")
    thread.start()
    try:
        yield matcher
    finally:
        matcher._stop()
        thread.join()


def _run(matcher: Matcher, clients: Clients, policies: Sequence[str]) -> None:
    warm_up()
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
        while not matcher._stopped.is_set():
            for dataset, data_rows in matcher._wait().items():
                patiently(rematch, clients(), dataset, data_rows, policies)
    except RetryError:
        log.warning("stopped with matching undone; the next start takes it up")


def _report(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    log.error("matching failed, attempt %d; trying again", state.attempt_number, exc_info=error)
