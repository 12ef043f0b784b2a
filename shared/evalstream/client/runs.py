"""The log of a training loop: what a model found, image by image, sent to a service while the loop goes on.

``log`` writes a line to a file (:mod:`evalstream.client.spool`) and returns; boxes in arrays stay columns there. A
thread of its own makes events of the lines (:mod:`evalstream.client.logged`), and sends them in parts. So the loop
never waits for the service, memory holds one part at the most however far behind the service is, and what was logged is
sent in the end, by the next run or by ``evalstream spool`` if not by this process.
"""

from __future__ import annotations

import os
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, Self

from evalstream.client import logged, objects, spool
from evalstream.client.errors import NoServiceError, RefusedError, RejectedError
from evalstream.client.service import NOT_CLOSED, PART_BYTES, Sent, in_parts, place
from evalstream.client.steps import BUSY
from evalstream.importers.arrays import BoxFormat, image_name
from evalstream.words import count_of

if TYPE_CHECKING:
    from evalstream.client.clients import Client

#: Seconds for which lines are gathered before they are sent.
LINGER: Final = 1.0
#: Rejected images that are named; all are counted, and kept by the service.
_NAMED: Final = 1_000

OnRejected = Literal["raise", "warn"]


class UnsentWarning(UserWarning):
    """Logged predictions could not be sent yet; the message says where they are kept, and how to send them."""


