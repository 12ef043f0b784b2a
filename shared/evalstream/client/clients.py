"""The two clients of a service: one waits for answers, the other lets them be awaited."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import anyio
import anyio.from_thread
import httpx
from pydantic import BaseModel
from tenacity import AsyncRetrying, Retrying

from evalstream.client.errors import told
from evalstream.client.service import Service, asking
from evalstream.client.spool import DEFAULT_FOLDER
from evalstream.client.steps import Done, Flow, Pause, Request, Steps, advance, retries
from evalstream.questions import Asked, Later, Question

if TYPE_CHECKING:
    from evalstream.client.runs import OnRejected, Run
    from evalstream.exporters.export import Exported
    from evalstream.exporters.mislabels import Mislabels
    from evalstream.exporters.questions import Format, MislabelsFormat
    from evalstream.exporters.report import Report
    from evalstream.importers.arrays import BoxFormat

A = TypeVar("A", bound=BaseModel)
T = TypeVar("T")

#: Seconds that a service may take for an answer.
PATIENCE = 120


def _settings(url: str, api_key: str) -> dict[str, Any]:
    headers = {b"Authorization": f"Bearer {api_key}".encode()} if api_key else {}
    return {"base_url": url, "headers": headers, "timeout": PATIENCE}


class Client(Service, Asked):
    """A service, asked by a thread that waits for the answer; made by :func:`evalstream.connect`.

    It may be used by several threads at once, and should be closed, as a context manager or by :meth:`close`.

    Attributes
    ----------
    where : str
        The URL of the service, or the folder of an engine in this process.
    """

    def __init__(
        self, url: str, api_key: str = "", transport: httpx.BaseTransport | None = None, *, folder: Path | None = None
    ) -> None:
        self.url = url
        self.where = url if folder is None else str(folder.resolve())
        with told(url):
            self.http = httpx.Client(**_settings(url, api_key), transport=transport)

    def run(
        self,
        dataset: str,
        name: str,
        *,
        step: int | None = None,
        classes: Sequence[str] | None = None,
        box_format: BoxFormat = "xyxy",
        spool: str | Path = DEFAULT_FOLDER,
        on_rejected: OnRejected = "raise",
        complete: bool = False,
        wait: bool = True,
    ) -> Run:
        """Begin to log the predictions of a run, image by image, from a training loop for instance.

        ``with client.run("street", "yolo-e12", step=12) as run: run.log(image, boxes=…, labels=…, scores=…)``

        Parameters
        ----------
        dataset, name : str
            Whose predictions they are.
        step : int, optional
            Where the run stands in a series of runs, an epoch for instance: what :meth:`history` goes along.
        classes, box_format
            What labels and boxes of arrays mean, as in :class:`evalstream.Evaluator`.
        spool : path
            The folder in which what is logged is kept until it is sent.
        on_rejected : {"raise", "warn"}
            What becomes of images that the service rejects, at the end.
        complete : bool
            Close the run (:meth:`complete`) at the end, once all of it has arrived: on annotated images that were not
            logged nothing was found. Not where the block ends by an error, or images were rejected.
        wait : bool
            End only when every figure of the run reflects what was logged.
        """
        from evalstream.client.runs import Run

        return Run(
            self,
            dataset,
            name,
            step=step,
            classes=classes,
            box_format=box_format,
            folder=Path(spool),
            on_rejected=on_rejected,
            complete=complete,
            wait=wait,
        )

    def export(self, dataset: str, run: str, path: str | Path, form: Format = "ndjson", **said: Any) -> Exported:
        """Write every label of a run to a file, with what became of it: :func:`evalstream.exporters.export.export`."""
        from evalstream.exporters.export import export

        return export(self, dataset, run, path, form, **said)

    def export_mislabels(
        self, dataset: str, run: str, path: str | Path, form: MislabelsFormat, **said: Any
    ) -> Mislabels:
        """Write data rows that may be labelled wrongly for a labelling tool to import.

        As :func:`evalstream.exporters.mislabels.export_mislabels`.
        """
        from evalstream.exporters.mislabels import export_mislabels

        return export_mislabels(self, dataset, run, path, form, **said)

    def report(self, dataset: str, run: str, path: str | Path | None = None, **said: Any) -> Report:
        """Ask for a run's report, and write it to a file: :func:`evalstream.exporters.documents.write_report`."""
        from evalstream.exporters.documents import write_report

        return write_report(self, dataset, run, path, **said)

    def _answer(self, question: Question[..., A], names: tuple[str, ...], said: dict[str, Any]) -> A:
        return self._take(asking(question, names, said, self._wanted))

    def _take(self, steps: Steps[T]) -> T:
        with closing(steps), told(self.url):
            step = advance(steps, None)
            while not isinstance(step, Done):
                step = advance(steps, self._do(step))
            value: T = step.value
            return value

    def _do(self, step: Request | Flow | Pause) -> httpx.Response | None:
        if isinstance(step, Pause):
            time.sleep(step.seconds)
            return None
        if isinstance(step, Flow):
            self._flow(step)
            return None
        return self._insisting(step)

    def _flow(self, flow: Flow) -> None:
        under_way: dict[Future[httpx.Response], int] = {}

        def take_answers() -> None:
            for one in wait(under_way, return_when=FIRST_COMPLETED).done:
                flow.answered(under_way.pop(one), one.result())

        with ThreadPoolExecutor(flow.at_once) as threads:
            for number, request in enumerate(flow.requests):
                under_way[threads.submit(self._insisting, request)] = number
                if len(under_way) == flow.at_once:
                    take_answers()
            while under_way:
                take_answers()

    def _insisting(self, step: Request) -> httpx.Response:
        answer: httpx.Response = Retrying(**retries(step))(self._send, step)
        return answer

    def _send(self, request: Request) -> httpx.Response:
        return request.answered(self.http.request(**request.arguments()))

    def close(self) -> None:
        """Close connections; with an embedded engine, the engine."""
        self.http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncClient(Service, Later):
    """A service whose answers are awaited; made by :func:`evalstream.connect_async`."""

    def __init__(self, url: str, api_key: str = "", transport: httpx.AsyncBaseTransport | None = None) -> None:
        self.url = url
        with told(url):
            self.http = httpx.AsyncClient(**_settings(url, api_key), transport=transport)

    async def export(self, dataset: str, run: str, path: str | Path, form: Format = "ndjson", **said: Any) -> Exported:
        """Write every label of a run to a file, as :meth:`Client.export`, on a thread that calls ``on_progress``."""
        from evalstream.exporters.export import export

        return await self._on_a_thread(export, dataset, run, path, form, **said)

    async def export_mislabels(
        self, dataset: str, run: str, path: str | Path, form: MislabelsFormat, **said: Any
    ) -> Mislabels:
        """Write data rows that may be labelled wrongly, as :meth:`Client.export_mislabels`, on a thread."""
        from evalstream.exporters.mislabels import export_mislabels

        return await self._on_a_thread(export_mislabels, dataset, run, path, form, **said)

    async def report(self, dataset: str, run: str, path: str | Path | None = None, **said: Any) -> Report:
        """Ask for a run's report, and write it to a file, as :meth:`Client.report`, on a thread."""
        from evalstream.exporters.documents import write_report

        return await self._on_a_thread(write_report, dataset, run, path, **said)

    async def _on_a_thread(self, work: Callable[..., T], *args: Any, **said: Any) -> T:
        return await anyio.to_thread.run_sync(partial(work, _FromThread(self), *args, **said))

    async def _answer(self, question: Question[..., A], names: tuple[str, ...], said: dict[str, Any]) -> A:
        return await self._take(asking(question, names, said, self._wanted))

    async def _take(self, steps: Steps[T]) -> T:
        # To read a file is work for a thread: between two steps nothing else of the loop would go on.
        with closing(steps), told(self.url):
            step = await anyio.to_thread.run_sync(advance, steps, None)
            while not isinstance(step, Done):
                step = await anyio.to_thread.run_sync(advance, steps, await self._do(step))
            value: T = step.value
            return value

    async def _do(self, step: Request | Flow | Pause) -> httpx.Response | None:
        if isinstance(step, Pause):
            await anyio.sleep(step.seconds)
            return None
        if isinstance(step, Flow):
            await self._flow(step)
            return None
        return await self._insisting(step)

    async def _flow(self, flow: Flow) -> None:
        room = anyio.Semaphore(flow.at_once)
        failed: list[Exception] = []

        async def send(number: int, request: Request) -> None:
            try:
                flow.answered(number, await self._insisting(request))
            except Exception as error:  # told below as it is: a task group would tell it in a group of its own
                failed.append(error)
            finally:
                room.release()

        async with anyio.create_task_group() as tasks:
            number = 0
            await room.acquire()
            while not failed and (request := await anyio.to_thread.run_sync(next, flow.requests, None)) is not None:
                tasks.start_soon(send, number, request)
                number += 1
                await room.acquire()
        if failed:
            raise failed[0]

    async def _insisting(self, step: Request) -> httpx.Response:
        answer: httpx.Response = await AsyncRetrying(**retries(step))(self._send, step)
        return answer

    async def _send(self, request: Request) -> httpx.Response:
        return request.answered(await self.http.request(**request.arguments()))

    async def close(self) -> None:
        """Close connections; with an embedded engine, the engine."""
        await self.http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class _FromThread(Service, Asked):
    """A client that is awaited, for work on a thread of its event loop that waits for the answers."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client
        self._wanted = client._wanted

    def _answer(self, question: Question[..., A], names: tuple[str, ...], said: dict[str, Any]) -> A:
        return self._take(asking(question, names, said, self._wanted))

    def _take(self, steps: Steps[T]) -> T:
        return anyio.from_thread.run(self._client._take, steps)
