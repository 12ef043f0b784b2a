"""``evalstream demo``: a small real workload, streamed into a service of its own."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
import uvicorn
from evalstream_embedded.app import make_app
from evalstream_embedded.settings import LocalSettings
from evalstream_service.connections import PatientProtocol
from rich.progress import Progress, TaskID

from evalstream_cli.client import service
from evalstream_cli.console import err, fail, out, progress_bar
from evalstream_cli.report import run_figures, runs_table
from evalstream_cli.upload import wait_until_matched


def demo(
    once: Annotated[bool, typer.Option(help="End when the figures are printed, instead of staying up.")] = False,
    scenes: Annotated[int, typer.Option(min=10, max=5000, help="How many images.")] = 400,
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8000,
    folder: Annotated[Path, typer.Option(help="Working folder, made anew.")] = Path(".evalstream/demo"),
) -> None:
    """Show evalstream on real models with real mistakes.

    Composes scenes of handwritten digits, finds and reads the digits with two different models; writes notes, and finds
    the names in them with two others. Streams annotations and predictions into a service, and prints how the runs
    compare: boxes, masks, classifications, spans.
    """
    try:
        from evalstream_demo.workload import DATASETS, make_workloads
    except ModuleNotFoundError as error:
        fail(f"the demo needs {error.name}: pip install 'evalstream[demo]'")
    if folder.exists() and not (folder / "media").is_dir():
        fail(f"{folder} is there, and not from an earlier demo; name another one with --folder")
    shutil.rmtree(folder, ignore_errors=True)
    with progress_bar() as bar:
        task = bar.add_task("training two models, drawing and reading scenes", total=scenes)
        workloads = make_workloads(
            folder, scenes=scenes, on_progress=lambda done, total: bar.update(task, completed=done, total=total)
        )
    settings = LocalSettings(port=port, data=folder / "data", media=folder / "media")
    url = f"http://{settings.host}:{settings.port}"
    with _serving(settings), service(url, "") as client:
        began = time.monotonic()
        files: dict[tuple[str, str | None], Path] = {}
        for name, workload in workloads.items():
            files[name, None] = workload.annotations
            files |= {(name, run): path for run, path in workload.predictions.items()}
        with progress_bar() as bar:
            for (dataset, of_run), path in files.items():
                lines = path.read_bytes().splitlines()
                task = bar.add_task(f"streaming {path.parent.name} {path.stem}", total=len(lines))
                client.send(dataset, of_run, lines, on_part=partial(_advance, bar, task))
            for name, workload in workloads.items():
                for run in workload.predictions:
                    wait_until_matched(client, bar, name, run)
        objects = sum(workload.objects + sum(workload.predicted.values()) for workload in workloads.values())
        err.print(f"{objects:,} objects streamed in and matched in {time.monotonic() - began:.1f} s", highlight=False)
        for name, workload in workloads.items():
            query = {"confidence": 0.5, "iou": 0.5, "type": ["bbox", "mask", "span"]}
            figures = {run: run_figures(client, name, run, query) for run in workload.predictions}
            out.print(f"{name}: {DATASETS[name]}", highlight=False, style="bold")
            out.print(runs_table(figures, "two runs at confidence 0.5, IoU 0.5, policy iou-greedy"))
        if once:
            return
        out.print(f"The page is up: {url}/\nAsk it more, in another terminal:", highlight=False)
        out.print(f"  evalstream report digits --split test --metadata 'noise>=0.09' --url {url}")
        out.print("Stop it with Ctrl-C.")
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            err.print("stopping")


def _advance(bar: Progress, task: TaskID, count: int, _size: int) -> None:
    bar.advance(task, count)


@contextmanager
def _serving(settings: LocalSettings) -> Iterator[None]:
    """Run the service in a thread of this process."""
    config = uvicorn.Config(
        make_app(settings), http=PatientProtocol, host=settings.host, port=settings.port, log_level="warning"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.05)
    if not server.started:
        fail(f"the service could not start on port {settings.port}; if it is in use, choose another with --port")
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()