class Run:
    """The predictions of one run, logged image by image; made by :meth:`evalstream.Client.run`.

    A context manager: when it ends, everything has been sent and, unless told otherwise, matched. An image that is
    logged twice has what was logged last. Several threads may log, and several processes, each with a ``Run`` of
    its own of the same name.

    Attributes
    ----------
    logged : int
        How often something was logged.
    matched : bool
        Whether all of it was sent, and every figure reflects it: there is something to ask about.
    closed : int or None
        The annotated images that were not logged and count as ones on which nothing was found; None: it is not closed.
    """

    def __init__(
        self,
        client: Client,
        dataset: str,
        name: str,
        *,
        step: int | None = None,
        classes: Sequence[str] | None = None,
        box_format: BoxFormat = "xyxy",
        folder: Path = spool.DEFAULT_FOLDER,
        on_rejected: OnRejected = "raise",
        complete: bool = False,
        wait: bool = True,
    ) -> None:
        if on_rejected not in ("raise", "warn"):
            raise ValueError(f"on_rejected: must be 'raise' or 'warn', and is {on_rejected!r}")
        place(dataset, name)  # refuses what is no name, before anything is logged
        self.dataset, self.name, self.step = dataset, name, step
        self.logged, self.matched = 0, False
        self.closed: int | None = None
        self._client, self._folder = client, folder
        self._classes, self._box_format = classes if classes is None else tuple(classes), box_format
        self._on_rejected, self._complete, self._wait = on_rejected, complete, wait
        self._spool = spool.Spool(folder, spool.Header(url=client.where, dataset=dataset, run=name, step=step))
        self._process = os.getpid()
        self._writing = threading.Lock()
        self._version = 0
        self._sent = self._spool.begin
        self._rejected, self._reasons = 0, list[str]()
        self._error: Exception | None = None
        self._resent: list[Resent] = []
        self._news, self._ending = threading.Event(), threading.Event()
        self._ended = self._interrupted = False
        self._sender = threading.Thread(target=self._work, name="evalstream-run", daemon=True)
        self._sender.start()

    def log(
        self,
        image: Any,
        predictions: Any = None,
        *,
        boxes: Any = None,
        masks: Any = None,
        labels: Any = None,
        scores: Any = None,
    ) -> None:
        """Log what the model found on an image; nothing, where it found nothing.

        Parameters
        ----------
        image : str or int
            The image's name: the data row of its annotations.
        predictions
            A mapping of arrays, supervision's ``Detections``, Ultralytics' ``Results`` or a list of mappings, as in
            :mod:`evalstream.client.objects`.
        boxes : array of shape (n, 4)
            In pixels, as ``box_format`` says.
        masks : array of shape (n, height, width)
            In the place of boxes.
        labels, scores : arrays of shape (n,)
            Names of classes or positions among ``classes``; confidences in [0, 1].

        Raises
        ------
        ImporterError
            If it cannot be read; the message names the image, the field and the reason, and nothing is logged.
        OSError
            If it cannot be written to the spool.
        """
        if os.getpid() != self._process:
            raise RuntimeError("a run is logged by the process that began it: begin one of the same name in each")
        if self._ended:
            raise RuntimeError(f"run {self.name} has ended; begin it again to log more")
        arrays = {"boxes": boxes, "masks": masks, "labels": labels, "scores": scores}
        given = {name: value for name, value in arrays.items() if value is not None}
        if (predictions is None) == (not given):
            raise ValueError("log predictions, or boxes= (or masks=), labels= and scores=; [] where nothing was found")
        name = image_name(image)
        understood = objects.predictions(name, given if given else predictions, self._classes, self._box_format)
        with self._writing:
            self._version = max(self._version + 1, time.time_ns())
            self._spool.append(logged.line(name, self._version, understood))
            self.logged += 1
        if self._spool.size - self._sent >= PART_BYTES:
            self._news.set()

    def finish(self) -> None:
        """Send everything, and wait until every figure reflects it.

        Raises
        ------
        RejectedError
            If images were rejected, unless ``on_rejected="warn"``; the others are stored.
        RefusedError
            If the service will not have them, for want of a key for instance. They stay in the spool.
        Exception
            Whatever else kept them from being sent, such as an `OSError` of the spool. What can be sent stays there.

        Warns
        -----
        UnsentWarning
            If the service does not answer. What was logged stays in the spool.
        """
        if not self._close():
            return
        for left in self._resent:
            if left.rejected:
                told = RejectedError(
                    f"run {left.header.run}, logged by an earlier process", left.rejected, left.reasons
                )
                warnings.warn(str(told), stacklevel=2)
        if self._error is not None and _may_pass(self._error):
            warnings.warn(f"{self._kept()} ({self._error})", UnsentWarning, stacklevel=2)
            return
        if self._error is not None:
            self._error.add_note(self._kept())
            raise self._error
        not_closed = self._complete and bool(self._rejected or any(left.rejected for left in self._resent))
        if self._complete and not not_closed:
            self.closed = self._client.complete(self.dataset, self.name, wait=False).closed
        if self._wait and (self.closed or self.logged > self._rejected):
            self._client.wait(self.dataset, self.name)
            self.matched = True
        if not_closed:
            warnings.warn(NOT_CLOSED.format(run=self.name), stacklevel=2)
        if self._rejected:
            rejected = RejectedError(f"run {self.name} of dataset {self.dataset}", self._rejected, self._reasons)
            if self._on_rejected == "raise":
                raise rejected
            warnings.warn(str(rejected), stacklevel=2)

    def figures(self, prefix: str = "", **filters: Any) -> dict[str, float]:
        """Give the headline figures of what has been sent and matched, as :meth:`evalstream.Client.figures`."""
        return self._client.figures(self.dataset, self.name, prefix, **filters)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        if kind is not None and not issubclass(kind, Exception):
            self._ended = self._interrupted = True
            self._news.set()
            self._spool.close(keep=True)  # whoever interrupts a loop does not wait for anybody
            return
        self._complete &= error is None  # what a loop did not come to was not looked at
        try:
            self.finish()
        except Exception as own:
            if error is None:
                raise
            error.add_note(str(own))

    def _close(self) -> bool:
        """Have the sender finish; say whether there was anything to do."""
        if self._ended:
            return False
        with self._writing:
            self._ended = True
        self._ending.set()
        self._news.set()
        self._sender.join()
        self._spool.close(keep=self._error is not None)
        return True

    def _kept(self) -> str:
        return (
            f"{count_of(self.logged, 'image')} of run {self.name} are not all sent, and kept in {self._spool.path}:"
            " the next run sends them, and so does `evalstream spool`"
        )

    def _work(self) -> None:
        """Send what there is, again and again, until there will be no more."""
        before: list[Callable[[], object]] = [self._send_leftovers, self._begin]
        while True:
            self._news.wait(LINGER)
            self._news.clear()
            if self._interrupted:
                return
            ending = self._ending.is_set()
            try:
                while before:
                    before[0]()
                    before.pop(0)
                self._send()
                self._error = None
            except Exception as error:  # of whatever kind: nobody else would hear of it
                self._error = error  # told in the end, if it is still so
                if not _may_pass(error):
                    return
            if ending:
                return

    def _send_leftovers(self) -> None:
        self._resent = send_leftovers(self._client, self._folder)

    def _begin(self) -> None:
        if self.step is not None:
            self._client.set_step(self.dataset, self.name, self.step)

    def _send(self) -> None:
        for part in in_parts(spool.lines(self._spool.path, self._sent, self._spool.size)):
            self._count(self._client.send(self.dataset, self.name, logged.events(part)))
            self._sent += sum(len(line) + 1 for line in part)

    def _count(self, done: Sent) -> None:
        self._rejected += done.rejected
        self._reasons += _named(done)[: _NAMED - len(self._reasons)]


def _may_pass(error: Exception) -> bool:
    """Whether the service may have it later: nobody answers, or it is too busy."""
    return isinstance(error, NoServiceError) or (isinstance(error, RefusedError) and error.status in BUSY)


def _named(done: Sent) -> list[str]:
    return [f"image {item.data_row or f'of line {item.line}'}: {item.reason}" for item in done.errors]


class Resent(NamedTuple):
    """A file of the spool that was sent, and is gone."""

    path: Path
    header: spool.Header
    accepted: int
    rejected: int
    reasons: list[str]


def send_leftovers(client: Client, folder: Path = spool.DEFAULT_FOLDER) -> list[Resent]:
    """Send what earlier processes have logged for this service and not sent; what had arrived changes nothing.

    Raises
    ------
    ClientError
        If the service does not answer, or will not have it; files that are not sent whole stay.
    """
    done = []
    for left in spool.leftovers(folder):
        if left.header.url != client.where:
            continue
        own = left.header
        parts = in_parts(spool.lines(left.path, left.begin, left.end))
        sent = client.send(own.dataset, own.run, (event for part in parts for event in logged.events(part)))
        if own.step is not None:
            client.set_step(own.dataset, own.run, own.step)
        left.path.unlink()
        done.append(Resent(left.path, own, sent.accepted, sent.rejected, _named(sent)))
    return done
